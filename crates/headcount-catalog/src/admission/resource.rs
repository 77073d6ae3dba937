//! Values that spans take from their resource. Each resource is read once: a request may hold one resource of a thousand
//! attributes and a million scopes or spans under it, and must not cost their product.

use headcount_wire::{SpanGroup, Value};

use super::program::{DialectProgram, Programs};

/// The current resource of a walk over a request.
#[derive(Debug)]
pub(super) struct ResourceReader<'p, 'a> {
    programs: &'p Programs,
    /// The resource's position in the request; `None` before the first.
    index: Option<usize>,
    service: Option<&'a str>,
    /// By dialect, once asked for: the values of [`DialectProgram::resource_keys`].
    values: Vec<Option<ResourceValues<'a>>>,
}

/// By position in [`DialectProgram::resource_keys`]. Of two attributes with the same key the first counts.
type ResourceValues<'a> = Vec<Option<Value<'a>>>;

impl<'p, 'a> ResourceReader<'p, 'a> {
    pub(super) fn new(programs: &'p Programs) -> Self {
        Self {
            programs,
            index: None,
            service: None,
            values: vec![None; programs.dialects.len()],
        }
    }

    /// The dialect that knows the group's service or scope, with its position. Groups must come in the request's order.
    pub(super) fn dialect(&mut self, group: &SpanGroup<'a>) -> Option<(usize, &'p DialectProgram)> {
        self.enter(group);
        let (service, scope) = (self.service, group.scope_name());
        let is_one_of = |names: &[String], name: &str| names.iter().any(|known| known == name);
        let mut dialects = self.programs.dialects.iter().enumerate();
        dialects.find(|(_, dialect)| {
            service.is_some_and(|service| is_one_of(&dialect.service_names, service))
                || is_one_of(&dialect.scope_names, scope)
        })
    }

    /// The service that the group's resource names.
    pub(super) fn service(&mut self, group: &SpanGroup<'a>) -> Option<&'a str> {
        self.enter(group);
        self.service
    }

    /// The values of the group's resource for spans of dialect `index`.
    pub(super) fn values(&mut self, group: &SpanGroup<'a>, index: usize) -> &[Option<Value<'a>>] {
        self.enter(group);
        let keys = &self.programs.dialects[index].resource_keys;
        self.values[index].get_or_insert_with(|| {
            let mut values = vec![None; keys.len()];
            if keys.is_empty() {
                return values;
            }
            for attribute in group.resource_attributes() {
                if let Some(&at) = keys.get(attribute.key) {
                    let _first: &mut Value<'_> =
                        values[usize::from(at)].get_or_insert(attribute.value);
                }
            }
            values
        })
    }

    fn enter(&mut self, group: &SpanGroup<'a>) {
        if self.index == Some(group.resource_index()) {
            return;
        }
        self.index = Some(group.resource_index());
        self.values.fill(None);
        let attributes = group.resource_attributes().iter();
        self.service = attributes
            .filter(|attribute| attribute.key == "service.name")
            .find_map(|attribute| match attribute.value {
                Value::String(name) => Some(name),
                _ => None,
            });
    }
}
