//! Compiled dialects: for each span name a program that says what to do with each attribute.

use std::borrow::Cow;

use hashbrown::HashMap;
use headcount_wire::{Attribute, Value};

use super::kind::Kinds;
use super::mark::read_mark;
pub(super) use super::name::NameId;
use crate::dialect::{Pattern, RefusalReason, Version, VersionRange};
use crate::rule::Rule;
use crate::schema::{TableId, Tier};

/// The longest list that a column may hold, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListLimit(pub(super) usize);

/// Position in a span's values.
pub(super) type Slot = u16;

/// All dialects, compiled.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) dialects: Vec<DialectProgram>,
    /// Positions of the dialects that tell spans apart by what they say.
    pub(super) of_kinds: Vec<usize>,
    pub(super) names: Vec<Name>,
    pub(super) refusals: RefusalTable,
    /// The name under which spans that no dialect matches are counted.
    pub(super) unknown_framework: NameId,
}

impl Programs {
    /// The dialect of kinds that knows a scope's name, with its position.
    pub(super) fn of_scope(&self, scope_name: &str) -> Option<(usize, &DialectProgram, &Kinds)> {
        self.dialects_of_kinds()
            .find(|(_, _, kinds)| kinds.knows_scope(scope_name))
    }

    /// The one that knows a span by its attributes.
    pub(super) fn of_attributes(
        &self,
        attributes: &[Attribute<'_>],
    ) -> Option<(usize, &DialectProgram, &Kinds)> {
        self.dialects_of_kinds()
            .find(|(_, _, kinds)| kinds.knows(attributes))
    }

    fn dialects_of_kinds(&self) -> impl Iterator<Item = (usize, &DialectProgram, &Kinds)> {
        self.of_kinds.iter().filter_map(|&at| {
            let dialect = self.dialects.get(at)?;
            Some((at, dialect, dialect.kinds.as_ref()?))
        })
    }
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
    pub(super) runtime: Option<String>,
    pub(super) service_names: Vec<String>,
    pub(super) scope_names: Vec<String>,
    /// `Some` where spans are told apart by what they say, and not by their names.
    pub(super) kinds: Option<Kinds>,
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
    /// The fields that no attribute fills.
    pub(super) stated: StatedFields,
    /// Whether a row has the trace's id.
    pub(super) has_trace: bool,
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

/// Positions of the fields of a span of a kind whose values are found by looking at it as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StatedFields {
    /// Its name, as its kind finds it.
    pub(super) name: Option<usize>,
    /// The name of the agent around it.
    pub(super) agent: Option<usize>,
    /// The class of its error.
    pub(super) error: Option<usize>,
    pub(super) instrumentation: Option<usize>,
    pub(super) instrumentation_version: Option<usize>,
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
    /// Keys of which a part may differ, for those that `keys` does not have.
    pub(super) patterns: Vec<(Pattern, u16)>,
    pub(super) fields: Vec<Field>,
    /// `(unknown)`: any other key.
    pub(super) unknown: NameId,
}

impl Members {
    /// The field of the first pattern that the key matches.
    pub(super) fn pattern(&self, key: &str) -> Option<usize> {
        let mut patterns = self.patterns.iter();
        let (_, field) = patterns.find(|(pattern, _)| pattern.matches(key))?;
        Some(usize::from(*field))
    }
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
    /// Texts, and the words that are kept in their places.
    pub(super) aliases: Vec<(String, String)>,
    /// `Some` where it is content and goes nowhere without consent: the reason that is counted then.
    pub(super) content: Option<RefusalReason>,
    /// `Some` where a slot is a list.
    pub(super) list: Option<ListLimit>,
    /// A text is a list of one.
    pub(super) single: bool,
    /// Keys are made of the text and the service's name.
    pub(super) of_service: bool,
}

impl Take {
    /// The catalog's word for `text`.
    pub(super) fn word<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        let known = self.aliases.iter().find(|(alias, _)| *alias == text);
        known.map_or(text, |(_, word)| Cow::Owned(word.clone()))
    }
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
    Duration {
        min: f64,
        max: f64,
    },
    /// The words of the two outcomes.
    Outcome {
        completed: Box<str>,
        failed: Box<str>,
    },
    /// The keyed hash of the trace's id.
    Trace,
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
