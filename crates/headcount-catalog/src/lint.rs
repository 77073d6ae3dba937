//! The rules for a catalog beyond its syntax, one error for each.

mod error;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Category, Field, Place, SwitchKind};
use crate::rule::{Kind, is_token, release_number};
use crate::schema::{Table, Tier};

pub use error::LintError;

/// The columns that the reports read, as (table, column).
pub type FieldsUsed = BTreeSet<(String, String)>;

impl Catalog {
    /// Every rule that the catalog breaks. `used` are the columns that reports read; `None` leaves that rule out, for
    /// callers that do not know the reports. Columns that only tell rows apart are read by joins, so they count like any other.
    pub fn lint(&self, used: Option<&FieldsUsed>) -> Vec<LintError> {
        let mut errors = Vec::new();
        for category in self.categories() {
            if category.why.is_empty() {
                let at = category.id.clone();
                errors.push(LintError::CategoryWithoutPurpose { at });
            }
            for field in &category.fields {
                lint_field(category, field, &mut errors);
            }
        }
        lint_history(self, &mut errors);
        lint_switches(self, &mut errors);
        lint_tables(self, &mut errors);
        for table in &self.schema().tables {
            lint_names(table, &mut errors);
        }
        if let Some(used) = used {
            lint_use(self, used, &mut errors);
        }
        errors
    }
}

fn lint_history(catalog: &Catalog, errors: &mut Vec<LintError>) {
    let mut day_before = "";
    for (at, revision) in (1_u32..).zip(catalog.history()) {
        let mut unclear = |what| errors.push(LintError::UnclearRevision { at, what });
        if revision.revision != at {
            unclear("revisions are counted from 1, oldest first");
        }
        if !is_day(&revision.date) || revision.date.as_str() < day_before {
            unclear(
                "`date` is a day such as 2026-03-02, and none is before that of the revision before",
            );
        }
        if revision.what.trim().is_empty() {
            unclear("`what` says what changed");
        }
        day_before = &revision.date;
    }
    let fingerprint = catalog.fingerprint();
    let last = catalog.history().last();
    if last.is_none_or(|last| last.fingerprint.as_ref() != Some(&fingerprint)) {
        errors.push(LintError::ChangeWithoutRevision { fingerprint });
    }
}

/// Whether the text has the form `YYYY-MM-DD`, so that days sort as texts.
fn is_day(text: &str) -> bool {
    let is_right = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_right)
}

fn lint_switches(catalog: &Catalog, errors: &mut Vec<LintError>) {
    let mut before: Option<SwitchKind> = None;
    for switch in catalog.switches() {
        let mut unclear = |what| {
            let at = switch.name.clone();
            errors.push(LintError::UnclearSwitch { at, what });
        };
        if before.is_some_and(|before| switch.kind < before) {
            unclear("a client asks for switches of this kind before those of the one above");
        }
        if switch.what.trim().is_empty() {
            unclear("`what` says what it does");
        }
        if switch.framework.is_some() != (switch.kind == SwitchKind::FrameworkVariable) {
            unclear("`framework` is stated for variables of one framework, and for no others");
        }
        before = Some(switch.kind);
    }
}

fn at(category: &Category, field: &Field) -> String {
    format!("{}.{}", category.id, field.name)
}

fn lint_field(category: &Category, field: &Field, errors: &mut Vec<LintError>) {
    let place = || at(category, field);
    let why = field.why.as_deref().unwrap_or(&category.why);
    if why.trim().is_empty() {
        errors.push(LintError::FieldWithoutPurpose { at: place() });
    }
    let limits = field.limits;
    if field.kind.needs_length() && limits.max_length.is_none_or(|length| length == 0)
        || limits.max_items == Some(0)
    {
        errors.push(LintError::TextWithoutLimit { at: place() });
    }
    if field.kind == Kind::Receipt && field.place != Place::EveryEventTable {
        errors.push(LintError::ReceiptElsewhere { at: place() });
    }
    if field.kind == Kind::Content && category.tier == Tier::Default {
        errors.push(LintError::ContentInDefaultTier { at: place() });
    }
    if field.kind.is_number() && field.unit.as_deref().is_none_or(str::is_empty) {
        errors.push(LintError::NumberWithoutUnit { at: place() });
    }
    if matches!(field.kind, Kind::FreeText | Kind::Content) && field.personal.is_none() {
        errors.push(LintError::PersonalNotStated { at: place() });
    }
    match contradiction(field) {
        Some(what) => errors.push(LintError::Contradiction { at: place(), what }),
        None if !example_fits(field) => errors.push(LintError::NoFittingExample { at: place() }),
        None => {}
    }
}

fn contradiction(field: &Field) -> Option<&'static str> {
    let limits = field.limits;
    let is_list_kind = matches!(
        field.kind,
        Kind::Token | Kind::OwnWord | Kind::FreeText | Kind::Content
    );
    let has_range = limits.min.is_some() || limits.max.is_some();
    if has_range && !field.kind.is_number() {
        return Some("`min` and `max` are for numbers");
    }
    if matches!((limits.min, limits.max), (Some(min), Some(max)) if min > max) {
        return Some("`min` is greater than `max`");
    }
    if limits.max_length.is_some() && !field.kind.needs_length() {
        return Some("`max_length` is for text");
    }
    if limits.max_items.is_some() && !is_list_kind {
        return Some("`max_items` is for lists of text");
    }
    if !field.values.is_empty() && field.kind != Kind::Enum {
        return Some("`values` is for an enum");
    }
    if field.domain.is_some() && field.kind != Kind::Key {
        return Some("`domain` is for a key");
    }
    if field.unit.is_some() && !field.kind.is_number() {
        return Some("`unit` is for numbers");
    }
    if field.kind == Kind::Duration && field.unit.as_deref().is_some_and(|unit| unit != "s") {
        return Some("a duration is stored in seconds: `unit` is `s`");
    }
    None
}

fn example_fits(field: &Field) -> bool {
    let Some(example) = &field.example else {
        return false;
    };
    match (&field.limits.max_items, example) {
        (Some(max), serde_json::Value::Array(items)) => {
            items.len() <= *max as usize && items.iter().all(|item| value_fits(field, item))
        }
        (None, value) => value_fits(field, value),
        (Some(_), _) => false,
    }
}

fn value_fits(field: &Field, value: &serde_json::Value) -> bool {
    let limits = field.limits;
    let in_range = |number: f64| {
        limits.min.is_none_or(|min| number >= min) && limits.max.is_none_or(|max| number <= max)
    };
    // YAML reads an unquoted 10.0 as a number; as an example of a text it is its own spelling.
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let short = limits
        .max_length
        .is_none_or(|max| text.chars().count() <= max as usize);
    match field.kind {
        Kind::Boolean => value.is_boolean(),
        Kind::Integer => value.as_i64().is_some_and(|number| in_range(number as f64)),
        Kind::Double | Kind::Duration => value.as_f64().is_some_and(in_range),
        Kind::Enum => field.values.contains(&text),
        Kind::Version => short && release_number(&text).is_some(),
        Kind::Token => short && is_token(&text),
        Kind::Id => text.len() == 36,
        Kind::Key | Kind::Receipt => {
            text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        Kind::Timestamp => text.len() == 27 && text.ends_with('Z'),
        Kind::OwnWord | Kind::FreeText | Kind::Content => short && !text.is_empty(),
    }
}

fn lint_tables(catalog: &Catalog, errors: &mut Vec<LintError>) {
    let mut tiers: BTreeMap<&str, BTreeSet<Tier>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for category in catalog.categories() {
        for field in &category.fields {
            let table = field.place.name();
            let _first_of_table = tiers.entry(table).or_default().insert(category.tier);
            if !seen.insert((table, &field.name)) {
                errors.push(LintError::DuplicateName {
                    at: at(category, field),
                    table: table.to_owned(),
                });
            }
        }
    }
    for (table, _) in tiers.iter().filter(|(_, tiers)| tiers.len() > 1) {
        let at = (*table).to_owned();
        errors.push(LintError::TableOfBothTiers { at });
    }
}

fn lint_names(table: &Table, errors: &mut Vec<LintError>) {
    for (index, first) in table.columns.iter().enumerate() {
        for second in &table.columns[index + 1..] {
            if look_alike(&first.name, &second.name) {
                errors.push(LintError::LookAlikeNames {
                    table: table.name.clone(),
                    first: first.name.clone(),
                    second: second.name.clone(),
                });
            }
        }
    }
}

/// Equal but for case, underscores or a plural; or, from five letters on, but for one letter.
fn look_alike(first: &str, second: &str) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let (first, second) = (plain(first), plain(second));
    let singular = |name: &str| name.strip_suffix('s').unwrap_or(name).to_owned();
    singular(&first) == singular(&second)
        || first.len().min(second.len()) >= 5 && differ_by_one(first.as_bytes(), second.as_bytes())
}

fn differ_by_one(first: &[u8], second: &[u8]) -> bool {
    let shared = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let (first, second) = (&first[shared..], &second[shared..]);
    match first.len().cmp(&second.len()) {
        std::cmp::Ordering::Equal => first.len() <= 1 || first[1..] == second[1..],
        std::cmp::Ordering::Less => first == &second[1..],
        std::cmp::Ordering::Greater => &first[1..] == second,
    }
}

fn lint_use(catalog: &Catalog, used: &FieldsUsed, errors: &mut Vec<LintError>) {
    let mut read: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut all = BTreeMap::new();
    for (id, table) in catalog.schema().iter() {
        for (index, column) in table.columns.iter().enumerate() {
            let Some(source) = catalog.source_index(id, index) else {
                continue;
            };
            if used.contains(&(table.name.clone(), column.name.clone())) {
                read.insert(source);
            }
            all.entry(source).or_insert(&table.name);
        }
    }
    // A column that every table begins with is one field: it is used where any table's is. A receipt's reader is the
    // erasure that its sender asks for.
    for ((category, field), table) in all {
        let of = &catalog.categories()[category];
        let field_at = &of.fields[field];
        let states_reader = (field_at.read_by.as_deref()).is_some_and(|who| !who.trim().is_empty());
        let is_receipt = field_at.kind == Kind::Receipt;
        if !is_receipt && !states_reader && !read.contains(&(category, field)) {
            errors.push(LintError::UnusedField {
                at: at(of, field_at),
                table: table.clone(),
            });
        }
    }
}
