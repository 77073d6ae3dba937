//! Compiled dialects: for each span name a program that says what to do with each attribute.

use hashbrown::HashMap;
use headcount_wire::Value;

use super::mark::read_mark;
use crate::dialect::{RefusalReason, Version, VersionRange};
use crate::rule::Rule;
use crate::schema::{TableId, Tier};

/// Position in [`Programs::names`]: a span and a key as our own files name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NameId(pub(super) u16);

/// The longest list that a column may hold, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListLimit(pub(super) usize);

/// Position in a span's values.
pub(super) type Slot = u16;

/// All dialects, compiled.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) dialects: Vec<DialectProgram>,
    pub(super) names: Vec<Name>,
    pub(super) refusals: RefusalTable,
    /// The name under which spans that no dialect matches are counted.
    pub(super) unknown_framework: NameId,
}

/// A span's key as the table `refusals` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) framework: String,
    pub(super) runtime: Option<String>,
    pub(super) span: String,
    pub(super) key: String,
}

/// The columns of the table `refusals`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefusalTable {
    pub(super) table: TableId,
    pub(super) envelope: EnvelopeColumns,
    pub(super) span: usize,
    pub(super) key: usize,
    pub(super) reason: usize,
    pub(super) count: usize,
}

/// Where the columns that every table begins with are.
#[derive(Debug, Clone, Copy)]
pub(super) struct EnvelopeColumns {
    pub(super) time: usize,
    pub(super) framework: usize,
    pub(super) framework_version: usize,
    pub(super) runtime: usize,
    pub(super) runtime_version: usize,
    /// `None` in a table of counts, which are nobody's.
    pub(super) receipt: Option<usize>,
}

impl EnvelopeColumns {
    /// Whether admission writes the column itself.
    pub(super) fn contains(&self, column: usize) -> bool {
        let Self {
            time,
            framework,
            framework_version,
            runtime,
            runtime_version,
            receipt,
        } = *self;
        [time, framework, framework_version, runtime, runtime_version].contains(&column)
            || receipt == Some(column)
    }
}

#[derive(Debug)]
pub(super) struct DialectProgram {
    pub(super) framework: String,
    pub(super) runtime: String,
    pub(super) service_names: Vec<String>,
    pub(super) scope_names: Vec<String>,
    /// The attributes that spans take from their resource, by position in what [`super::resource`] reads.
    pub(super) resource_keys: HashMap<Box<str>, u16>,
    pub(super) spans: HashMap<Box<str>, usize>,
    pub(super) programs: Vec<SpanProgram>,
    /// `(unknown)`, `(span)`.
    pub(super) unknown_span: NameId,
}

#[derive(Debug)]
pub(super) struct SpanProgram {
    /// The span's attributes, then those of its resource, which have no key here.
    pub(super) members: Members,
    /// Where the fields of the resource begin, in the order of [`DialectProgram::resource_keys`].
    pub(super) resource_from: usize,
    /// `(span)`: what concerns the span as a whole.
    pub(super) span_name: NameId,
    pub(super) slot_count: usize,
    pub(super) rows: Vec<RowPlan>,
    /// Fields that name the crew; the first one present counts.
    pub(super) crew: Vec<usize>,
    pub(super) framework: Option<usize>,
    pub(super) version: Option<usize>,
    pub(super) runtime: Option<usize>,
    pub(super) runtime_version: Option<usize>,
    /// Whether a version that the span does not state is that which the request's other spans agree on. Not where a
    /// resource states it, or the spans may be of different frameworks.
    pub(super) borrows_versions: bool,
    pub(super) consent: Option<ConsentPlan>,
    pub(super) repeats: Option<RepeatPlan>,
}

impl SpanProgram {
    /// Whether `value` of `field` marks what the dialect takes it for.
    pub(super) fn is_marked(&self, field: usize, value: Option<Value<'_>>) -> bool {
        match (&self.members.fields[field].action, value) {
            (_, None) => false,
            (Action::Mark, Some(value)) => read_mark(value) == Ok(true),
            (_, Some(_)) => true,
        }
    }

    /// Whether spans of this name say something about other spans of their crew.
    pub(super) fn describes_crew(&self) -> bool {
        let vouches = self.consent.as_ref().is_some_and(|consent| consent.vouches);
        let runtime = self.runtime_version;
        let names_runtime = runtime.is_some_and(|field| field < self.resource_from);
        !self.crew.is_empty() && (vouches || names_runtime)
    }
}

/// The attributes of a span, or the members of a JSON object, that the dialect knows.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) keys: HashMap<Box<str>, u16>,
    pub(super) fields: Vec<Field>,
    /// `(unknown)`: any other key.
    pub(super) unknown: NameId,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: NameId,
    /// The releases in which the action holds, and the reason that is counted in others.
    pub(super) only: Option<(VersionRange, RefusalReason)>,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Take(Take),
    Drop {
        proven: RefusalReason,
        unproven: RefusalReason,
    },
    Each(EachPlan),
    Object {
        plain: Take,
        members: Members,
    },
    FrameworkVersion,
    RuntimeVersion,
    /// The row's framework, instead of the dialect's.
    Framework(Rule),
    /// The row's runtime, instead of the dialect's.
    Runtime(Rule),
    /// Says something by being there ([`ConsentPlan::marked_by`]) and goes nowhere.
    Mark,
    /// Of a resource: rows of this span have no such column.
    PassOver,
}

/// A value that goes into one or more slots, one for each rule that it is checked against.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) slots: Vec<SlotRule>,
    pub(super) milliseconds: bool,
    pub(super) absent_if: Vec<String>,
    /// `Some` where it is content and goes nowhere without consent: the reason that is counted then.
    pub(super) content: Option<RefusalReason>,
    /// `Some` where a slot is a list.
    pub(super) list: Option<ListLimit>,
}

#[derive(Debug)]
pub(super) struct SlotRule {
    pub(super) slot: Slot,
    pub(super) rule: Rule,
    /// Whether only rows of the shared tier take from the slot.
    pub(super) shared: bool,
}

/// A JSON array of objects; each gives a row.
#[derive(Debug)]
pub(super) struct EachPlan {
    pub(super) members: Members,
    pub(super) slots: std::ops::Range<usize>,
    pub(super) rows: Vec<RowPlan>,
}

#[derive(Debug)]
pub(super) struct RowPlan {
    pub(super) table: TableId,
    /// Its name, which keys its receipts.
    pub(super) name: Box<str>,
    pub(super) tier: Tier,
    pub(super) envelope: EnvelopeColumns,
    /// By column; of several entries for one column the first that has a value counts.
    pub(super) columns: Vec<(usize, Source)>,
    /// Slots of content: a row of the shared tier is written if one of them has a value.
    pub(super) evidence: Vec<Slot>,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    Slot(Slot),
    Constant(Box<str>),
    Start,
    End,
    Duration { min: f64, max: f64 },
    Outcome,
}

#[derive(Debug)]
pub(super) struct ConsentPlan {
    /// `None`: any release.
    pub(super) releases: Option<Vec<VersionRange>>,
    /// Fields that must be there, and a mark's value true.
    pub(super) marked_by: Vec<usize>,
    pub(super) vouches: bool,
    pub(super) vouched: bool,
}

impl ConsentPlan {
    /// Whether a span of this release, with these markers, proves by itself that its crew shares.
    pub(super) fn is_proven(&self, version: Option<Version>, has: impl Fn(usize) -> bool) -> bool {
        let in_range = self.releases.as_ref().is_none_or(|releases| {
            version.is_some_and(|version| releases.iter().any(|range| range.contains(version)))
        });
        // Without either, every span would be a proof; the compiler refuses such a plan.
        let asks = self.releases.is_some() || !self.marked_by.is_empty();
        asks && in_range && self.marked_by.iter().all(|&field| has(field))
    }
}

#[derive(Debug)]
pub(super) struct RepeatPlan {
    pub(super) releases: VersionRange,
    pub(super) same: Vec<usize>,
    pub(super) within_us: i64,
}
