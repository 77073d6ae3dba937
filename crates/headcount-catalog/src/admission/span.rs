//! One span: its attributes into values, its values into rows.

use headcount_wire::{Attribute, Span, StatusCode, TraceRequest, Value};

use super::program::{Action, DialectProgram, Programs, SpanProgram, Take};
use super::refusal::Refusals;
use super::resolve::VERSION_LENGTH;
use super::survey::Survey;
use super::value::{Clean, Cleaner, Raw, Texts, clean_version, read_mark};
use super::window::{VersionText, Window};
use crate::batch::BatchWriter;
use crate::dialect::{Reason, Version};
use crate::record::Fingerprint;
use crate::secret::KeyedReceipt;

/// 2023-01-01T00:00:00Z: before any release of any framework that reports.
const EARLIEST_US: i64 = 1_672_531_200_000_000;
/// How far a sender's clock may be ahead.
const DAY_US: i64 = 86_400_000_000;

/// Which program reads the span, and the request it came in.
pub(super) struct Context<'c, 'a> {
    pub(super) request: &'c TraceRequest<'a>,
    pub(super) dialect: &'c DialectProgram,
    pub(super) index: usize,
    pub(super) program: &'c SpanProgram,
    /// What the span's resource says, in the order of the dialect's keys.
    pub(super) resource: &'c [Option<Value<'a>>],
}

/// What is known of the span that is being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    pub(super) start_us: i64,
    pub(super) end_us: Option<i64>,
    /// Whole nanoseconds between the two, of which microseconds cut off at both ends would lose one.
    pub(super) duration_ns: Option<u64>,
    pub(super) failed: bool,
    /// `None`: the dialect's, as for the runtime.
    pub(super) framework: Option<&'a str>,
    pub(super) runtime: Option<&'a str>,
    pub(super) version: VersionText,
    pub(super) compared: Option<Version>,
    pub(super) runtime_version: VersionText,
    pub(super) proven: bool,
}

/// Reads the spans of one request, one after the other, in the same memory.
pub(super) struct SpanRun<'a, 'p> {
    pub(super) programs: &'p Programs,
    pub(super) cleaner: &'p Cleaner,
    pub(super) window: &'p Window,
    received_us: i64,
    /// What lets the request's sender have its rows erased.
    pub(super) receipt: Option<KeyedReceipt>,
    pub(super) writer: BatchWriter,
    pub(super) refusals: Refusals<'a>,
    pub(super) values: Vec<Option<Value<'a>>>,
    repeated_keys: Vec<usize>,
    pub(super) slots: Vec<Clean<'a>>,
    pub(super) texts: Texts<'a>,
    pub(super) facts: Facts<'a>,
    /// The last version that was read: most requests know one only.
    pub(super) last_version: Option<(&'a str, VersionText, Option<Version>)>,
}

impl<'a, 'p> SpanRun<'a, 'p> {
    pub(super) fn new(
        programs: &'p Programs,
        cleaner: &'p Cleaner,
        window: &'p Window,
        received_us: i64,
        receipt: Option<KeyedReceipt>,
        body_length: usize,
    ) -> Self {
        Self {
            programs,
            cleaner,
            window,
            received_us,
            receipt,
            writer: BatchWriter::with_capacity(body_length / 2).under(receipt),
            refusals: Refusals::default(),
            values: Vec::new(),
            repeated_keys: Vec::new(),
            slots: Vec::new(),
            texts: Texts::default(),
            facts: Facts::default(),
            last_version: None,
        }
    }

    pub(super) fn refusals(&mut self) -> &mut Refusals<'a> {
        &mut self.refusals
    }

    pub(super) fn finish(self) -> (BatchWriter, Refusals<'a>, i64) {
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
        let duration_ns = span.end_unix_nano.checked_sub(span.start_unix_nano);
        self.facts = Facts {
            start_us,
            end_us: duration_ns.map(|_| (span.end_unix_nano / 1_000).cast_signed()),
            duration_ns,
            failed: span.status == StatusCode::Error,
            ..Facts::default()
        };
        let unknown = self.collect(program, span.attributes, context.resource);
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
    fn collect(
        &mut self,
        program: &SpanProgram,
        attributes: &[Attribute<'a>],
        resource: &[Option<Value<'a>>],
    ) -> u64 {
        self.values.clear();
        self.values.resize(program.resource_from, None);
        self.values.extend_from_slice(resource);
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

    pub(super) fn text(&self, field: usize) -> Option<&'a str> {
        match self.values[field] {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn rows(&mut self, context: &Context<'_, 'a>) {
        let fields = &context.program.members.fields;
        let mut arrays = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let Some(value) = self.values[index] else {
                continue;
            };
            let version = self.facts.version;
            if let Some((range, reason)) = &field.only
                && !self
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
                        Value::String(text) if self.is_last_version(text) => None,
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
                Action::Framework(rule) | Action::Runtime(rule) => {
                    if let Err(reason) = self.cleaner.read_name(rule, value) {
                        self.refusals.add(field.name, reason, version, 1);
                    }
                }
                Action::Mark => {
                    if let Err(reason) = read_mark(value) {
                        self.refusals.add(field.name, reason, version, 1);
                    }
                }
                Action::PassOver => {}
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
                let mut has_others = false;
                for value in values.iter() {
                    match value {
                        Value::String(text) => self.texts.raw.push(text.into()),
                        _ => has_others = true,
                    }
                    if self.texts.raw.len() > limit.0 {
                        break;
                    }
                }
                Raw::List { has_others }
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
        if !self.facts.proven
            && let Some(reason) = take.content
        {
            self.refusals.add(name, reason, version, 1);
            return;
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
}
