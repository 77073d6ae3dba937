//! JSON in strings: the elements of arrays that give rows, and objects in the place of a plain value.

use std::borrow::Cow;

use headcount_wire::Value;
use headcount_wire::lenient_json::{JsonReader, Scalar, Shape};

use super::program::{Action, DialectProgram, EachPlan, Field, Members, NameId, Take};
use super::span::SpanRun;
use super::value::{Clean, Raw};
use crate::dialect::RefusalReason;

/// The most elements of one array that give rows.
const MAX_ELEMENTS: usize = 1_024;

/// Lets texts out of a JSON text of lifetime `'x` live as long as the request's body `'a`: as they are where the JSON
/// text is a part of the body, copied where it was decoded out of another JSON text.
type Keep<'x, 'a> = fn(Cow<'x, str>) -> Cow<'a, str>;

fn keep_borrowed(text: Cow<'_, str>) -> Cow<'_, str> {
    text
}

fn keep_copied<'a>(text: Cow<'_, str>) -> Cow<'a, str> {
    Cow::Owned(text.into_owned())
}

impl<'a> SpanRun<'a, '_> {
    fn refuse(&mut self, name: NameId, reason: RefusalReason) {
        let version = self.facts.version;
        self.refusals.add(name, reason, version, 1);
    }

    /// A list in a text attribute.
    pub(super) fn read_list(&mut self, text: &'a str, take: &Take) -> Raw<'a> {
        let mut reader = JsonReader::new(text);
        if reader.shape() != Some(Shape::Array) {
            return Raw::Text(text.into());
        }
        self.value(&mut reader, take, keep_borrowed)
            .unwrap_or(Raw::Other)
    }

    /// Writes the rows of each element of the array in `value`.
    pub(super) fn each(
        &mut self,
        dialect: &DialectProgram,
        name: NameId,
        each: &EachPlan,
        value: Value<'a>,
    ) {
        let Value::String(text) = value else {
            if value != Value::Empty {
                self.refuse(name, RefusalReason::WrongType);
            }
            return;
        };
        let mut reader = JsonReader::new(text);
        if !matches!(reader.shape(), Some(Shape::Array) | None) {
            self.refuse(name, RefusalReason::WrongType);
            return;
        }
        if let Some(mut inside) = reader.enter() {
            let mut count = 0;
            while reader.next_element(&mut inside) {
                count += 1;
                if count > MAX_ELEMENTS {
                    self.refuse(name, RefusalReason::TooManyItems);
                    return;
                }
                self.element(dialect, name, each, &mut reader);
            }
        }
        if reader.is_broken() {
            self.refuse(name, RefusalReason::TruncatedJson);
        }
    }

    fn element(
        &mut self,
        dialect: &DialectProgram,
        name: NameId,
        each: &EachPlan,
        reader: &mut JsonReader<'a>,
    ) {
        match reader.shape() {
            Some(Shape::Object) => {}
            Some(_) => {
                if reader.skip() {
                    self.refuse(name, RefusalReason::WrongType);
                }
                return;
            }
            None => return,
        }
        let texts = self.texts.clean.len();
        self.slots[each.slots.clone()].fill(Clean::Absent);
        self.object_members(reader, &each.members, keep_borrowed);
        let is_filled = self.slots[each.slots.clone()]
            .iter()
            .any(|slot| *slot != Clean::Absent);
        if is_filled {
            for row in &each.rows {
                self.row(dialect, row);
            }
        }
        self.texts.clean.truncate(texts);
    }

    fn object_members<'x>(
        &mut self,
        reader: &mut JsonReader<'x>,
        members: &Members,
        keep: Keep<'x, 'a>,
    ) {
        let Some(mut inside) = reader.enter() else {
            return;
        };
        let mut seen = 0_u128;
        while let Some(key) = reader.next_key(&mut inside) {
            let Some(&field) = members.keys.get(key.as_ref()) else {
                if reader.skip() {
                    self.refuse(members.unknown, RefusalReason::UnknownAttribute);
                    if let Some(trace) = &mut self.refusals.trace {
                        trace.unknown_member(members.unknown, &key);
                    }
                }
                continue;
            };
            let bit = 1_u128 << field;
            let field = &members.fields[usize::from(field)];
            if seen & bit != 0 {
                if reader.skip() {
                    self.refuse(field.name, RefusalReason::DuplicateKey);
                }
                continue;
            }
            seen |= bit;
            self.member(reader, field, keep);
        }
    }

    fn member<'x>(&mut self, reader: &mut JsonReader<'x>, field: &Field, keep: Keep<'x, 'a>) {
        match &field.action {
            Action::Take(take) => {
                if let Some(raw) = self.value(reader, take, keep) {
                    self.take(field.name, take, raw);
                }
            }
            Action::Object { plain, members } => {
                if reader.shape() == Some(Shape::Object) {
                    self.object_members(reader, members, keep);
                } else if let Some(raw) = self.value(reader, plain, keep) {
                    self.text_or_object(field.name, plain, members, raw);
                }
            }
            Action::Drop { proven, unproven } => {
                let reason = if self.facts.proven {
                    *proven
                } else {
                    *unproven
                };
                if reader.skip() {
                    self.refuse(field.name, reason);
                }
            }
            // The compiler admits none of these inside JSON.
            Action::Each(_)
            | Action::FrameworkVersion
            | Action::RuntimeVersion
            | Action::Framework(_)
            | Action::Runtime(_)
            | Action::Mark
            | Action::PassOver => {
                reader.skip();
            }
        }
    }

    /// The next value, or `None` where the text ends inside it. Of a list that is cut, the complete items.
    fn value<'x>(
        &mut self,
        reader: &mut JsonReader<'x>,
        take: &Take,
        keep: Keep<'x, 'a>,
    ) -> Option<Raw<'a>> {
        match (reader.shape()?, take.list) {
            (Shape::Scalar, _) => Some(match reader.scalar()? {
                Scalar::Null => Raw::Absent,
                Scalar::Boolean(value) => Raw::Boolean(value),
                Scalar::Integer(value) => Raw::Integer(value),
                Scalar::Double(value) => Raw::Double(value),
                Scalar::Text(text) => Raw::Text(keep(text)),
            }),
            (Shape::Array, Some(limit)) => {
                self.texts.raw.clear();
                let mut inside = reader.enter()?;
                let mut has_others = false;
                while reader.next_element(&mut inside) {
                    if self.texts.raw.len() > limit.0 {
                        reader.skip();
                    } else if reader.shape() != Some(Shape::Scalar) {
                        has_others |= reader.skip();
                    } else {
                        match reader.scalar() {
                            Some(Scalar::Text(text)) => self.texts.raw.push(keep(text)),
                            Some(_) => has_others = true,
                            None => {}
                        }
                    }
                }
                Some(Raw::List { has_others })
            }
            _ => reader.skip().then_some(Raw::Other),
        }
    }

    /// An attribute that is a JSON object in a text, or a plain value.
    pub(super) fn object(
        &mut self,
        name: NameId,
        plain: &Take,
        members: &Members,
        value: Value<'a>,
    ) {
        let raw = match value {
            Value::Empty => Raw::Absent,
            Value::Boolean(value) => Raw::Boolean(value),
            Value::Integer(value) => Raw::Integer(value),
            Value::Double(value) => Raw::Double(value),
            Value::String(text) => Raw::Text(text.into()),
            _ => Raw::Other,
        };
        self.text_or_object(name, plain, members, raw);
    }

    fn text_or_object(&mut self, name: NameId, plain: &Take, members: &Members, raw: Raw<'a>) {
        match raw {
            Raw::Text(text) if text.trim_start().starts_with('{') => {
                let is_broken = match text {
                    Cow::Borrowed(text) => {
                        let mut reader = JsonReader::new(text);
                        self.object_members(&mut reader, members, keep_borrowed);
                        reader.is_broken()
                    }
                    Cow::Owned(text) => {
                        let mut reader = JsonReader::new(&text);
                        self.object_members(&mut reader, members, keep_copied);
                        reader.is_broken()
                    }
                };
                if is_broken {
                    self.refuse(name, RefusalReason::TruncatedJson);
                }
            }
            raw => self.take(name, plain, raw),
        }
    }
}
