//! Kinds of spans, compiled: what a span is by what it says, before anything is known of the spans around it.

use std::borrow::Cow;

use hashbrown::HashMap;
use headcount_wire::lenient_json::{JsonReader, Scalar, Shape};
use headcount_wire::{Attribute, Span, Value};

use super::name::NameId;
use crate::dialect::{Pattern, Patterns, RefusalReason, Role, Template, VersionOf};

/// The kinds of a dialect.
#[derive(Debug)]
pub(super) struct Kinds {
    /// A group of spans is this dialect's if its scope has one of these names.
    pub(super) scope_names: Vec<Pattern>,
    /// A span is, if it has such an attribute and none of the others.
    pub(super) attributes: Vec<Pattern>,
    pub(super) unless: Vec<Pattern>,
    pub(super) senders: Vec<SenderPlan>,
    /// The attributes by which kinds, names and errors are found, by position in [`Looked`].
    pub(super) keys: HashMap<Box<str>, u16>,
    /// Of attributes that are a JSON object in a string, by position: the members that are looked up, each with its own position.
    pub(super) members: HashMap<u16, Vec<(Box<str>, u16)>>,
    /// How many positions there are.
    pub(super) looked_up: usize,
    /// The first whose conditions hold is the span's.
    pub(super) list: Vec<KindPlan>,
    pub(super) errors: ErrorPlan,
}

#[derive(Debug)]
pub(super) struct KindPlan {
    pub(super) role: Option<Role>,
    pub(super) when: Vec<WhenPlan>,
    pub(super) names: Vec<NamePlan>,
    pub(super) unless: Vec<RelationPlan>,
    pub(super) fate: Fate,
    /// `(span)`: what concerns a span of the kind as a whole.
    pub(super) span_name: NameId,
}

/// What becomes of a span of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The program at this position reads it.
    Read(usize),
    Drop(RefusalReason),
}

#[derive(Debug)]
pub(super) struct WhenPlan {
    pub(super) attributes: Vec<(u16, Patterns)>,
    pub(super) lacks: Vec<u16>,
    pub(super) scope_name: Option<Patterns>,
    pub(super) span_name: Option<Patterns>,
    pub(super) named_as: Option<u16>,
    pub(super) root: Option<bool>,
}

#[derive(Debug)]
pub(super) struct NamePlan {
    /// `None`: the span's name.
    pub(super) attribute: Option<u16>,
    pub(super) template: Option<Template>,
}

#[derive(Debug)]
pub(super) struct RelationPlan {
    pub(super) to: Relative,
    pub(super) same_name: Option<bool>,
    pub(super) without: Option<Role>,
    pub(super) then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relative {
    Inside(Role),
    Around(Role),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is of the kind at this position.
    Is(usize),
    Drop(RefusalReason),
}

#[derive(Debug)]
pub(super) struct SenderPlan {
    pub(super) scope_name: Patterns,
    pub(super) framework: Option<String>,
    pub(super) instrumentation: Option<String>,
    pub(super) version: Option<VersionOf>,
    pub(super) called_by_frameworks: bool,
    pub(super) hides_failures_of: Vec<Role>,
}

#[derive(Debug, Default)]
pub(super) struct ErrorPlan {
    pub(super) class: Vec<u16>,
    pub(super) failed: Vec<(u16, Patterns)>,
    pub(super) harmless: Option<Patterns>,
    pub(super) unnamed: Option<Patterns>,
}

/// The values of [`Kinds::keys`] in one span, in their order; of two attributes with the same key the first counts.
#[derive(Debug, Default)]
pub(super) struct Looked<'a> {
    values: Vec<Option<Value<'a>>>,
    /// Texts of members of JSON, with their positions, where they were written with escapes.
    decoded: Vec<(u16, String)>,
}

impl<'a> Looked<'a> {
    pub(super) fn read(&mut self, kinds: &Kinds, attributes: &[Attribute<'a>]) {
        self.values.clear();
        self.values.resize(kinds.looked_up, None);
        self.decoded.clear();
        for attribute in attributes {
            let Some(&at) = kinds.keys.get(attribute.key) else {
                continue;
            };
            if self.values[usize::from(at)].is_some() {
                continue;
            }
            self.values[usize::from(at)] = Some(attribute.value);
            if let (Some(members), Value::String(text)) = (kinds.members.get(&at), attribute.value)
            {
                self.read_members(members, text);
            }
        }
    }

    fn read_members(&mut self, members: &[(Box<str>, u16)], text: &'a str) {
        let mut reader = JsonReader::new(text);
        let Some(mut inside) = reader.enter() else {
            return;
        };
        while let Some(key) = reader.next_key(&mut inside) {
            let wanted = members.iter().find(|(member, _)| **member == *key);
            let Some(&(_, at)) = wanted.filter(|_| reader.shape() == Some(Shape::Scalar)) else {
                if !reader.skip() {
                    return;
                }
                continue;
            };
            match reader.scalar() {
                Some(Scalar::Text(Cow::Borrowed(text))) => {
                    self.values[usize::from(at)] = Some(Value::String(text));
                }
                Some(Scalar::Text(Cow::Owned(text))) => self.decoded.push((at, text)),
                Some(Scalar::Integer(number)) => {
                    self.values[usize::from(at)] = Some(Value::Integer(number));
                }
                Some(Scalar::Boolean(value)) => {
                    self.values[usize::from(at)] = Some(Value::Boolean(value));
                }
                Some(Scalar::Null | Scalar::Double(_)) => {}
                None => return,
            }
        }
    }

    fn value(&self, at: u16) -> Option<Value<'_>> {
        let decoded = || self.decoded.iter().find(|(of, _)| *of == at);
        self.values
            .get(usize::from(at))
            .copied()
            .flatten()
            .or_else(|| decoded().map(|(_, text)| Value::String(text)))
    }

    fn is(&self, at: u16, text: &str) -> bool {
        self.value(at) == Some(Value::String(text))
    }

    /// The text as the request's body has it.
    fn text(&self, at: u16) -> Option<&'a str> {
        match self.values.get(usize::from(at)).copied().flatten()? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    fn is_one_of(&self, at: u16, patterns: &Patterns) -> bool {
        match self.value(at) {
            Some(Value::String(text)) => patterns.matches(text),
            Some(Value::Boolean(true)) => patterns.matches("true"),
            Some(Value::Boolean(false)) => patterns.matches("false"),
            Some(Value::Empty) | None => false,
            Some(_) => patterns.matches(""),
        }
    }
}

impl Kinds {
    /// Whether the scope's name makes its spans this dialect's.
    pub(super) fn knows_scope(&self, scope_name: &str) -> bool {
        let mut names = self.scope_names.iter();
        names.any(|name| name.matches(scope_name))
    }

    /// Whether a span's attributes make it this dialect's.
    pub(super) fn knows(&self, attributes: &[Attribute<'_>]) -> bool {
        let has = |patterns: &[Pattern]| {
            attributes.iter().any(|attribute| {
                let mut patterns = patterns.iter();
                patterns.any(|pattern| pattern.matches(attribute.key))
            })
        };
        has(&self.attributes) && !has(&self.unless)
    }

    /// The position of the kind that the span is of by itself.
    pub(super) fn find(
        &self,
        span: &Span<'_, '_>,
        scope_name: &str,
        looked: &Looked<'_>,
    ) -> Option<usize> {
        let holds = |when: &WhenPlan| {
            let is_root = span.parent_span_id.is_empty();
            when.root.is_none_or(|root| root == is_root)
                && fits(when.scope_name.as_ref(), scope_name)
                && fits(when.span_name.as_ref(), span.name)
                && when.named_as.is_none_or(|at| looked.is(at, span.name))
                && when.lacks.iter().all(|&at| looked.value(at).is_none())
                && when
                    .attributes
                    .iter()
                    .all(|(at, values)| looked.is_one_of(*at, values))
        };
        let mut kinds = self.list.iter();
        kinds.position(|kind| kind.when.iter().any(holds))
    }

    /// The name of what the span did, as its kind finds it.
    pub(super) fn name<'a>(
        &self,
        kind: usize,
        span: &Span<'a, '_>,
        looked: &Looked<'a>,
    ) -> Option<&'a str> {
        let mut places = self.list[kind].names.iter();
        places.find_map(|place| {
            let text = match place.attribute {
                // Where the two are equal, the span's name is the text without the escapes of JSON.
                Some(at) if looked.is(at, span.name) => span.name,
                Some(at) => looked.text(at)?,
                None => span.name,
            };
            match &place.template {
                Some(template) => template.name(text),
                None => Some(text),
            }
        })
    }

    pub(super) fn sender(&self, scope_name: &str) -> Option<&SenderPlan> {
        let mut senders = self.senders.iter();
        senders.find(|sender| sender.scope_name.matches(scope_name))
    }
}

fn fits(patterns: Option<&Patterns>, text: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.matches(text))
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ending<'a> {
    /// `None`: nobody can tell.
    pub(super) failed: Option<bool>,
    /// The class of the error.
    pub(super) class: Option<&'a str>,
}

impl ErrorPlan {
    /// How the span ended. Its status alone does not tell: some senders leave it unset, and some mark what is no error.
    pub(super) fn ending<'a>(
        &self,
        has_error_status: bool,
        looked: &Looked<'a>,
        exception: Option<&'a str>,
        hides_failures: bool,
    ) -> Ending<'a> {
        let named = self.class.iter().find_map(|&at| looked.text(at));
        let class = |text: &'a str| {
            let class = class_name(text);
            let is_unnamed = |unnamed: &Patterns| unnamed.matches(class);
            (!self.unnamed.as_ref().is_some_and(is_unnamed)).then_some(class)
        };
        let found = named.and_then(class).or_else(|| exception.and_then(class));
        let is_harmless = |harmless: &Patterns| found.is_some_and(|class| harmless.matches(class));
        if self.harmless.as_ref().is_some_and(is_harmless) {
            return Ending {
                failed: Some(false),
                class: None,
            };
        }
        let mut said = self.failed.iter();
        let is_failure = has_error_status
            || named.is_some()
            || said.any(|(at, values)| looked.is_one_of(*at, values));
        if is_failure {
            return Ending {
                failed: Some(true),
                class: found,
            };
        }
        // An exception that the span survived, as its status says, or one that the status does not know of.
        let is_known = exception.is_none() && !hides_failures;
        Ending {
            failed: is_known.then_some(false),
            class: None,
        }
    }
}

/// The class alone: the module that it is in is the builder's own, and other senders leave it out.
fn class_name(text: &str) -> &str {
    let quoted = text
        .strip_prefix("<class '")
        .and_then(|text| text.strip_suffix("'>"));
    let path = quoted.unwrap_or(text);
    path.rsplit(['.', ':']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_named_without_its_module() {
        for (text, class) in [
            ("common.SearchError", "SearchError"),
            ("<class 'openai.NotFoundError'>", "NotFoundError"),
            ("reqwest::Error", "Error"),
            ("TimeoutError", "TimeoutError"),
            ("404", "404"),
        ] {
            assert_eq!(class_name(text), class);
        }
    }
}
