//! Writes down what becomes of each attribute of a span while admission decides it. Only [`super::Admission::explain`] has one; no
//! decision depends on it.

use hashbrown::HashMap;
use headcount_wire::{Attribute, Value};

use super::program::{Action, NameId, Slot, SpanProgram};
use super::value::{Clean, Raw, Texts};
use super::window::VersionText;
use crate::dialect::RefusalReason;
use crate::explanation::{StoredForm, ValueKind};
use crate::record::{Cell, Row};
use crate::schema::TableId;

/// The longest value that is shown, in characters.
const SHOWN: usize = 200;

/// What was seen of the span that is being read.
#[derive(Debug, Default)]
pub(super) struct Trace<'a> {
    /// Whether values are written down, too.
    pub(super) wants_values: bool,
    pub(super) attributes: Vec<Seen<'a>>,
    /// In the order in which they were first counted.
    pub(super) refused: Vec<(NameId, RefusalReason, u64)>,
    /// The `(unknown)` of the members that it is one of, and its key.
    pub(super) unknown_members: Vec<(NameId, String)>,
    /// Attributes and members of which a value could be stored.
    pub(super) taken: Vec<NameId>,
    pub(super) rows: Vec<(TableId, u64)>,
    pub(super) cells: Vec<Filled>,
    /// Where each of `cells` is.
    places: HashMap<Place, usize>,
    /// By slot: where its value comes from.
    origins: HashMap<Slot, (NameId, StoredForm)>,
    pub(super) version: VersionText,
    pub(super) shares_content: bool,
    pub(super) whole: Option<RefusalReason>,
}

/// An attribute that was seen.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    /// `None` for an attribute of the resource, which has the key that the dialect names.
    pub(super) key: Option<&'a str>,
    pub(super) value: Value<'a>,
    /// `None` if the dialect does not know it.
    pub(super) name: Option<NameId>,
    pub(super) part: Part,
}

/// The part that an attribute plays beside being stored or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// None.
    Value,
    /// It says whether the crew shares.
    Mark,
    /// The span gives no row with its column.
    PassedOver,
    /// It is this column of each row, which admission writes itself.
    EveryRow(&'static str),
}

impl Part {
    fn of(action: &Action) -> Self {
        match action {
            Action::Mark => Part::Mark,
            Action::PassOver => Part::PassedOver,
            Action::Framework(_) => Part::EveryRow("framework"),
            Action::FrameworkVersion => Part::EveryRow("framework_version"),
            Action::Runtime(_) => Part::EveryRow("runtime"),
            Action::RuntimeVersion => Part::EveryRow("runtime_version"),
            _ => Part::Value,
        }
    }
}

/// A column, and where its value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) table: TableId,
    pub(super) column: usize,
    /// `None`: the dialect, or the span itself.
    pub(super) origin: Option<NameId>,
    pub(super) form: StoredForm,
}

/// Values of one column that come from the same attribute.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) place: Place,
    pub(super) rows: u64,
    /// The first of them, if values are written down.
    pub(super) value: Option<String>,
}

impl<'a> Trace<'a> {
    /// Of no span yet.
    pub(super) fn new(wants_values: bool) -> Self {
        Self {
            wants_values,
            ..Self::default()
        }
    }

    /// Forgets the former span.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.wants_values);
    }

    /// The attributes of a span that `program` reads, and what it takes from its resource.
    pub(super) fn attributes(
        &mut self,
        program: &SpanProgram,
        attributes: &[Attribute<'a>],
        resource: &[Option<Value<'a>>],
    ) {
        let members = &program.members;
        let fields = &members.fields;
        for attribute in attributes {
            let field = members.keys.get(attribute.key);
            let field = field.map(|&field| usize::from(field));
            let field = field.or_else(|| members.pattern(attribute.key));
            let field = field.and_then(|field| fields.get(field));
            self.attributes.push(Seen {
                key: Some(attribute.key),
                value: attribute.value,
                name: field.map(|field| field.name),
                part: field.map_or(Part::Value, |field| Part::of(&field.action)),
            });
        }
        let of_resource = fields.get(program.resource_from..).unwrap_or_default();
        for (value, field) in resource.iter().zip(of_resource) {
            if let Some(value) = value {
                self.attributes.push(Seen {
                    key: None,
                    value: *value,
                    name: Some(field.name),
                    part: Part::of(&field.action),
                });
            }
        }
    }

    /// What is known of the span: its release, and whether its crew shares.
    pub(super) fn facts(&mut self, version: VersionText, shares_content: bool) {
        self.version = version;
        self.shares_content = shares_content;
    }

    pub(super) fn refused(&mut self, name: NameId, reason: RefusalReason, count: u64) {
        let mut known = self.refused.iter_mut();
        match known.find(|known| (known.0, known.1) == (name, reason)) {
            Some(known) => known.2 += count,
            None => self.refused.push((name, reason, count)),
        }
    }

    pub(super) fn unknown_member(&mut self, name: NameId, key: &str) {
        let is_known = |(known, other): &(NameId, String)| *known == name && other == key;
        if !self.unknown_members.iter().any(is_known) {
            self.unknown_members.push((name, key.to_owned()));
        }
    }

    /// A value that may be stored, as `clean`.
    pub(super) fn taken(
        &mut self,
        name: NameId,
        slot: Slot,
        raw: &Raw<'_>,
        clean: &Clean<'_>,
        texts: &Texts<'_>,
    ) {
        if *clean == Clean::Absent {
            return;
        }
        let _former = self.origins.insert(slot, (name, form(raw, clean, texts)));
        if !self.taken.contains(&name) {
            self.taken.push(name);
        }
    }

    /// A row that was written; `sources` has the slots that columns were filled from.
    pub(super) fn row(&mut self, row: Row<'_>, sources: &[(usize, Slot)]) {
        match self.rows.iter_mut().find(|(known, _)| *known == row.table) {
            Some((_, rows)) => *rows += 1,
            None => self.rows.push((row.table, 1)),
        }
        for (column, value) in row.cells().map_while(Result::ok) {
            let source = sources.iter().find(|(filled, _)| *filled == column);
            let origin = source.and_then(|(_, slot)| self.origins.get(slot).copied());
            self.cell(row.table, column, origin, value);
        }
    }

    fn cell(
        &mut self,
        table: TableId,
        column: usize,
        origin: Option<(NameId, StoredForm)>,
        value: Cell<'_>,
    ) {
        let place = Place {
            table,
            column,
            origin: origin.map(|(name, _)| name),
            form: origin.map_or(StoredForm::Derived, |(_, form)| form),
        };
        let index = *self.places.entry(place).or_insert_with(|| {
            let value = self.wants_values.then(|| shown_cell(value));
            self.cells.push(Filled {
                place,
                rows: 0,
                value,
            });
            self.cells.len() - 1
        });
        self.cells[index].rows += 1;
    }
}

/// How the stored value relates to the one that was sent.
fn form(raw: &Raw<'_>, clean: &Clean<'_>, texts: &Texts<'_>) -> StoredForm {
    match (raw, clean) {
        (_, Clean::Hash(_)) => StoredForm::KeyedHash,
        (Raw::Text(sent), Clean::Text(kept)) if sent != kept => StoredForm::Changed,
        (Raw::List { has_others }, Clean::List(range)) => {
            let kept = texts.clean.get(range.clone()).unwrap_or_default();
            match *has_others || kept != texts.raw {
                true => StoredForm::Changed,
                false => StoredForm::AsSent,
            }
        }
        _ => StoredForm::AsSent,
    }
}

/// The kind of `value`.
pub(super) fn kind(value: Value<'_>) -> ValueKind {
    match value {
        Value::Empty => ValueKind::Empty,
        Value::String(text) => ValueKind::Text { bytes: text.len() },
        Value::Boolean(_) => ValueKind::Boolean,
        Value::Integer(_) => ValueKind::Integer,
        Value::Double(_) => ValueKind::Double,
        Value::Bytes(bytes) => ValueKind::Bytes { bytes: bytes.len() },
        Value::Array(values) => ValueKind::List {
            items: values.len(),
        },
        Value::KeyValueList(values) => ValueKind::Map { keys: values.len() },
    }
}

/// The beginning of `value`, as text.
pub(super) fn shown(value: Value<'_>) -> String {
    match value {
        Value::Empty => String::new(),
        Value::String(text) => beginning(text),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Array(values) => {
            let items: Vec<String> = values.iter().take(SHOWN / 4).map(shown).collect();
            beginning(&format!("[{}]", items.join(", ")))
        }
        Value::KeyValueList(values) => {
            let entries = values.iter().take(SHOWN / 4);
            let entries: Vec<String> = entries
                .map(|entry| format!("{}: {}", entry.key, shown(entry.value)))
                .collect();
            beginning(&format!("{{{}}}", entries.join(", ")))
        }
    }
}

fn shown_cell(cell: Cell<'_>) -> String {
    match cell {
        Cell::Boolean(value) => value.to_string(),
        Cell::Integer(value) => value.to_string(),
        Cell::Double(value) => value.to_string(),
        Cell::Timestamp(microseconds) => format!("{microseconds} µs since 1970"),
        Cell::Text(text) => beginning(text),
        Cell::TextList(list) => {
            let items: Vec<&str> = list.iter().collect();
            beginning(&format!("[{}]", items.join(", ")))
        }
    }
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
