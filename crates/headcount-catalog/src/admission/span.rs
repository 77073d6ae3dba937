//! One span: its attributes into values, its values into rows.

use headcount_wire::{Attribute, Span, StatusCode, TraceRequest, Value};

use super::program::{Action, DialectProgram, Programs, RowPlan, Source, SpanProgram, Take};
use super::refusal::Refusals;
use super::survey::Survey;
use super::value::{Clean, Cleaner, Raw, Texts, clean_version};
use super::window::{CrewFacts, Identity, VersionText, Window};
use crate::dialect::{Reason, Version};
use crate::record::{BatchWriter, Fingerprint, RowWriter};
use crate::schema::Tier;

/// 2023-01-01T00:00:00Z: before any release of any framework that reports.
const EARLIEST_US: i64 = 1_672_531_200_000_000;
/// How far a sender's clock may be ahead.
const DAY_US: i64 = 86_400_000_000;
const VERSION_LENGTH: usize = 31;

/// Which program reads the span, and the request it came in.
pub(super) struct Context<'c, 'a> {
    pub(super) request: &'c TraceRequest<'a>,
    pub(super) dialect: &'c DialectProgram,
    pub(super) index: usize,
    pub(super) program: &'c SpanProgram,
}

/// What is known of the span that is being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    start_us: i64,
    end_us: Option<i64>,
    failed: bool,
    pub(super) version: VersionText,
    pub(super) compared: Option<Version>,
    runtime_version: VersionText,
    pub(super) proven: bool,
}

/// Reads the spans of one request, one after the other, in the same memory.
pub(super) struct SpanRun<'a, 'p> {
    pub(super) programs: &'p Programs,
    pub(super) cleaner: &'p Cleaner,
    window: &'p Window,
    received_us: i64,
    pub(super) writer: BatchWriter,
    pub(super) refusals: Refusals,
    values: Vec<Option<Value<'a>>>,
    repeated_keys: Vec<usize>,
    pub(super) slots: Vec<Clean<'a>>,
    pub(super) texts: Texts<'a>,
    pub(super) facts: Facts,
    /// The last version that was read: most requests know one only.
    last_version: Option<(&'a str, VersionText, Option<Version>)>,
}

impl<'a, 'p> SpanRun<'a, 'p> {
    pub(super) fn new(
        programs: &'p Programs,
        cleaner: &'p Cleaner,
        window: &'p Window,
        received_us: i64,
        body_length: usize,
    ) -> Self {
        Self {
            programs,
            cleaner,
            window,
            received_us,
            writer: BatchWriter::with_capacity(body_length / 2),
            refusals: Refusals::default(),
            values: Vec::new(),
            repeated_keys: Vec::new(),
            slots: Vec::new(),
            texts: Texts::default(),
            facts: Facts::default(),
            last_version: None,
        }
    }

    pub(super) fn refusals(&mut self) -> &mut Refusals {
        &mut self.refusals
    }

    pub(super) fn finish(self) -> (BatchWriter, Refusals, i64) {
        (self.writer, self.refusals, self.received_us)
    }

    /// Writes the span's entry.
    ///
    /// # Errors
    /// The span is refused whole; nothing was written or counted.
    pub(super) fn admit(
        &mut self,
        context: &Context<'_, 'a>,
        span: &Span<'a, '_>,
        fingerprint: Fingerprint,
        survey: &mut Survey,
    ) -> Result<(), Reason> {
        let program = context.program;
        let start_us = (span.start_unix_nano / 1_000).cast_signed();
        if !(EARLIEST_US..=self.received_us.saturating_add(DAY_US)).contains(&start_us) {
            return Err(Reason::TimeOutOfRange);
        }
        self.facts = Facts {
            start_us,
            end_us: (span.end_unix_nano >= span.start_unix_nano)
                .then_some((span.end_unix_nano / 1_000).cast_signed()),
            failed: span.status == StatusCode::Error,
            ..Facts::default()
        };
        let unknown = self.collect(program, span.attributes);
        self.resolve(context, survey);
        if self.is_repetition(context, fingerprint) {
            return Err(Reason::Repeated);
        }
        let version = self.facts.version;
        self.refusals.add(
            program.members.unknown,
            Reason::UnknownAttribute,
            version,
            unknown,
        );
        for field in std::mem::take(&mut self.repeated_keys) {
            let name = program.members.fields[field].name;
            self.refusals.add(name, Reason::DuplicateKey, version, 1);
        }
        if self.facts.end_us.is_none() {
            self.refusals
                .add(program.span_name, Reason::EndBeforeStart, version, 1);
        }
        self.slots.clear();
        self.slots.resize(program.slot_count, Clean::Absent);
        self.texts.clean.clear();
        self.writer.begin_entry(fingerprint);
        self.rows(context);
        self.writer.end_entry();
        Ok(())
    }

    /// Puts the attributes into the order of the program; gives the number of those that it does not know.
    fn collect(&mut self, program: &SpanProgram, attributes: &[Attribute<'a>]) -> u64 {
        self.values.clear();
        self.values.resize(program.members.fields.len(), None);
        self.repeated_keys.clear();
        let mut unknown = 0;
        for attribute in attributes {
            match program.members.keys.get(attribute.key) {
                None => unknown += 1,
                Some(&field) => {
                    let field = usize::from(field);
                    match &mut self.values[field] {
                        Some(_) => self.repeated_keys.push(field),
                        empty => *empty = Some(attribute.value),
                    }
                }
            }
        }
        unknown
    }

    fn text(&self, field: usize) -> Option<&'a str> {
        match self.values[field] {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A version that the span itself carries.
    fn own_version(&mut self, field: Option<usize>) -> (VersionText, Option<Version>) {
        let Some(text) = field.and_then(|field| self.text(field)) else {
            return Default::default();
        };
        if let Some((last, version, compared)) = self.last_version {
            if last == text {
                return (version, compared);
            }
        }
        let Ok(public) = clean_version(text.into(), VERSION_LENGTH) else {
            return Default::default();
        };
        let version = VersionText::new(&public);
        let compared = Version::parse(&public);
        self.last_version = Some((text, version, compared));
        (version, compared)
    }

    /// Finds the span's versions and whether its content may be kept (promise 2): by the span itself, by its crew, and,
    /// for the versions alone, by what the whole request agrees on.
    fn resolve(&mut self, context: &Context<'_, 'a>, survey: &mut Survey) {
        let program = context.program;
        let (own, compared) = self.own_version(program.version);
        let claims_version = program
            .version
            .is_some_and(|field| self.values[field].is_some());
        let own_runtime = match program.runtime_version {
            Some(field) => self.text(field),
            None => None,
        };
        let crew = self.crew(context);
        let crew_facts = match crew {
            Some(crew) => survey.crew(self.window, crew),
            None => CrewFacts::default(),
        };
        let values = &self.values;
        self.facts.proven = program.consent.as_ref().is_some_and(|consent| {
            consent.is_proven(compared, |field| values[field].is_some())
                || (!claims_version && consent.vouched && crew_facts.shares)
        });
        let mut facts = CrewFacts {
            version: own,
            ..CrewFacts::default()
        };
        if let Some(text) = own_runtime {
            if let Ok(public) = clean_version(text.into(), VERSION_LENGTH) {
                facts.runtime_version = VersionText::new(&public);
            }
        }
        facts.merge(&crew_facts);
        if facts.version.is_none() && !claims_version {
            facts.version = survey.version(self.programs, context.request, context.index);
        }
        if facts.runtime_version.is_none() && own_runtime.is_none() {
            facts.runtime_version = survey.runtime_version(context.index);
        }
        self.facts.version = facts.version;
        self.facts.runtime_version = facts.runtime_version;
        self.facts.compared = match compared {
            Some(compared) => Some(compared),
            None => facts.version.as_str().and_then(Version::parse),
        };
    }

    fn crew(&self, context: &Context<'_, 'a>) -> Option<Identity> {
        let mut texts = context
            .program
            .crew
            .iter()
            .filter_map(|&field| self.text(field));
        let crew = texts.find(|text| !text.is_empty())?;
        Some(self.window.identity((context.index, crew)))
    }

    fn is_repetition(&self, context: &Context<'_, 'a>, fingerprint: Fingerprint) -> bool {
        let Some(repeats) = &context.program.repeats else {
            return false;
        };
        if !self
            .facts
            .compared
            .is_some_and(|version| repeats.releases.contains(version))
        {
            return false;
        }
        let same: Option<Vec<&str>> = repeats.same.iter().map(|&field| self.text(field)).collect();
        let Some(same) = same else {
            return false;
        };
        let event = self.window.identity((context.index, same));
        self.window
            .is_repetition(event, self.facts.start_us, fingerprint, repeats.within_us)
    }

    fn rows(&mut self, context: &Context<'_, 'a>) {
        let fields = &context.program.members.fields;
        let mut arrays = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let Some(value) = self.values[index] else {
                continue;
            };
            let version = self.facts.version;
            if let Some((range, reason)) = &field.only {
                if !self
                    .facts
                    .compared
                    .is_some_and(|version| range.contains(version))
                {
                    let is_content = context.program.consent.is_some() && !self.facts.proven;
                    let reason = if is_content {
                        Reason::WithoutConsent
                    } else {
                        *reason
                    };
                    self.refusals.add(field.name, reason, version, 1);
                    continue;
                }
            }
            match &field.action {
                Action::Drop { proven, unproven } => {
                    let reason = if self.facts.proven {
                        *proven
                    } else {
                        *unproven
                    };
                    self.refusals.add(field.name, reason, version, 1);
                }
                Action::FrameworkVersion | Action::RuntimeVersion => {
                    let reason = match value {
                        Value::String(text) => clean_version(text.into(), VERSION_LENGTH).err(),
                        Value::Empty => None,
                        _ => Some(Reason::WrongType),
                    };
                    if let Some(reason) = reason {
                        self.refusals.add(field.name, reason, version, 1);
                    }
                }
                Action::Take(take) => {
                    let raw = self.read(value, take);
                    self.take(field.name, take, raw);
                }
                Action::Object { plain, members } => self.object(field.name, plain, members, value),
                Action::Each(each) => arrays.push((field.name, each, value)),
            }
        }
        for row in &context.program.rows {
            self.row(context.dialect, row);
        }
        // After the span's own values, which the rows of elements repeat.
        for (name, each, value) in arrays {
            self.each(context.dialect, name, each, value);
        }
    }

    /// A value as the wire has it. A list is one there, or JSON in a text.
    fn read(&mut self, value: Value<'a>, take: &Take) -> Raw<'a> {
        match value {
            Value::Empty => Raw::Absent,
            Value::Boolean(value) => Raw::Boolean(value),
            Value::Integer(value) => Raw::Integer(value),
            Value::Double(value) => Raw::Double(value),
            Value::String(text) if take.list.is_some() => self.read_list(text, take),
            Value::String(text) => Raw::Text(text.into()),
            Value::Array(values) => {
                let Some(limit) = take.list else {
                    return Raw::Other;
                };
                self.texts.raw.clear();
                for value in values.iter().take(limit.0 + 1) {
                    match value {
                        Value::String(text) => self.texts.raw.push(text.into()),
                        _ => return Raw::Other,
                    }
                }
                Raw::List
            }
            Value::Bytes(_) | Value::KeyValueList(_) => Raw::Other,
        }
    }

    /// Checks a value against the rules of its columns.
    pub(super) fn take(&mut self, name: super::NameId, take: &Take, raw: Raw<'a>) {
        if raw == Raw::Absent {
            return;
        }
        let version = self.facts.version;
        if !self.facts.proven {
            if let Some(reason) = take.content {
                self.refusals.add(name, reason, version, 1);
                return;
            }
        }
        let Self {
            refusals,
            cleaner,
            texts,
            slots,
            facts,
            ..
        } = self;
        // A value that two rules refuse is counted once.
        let mut refused: Option<Reason> = None;
        for slot in &take.slots {
            if slot.shared && !facts.proven {
                continue;
            }
            let clean = cleaner.clean(take, slot, raw.clone(), texts, &mut |reason| {
                if refused != Some(reason) {
                    refused = Some(reason);
                    refusals.add(name, reason, version, 1);
                }
            });
            slots[usize::from(slot.slot)] = clean;
        }
    }

    /// Writes one row. One of the shared tier is written if consent is proven and it has content.
    pub(super) fn row(&mut self, dialect: &DialectProgram, plan: &RowPlan) {
        let Self {
            slots,
            texts,
            writer,
            facts,
            ..
        } = self;
        let has_content = |slot: &u16| slots[usize::from(*slot)] != Clean::Absent;
        if plan.tier == Tier::Shared && !(facts.proven && plan.evidence.iter().any(has_content)) {
            return;
        }
        writer.row(plan.table, |row| {
            row.timestamp(plan.envelope.time, facts.start_us);
            row.text(plan.envelope.framework, &dialect.framework);
            if let Some(version) = facts.version.as_str() {
                row.text(plan.envelope.framework_version, version);
            }
            row.text(plan.envelope.runtime, &dialect.runtime);
            if let Some(version) = facts.runtime_version.as_str() {
                row.text(plan.envelope.runtime_version, version);
            }
            let mut written = None;
            for (column, source) in &plan.columns {
                if written != Some(*column) && write_cell(row, *column, source, slots, texts, facts)
                {
                    written = Some(*column);
                }
            }
        });
    }
}

/// Whether there was a value to write.
fn write_cell(
    row: &mut RowWriter<'_>,
    column: usize,
    source: &Source,
    slots: &[Clean<'_>],
    texts: &Texts<'_>,
    facts: &Facts,
) -> bool {
    match source {
        Source::Slot(slot) => match &slots[usize::from(*slot)] {
            Clean::Absent => return false,
            Clean::Boolean(value) => row.boolean(column, *value),
            Clean::Integer(value) => row.integer(column, *value),
            Clean::Double(value) => row.double(column, *value),
            Clean::Text(text) => row.text(column, text),
            Clean::Hash(hash) => row.text(column, hash.as_str()),
            Clean::List(range) => {
                let list = texts.clean[range.clone()].iter();
                row.text_list(column, list.map(AsRef::as_ref));
            }
        },
        Source::Constant(text) => row.text(column, text),
        Source::Start => row.timestamp(column, facts.start_us),
        Source::End => match facts.end_us {
            Some(end_us) => row.timestamp(column, end_us),
            None => return false,
        },
        Source::Duration { min, max } => {
            let duration = facts
                .end_us
                .map(|end_us| (end_us - facts.start_us) as f64 / 1e6);
            match duration.filter(|duration| (*min..=*max).contains(duration)) {
                Some(duration) => row.double(column, duration),
                None => return false,
            }
        }
        Source::Outcome => row.text(column, if facts.failed { "failed" } else { "completed" }),
    }
    true
}
