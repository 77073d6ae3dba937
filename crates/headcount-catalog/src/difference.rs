//! The difference between two catalogs, in the words of whoever reviews what is collected.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::catalog::{Catalog, Category, Field, Limits};
use crate::schema::Tier;

/// What changes when one catalog takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CatalogDifference {
    /// Whatever lets more be collected, or keeps it for longer: what a reviewer decides on.
    pub more: Vec<CatalogChange>,
    /// Whatever lets less be collected, or keeps it for a shorter time.
    pub less: Vec<CatalogChange>,
    /// Other changes: purposes, words, switches, the same values in another form.
    pub other: Vec<CatalogChange>,
    /// The revisions of the newer catalog's history that the older one does not have.
    pub revisions: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CatalogChange {
    /// `category.field`, a category, or another part of the catalog.
    pub at: String,
    /// The table that holds the values; empty where no table is concerned.
    pub table: String,
    /// What changes, in a sentence.
    pub what: String,
    /// The purpose that the newer catalog states, for whatever is new.
    pub why: String,
}

/// Which way a change goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    More,
    Less,
    Other,
}

impl Catalog {
    /// What changes when `newer` takes this catalog's place.
    pub fn difference_to(&self, newer: &Catalog) -> CatalogDifference {
        let mut difference = CatalogDifference::default();
        difference.retention(self, newer);
        difference.fields(self, newer);
        difference.categories(self, newer);
        difference.switches(self, newer);
        let known: BTreeSet<&str> = (self.history().iter())
            .map(|revision| revision.what.as_str())
            .collect();
        let newer = newer.history().iter();
        let added = newer.filter(|revision| !known.contains(revision.what.as_str()));
        difference.revisions = added
            .map(|revision| {
                let (number, date, what) = (revision.revision, &revision.date, &revision.what);
                format!("Revision {number} of {date}: {what}")
            })
            .collect();
        difference
    }
}

impl CatalogDifference {
    /// Whether the catalogs say the same.
    pub fn is_empty(&self) -> bool {
        self.more.is_empty() && self.less.is_empty() && self.other.is_empty()
    }

    fn add(&mut self, way: Way, change: CatalogChange) {
        match way {
            Way::More => self.more.push(change),
            Way::Less => self.less.push(change),
            Way::Other => self.other.push(change),
        }
    }

    fn say(&mut self, way: Way, at: &str, table: &str, what: String) {
        let change = CatalogChange {
            at: at.to_owned(),
            table: table.to_owned(),
            what,
            why: String::new(),
        };
        self.add(way, change);
    }

    fn retention(&mut self, older: &Catalog, newer: &Catalog) {
        let (old, new) = (older.retention(), newer.retention());
        for (name, old, new) in [
            (
                "rows of the default tier",
                old.default_days,
                new.default_days,
            ),
            (
                "content of the shared tier",
                old.shared_days,
                new.shared_days,
            ),
        ] {
            let way = match new.cmp(&old) {
                std::cmp::Ordering::Greater => Way::More,
                std::cmp::Ordering::Less => Way::Less,
                std::cmp::Ordering::Equal => continue,
            };
            let what = format!("{name} are kept for at most {new} days instead of {old}");
            self.say(way, "retention", "", what);
        }
    }

    fn fields(&mut self, older: &Catalog, newer: &Catalog) {
        let old: Vec<Placed<'_>> = placed(older).collect();
        let new: Vec<Placed<'_>> = placed(newer).collect();
        for field in &new {
            match old.iter().find(|known| known.is_same_column(field)) {
                Some(known) => self.compare(known, field),
                None => self.add(Way::More, field.added()),
            }
        }
        for field in old {
            if !new.iter().any(|kept| kept.is_same_column(&field)) {
                let what = format!("no longer collected ({})", field.describe());
                self.say(Way::Less, &field.name(), field.table(), what);
            }
        }
    }

    fn compare(&mut self, old: &Placed<'_>, new: &Placed<'_>) {
        let (at, table) = (new.name(), new.table());
        if old.category.tier != new.category.tier {
            let (way, what) = match new.category.tier {
                Tier::Default => (
                    Way::More,
                    "collected from everybody, and no longer from crews with share_crew alone",
                ),
                Tier::Shared => (
                    Way::Less,
                    "collected from crews with share_crew alone, and no longer from everybody",
                ),
            };
            self.say(way, &at, table, what.to_owned());
        }
        if old.category.id != new.category.id {
            let what = format!("moved here from the category `{}`", old.category.id);
            self.say(Way::Other, &at, table, what);
        }
        let (was, is) = (old.field, new.field);
        if was.kind != is.kind || was.domain != is.domain {
            let what = format!("now {} instead of {}", is.kind_text(), was.kind_text());
            self.say(Way::More, &at, table, what);
        }
        self.values(&at, table, was, is);
        self.limits(&at, table, was.limits, is.limits);
        if was.personal != is.personal {
            let (way, what) = match is.personal {
                Some(true) => (Way::More, "may name a person now"),
                _ => (Way::Other, "is said to name no person now"),
            };
            self.say(way, &at, table, what.to_owned());
        }
        if was.unit != is.unit {
            let unit = |field: &Field| field.unit.clone().unwrap_or_else(|| "no unit".to_owned());
            let what = format!("counted in {} instead of {}", unit(is), unit(was));
            self.say(Way::Other, &at, table, what);
        }
        if old.purpose() != new.purpose() {
            let what = format!(
                "another purpose: “{}” instead of “{}”",
                new.purpose(),
                old.purpose()
            );
            self.say(Way::More, &at, table, what);
        }
    }

    fn values(&mut self, at: &str, table: &str, was: &Field, is: &Field) {
        let missing = |from: &Field, of: &Field| {
            let values = of
                .values
                .iter()
                .filter(|value| !from.values.contains(value));
            values.map(|value| format!("`{value}`")).collect::<Vec<_>>()
        };
        let (added, removed) = (missing(was, is), missing(is, was));
        if !added.is_empty() {
            self.say(
                Way::More,
                at,
                table,
                format!("may also be {}", added.join(", ")),
            );
        }
        if !removed.is_empty() {
            self.say(
                Way::Less,
                at,
                table,
                format!("can no longer be {}", removed.join(", ")),
            );
        }
    }

    fn limits(&mut self, at: &str, table: &str, was: Limits, is: Limits) {
        let texts = [
            ("characters", was.max_length, is.max_length),
            ("items", was.max_items, is.max_items),
        ];
        for (unit, old, new) in texts {
            if old == new {
                continue;
            }
            let number = |limit: Option<u32>| limit.map_or("none".to_owned(), |n| n.to_string());
            // No limit on items means no list.
            let is_wider = new.unwrap_or(u32::MAX) > old.unwrap_or(u32::MAX) || old.is_none();
            let way = if is_wider { Way::More } else { Way::Less };
            let what = format!("at most {} {unit} instead of {}", number(new), number(old));
            self.say(way, at, table, what);
        }
        let (old, new) = ((was.min, was.max), (is.min, is.max));
        if old != new {
            let low = |limit: Option<f64>| limit.unwrap_or(f64::NEG_INFINITY);
            let high = |limit: Option<f64>| limit.unwrap_or(f64::INFINITY);
            let is_wider = low(new.0) < low(old.0) || high(new.1) > high(old.1);
            let way = if is_wider { Way::More } else { Way::Less };
            let what = format!("{} instead of {}", range(new), range(old));
            self.say(way, at, table, what);
        }
    }

    /// Categories without fields, which only state that something is collected elsewhere.
    fn categories(&mut self, older: &Catalog, newer: &Catalog) {
        let has = |catalog: &Catalog, id: &str| catalog.categories().iter().any(|one| one.id == id);
        for category in newer.categories() {
            if category.fields.is_empty() && !has(older, &category.id) {
                self.say(
                    Way::More,
                    &category.id,
                    category.place.name(),
                    category.why.clone(),
                );
            }
        }
        for category in older.categories() {
            if category.fields.is_empty() && !has(newer, &category.id) {
                let what = "the category is gone".to_owned();
                self.say(Way::Less, &category.id, category.place.name(), what);
            }
        }
    }

    fn switches(&mut self, older: &Catalog, newer: &Catalog) {
        let names = |catalog: &Catalog| -> BTreeSet<String> {
            catalog
                .switches()
                .iter()
                .map(|switch| switch.name.clone())
                .collect()
        };
        let (old, new) = (names(older), names(newer));
        for name in new.difference(&old) {
            self.say(
                Way::Less,
                "switches",
                "",
                format!("`{name}` also turns a client off"),
            );
        }
        for name in old.difference(&new) {
            let what = format!("`{name}` is no longer listed as a switch that turns a client off");
            self.say(Way::More, "switches", "", what);
        }
    }

    /// The difference as Markdown, between catalogs that are called `older` and `newer`.
    pub fn markdown(&self, older: &str, newer: &str) -> String {
        let mut page = format!("# From {older} to {newer}\n");
        if self.is_empty() {
            page.push_str("\nBoth catalogs allow the same, for the same purposes.\n");
        }
        for (heading, changes) in [
            ("More is collected, or for another purpose", &self.more),
            ("Less is collected", &self.less),
            ("Other changes", &self.other),
        ] {
            if changes.is_empty() {
                continue;
            }
            let _ = write!(page, "\n## {heading}: {}\n\n", changes.len());
            for change in changes {
                let CatalogChange {
                    at,
                    table,
                    what,
                    why,
                } = change;
                let table = match table.as_str() {
                    "" => String::new(),
                    table => format!(" (table `{table}`)"),
                };
                let _ = writeln!(page, "- `{at}`{table}: {what}.");
                if !why.is_empty() {
                    let _ = writeln!(page, "  Purpose: {why}");
                }
            }
        }
        if !self.revisions.is_empty() {
            page.push_str("\n## The newer catalog's history says\n\n");
            for revision in &self.revisions {
                let _ = writeln!(page, "- {revision}");
            }
        }
        page
    }
}

/// A field in its category.
#[derive(Debug, Clone, Copy)]
struct Placed<'c> {
    category: &'c Category,
    field: &'c Field,
}

fn placed(catalog: &Catalog) -> impl Iterator<Item = Placed<'_>> {
    catalog.categories().iter().flat_map(|category| {
        let fields = category.fields.iter();
        fields.map(move |field| Placed { category, field })
    })
}

impl Placed<'_> {
    fn name(&self) -> String {
        format!("{}.{}", self.category.id, self.field.name)
    }

    fn table(&self) -> &str {
        self.field.place.name()
    }

    fn is_same_column(&self, other: &Placed<'_>) -> bool {
        self.field.place == other.field.place && self.field.name == other.field.name
    }

    fn purpose(&self) -> &str {
        let own = self.field.why.as_deref();
        own.unwrap_or(&self.category.why).trim()
    }

    /// Kind, limits and what may be personal.
    fn describe(&self) -> String {
        let field = self.field;
        let mut text = field.kind_text();
        let limits = field.limits_text();
        if !limits.is_empty() {
            let _ = write!(text, ", {limits}");
        }
        if let Some(unit) = &field.unit {
            let _ = write!(text, ", in {unit}");
        }
        if field.personal == Some(true) {
            text.push_str(", may name a person by accident");
        }
        text
    }

    fn added(&self) -> CatalogChange {
        let from = match self.category.tier {
            Tier::Default => "from everybody",
            Tier::Shared => "only from crews with share_crew",
        };
        CatalogChange {
            at: self.name(),
            table: self.table().to_owned(),
            what: format!("newly collected, {from}: {}", self.describe()),
            why: self.purpose().to_owned(),
        }
    }
}

fn range((min, max): (Option<f64>, Option<f64>)) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) => format!("up to {max}"),
        (None, None) => "any number".to_owned(),
    }
}
