//! Reads one span: its attributes become values, and its values rows.

use headcount_wire::{Attribute, Span, StatusCode, TraceRequest, Value};

use super::family::Decision;
use super::kind::Ending;
use super::mark::read_mark;
use super::program::{
    Action, DialectProgram, Field, NameId, Programs, SpanProgram, StatedFields, Take,
};
use super::refusal::Refusals;
use super::survey::Survey;
use super::value::{Clean, Cleaner, Raw, Texts, VERSION_LENGTH, clean_version};
use super::window::{VersionText, Window};
use crate::batch::BatchWriter;
use crate::dialect::{RefusalReason, Version, VersionOf};
use crate::record::Fingerprint;
use crate::rule::{KeyDomain, Rule};
use crate::secret::{KeyHash, KeyedReceipt};

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
    /// The values of the span's resource, in the order of the dialect's keys.
    pub(super) resource: &'c [Option<Value<'a>>],
    /// `Some` for a span of a kind.
    pub(super) whole: Option<Whole<'a>>,
}

/// What is known of a span of a kind by looking at it, and at the spans around it, as a whole.
pub(super) struct Whole<'a> {
    pub(super) decision: Decision<'a, 'a>,
    pub(super) ending: Ending<'a>,
    /// The service that its resource names.
    pub(super) service: Option<&'a str>,
    pub(super) scope_version: &'a str,
}

impl<'a> Whole<'a> {
    /// The values of the fields that no attribute fills.
    fn stated(&self, fields: &StatedFields) -> [(Option<usize>, Option<&'a str>); 5] {
        let sender = self.decision.sender;
        let version = sender.and_then(|sender| sender.version);
        let is_instrumentations = version.is_none_or(|of| of != VersionOf::Framework);
        let scope_version = Some(self.scope_version).filter(|text| !text.is_empty());
        [
            (fields.name, self.decision.name),
            (fields.agent, self.decision.agent),
            (fields.error, self.ending.class),
            (
                fields.instrumentation,
                sender.and_then(|sender| sender.instrumentation.as_deref()),
            ),
            (
                fields.instrumentation_version,
                scope_version.filter(|_| is_instrumentations && sender.is_some()),
            ),
        ]
    }

    /// The framework's version, where the scope's is that.
    pub(super) fn framework_version(&self) -> Option<&'a str> {
        let of = self.decision.sender?.version?;
        (of != VersionOf::Instrumentation).then_some(self.scope_version)
    }
}

/// Facts about the span that is being read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    pub(super) start_us: i64,
    pub(super) end_us: Option<i64>,
    /// Whole nanoseconds between the two, of which microseconds cut off at both ends would lose one.
    pub(super) duration_ns: Option<u64>,
    /// `None`: nobody can tell.
    pub(super) failed: Option<bool>,
    /// The keyed hash of the trace's id, where a row has it.
    pub(super) trace: Option<KeyHash>,
    /// The service, with which keys are made that are of one service.
    pub(super) service: Option<&'a str>,
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
    /// Lets the request's sender have its rows erased.
    pub(super) receipt: Option<KeyedReceipt>,
    pub(super) writer: BatchWriter,
    pub(super) refusals: Refusals<'a>,
    pub(super) values: Vec<Option<Value<'a>>>,
    repeated_keys: Vec<usize>,
    /// Values whose keys match a pattern, by field.
    gathered: Vec<(usize, Value<'a>)>,
    pub(super) slots: Vec<Clean<'a>>,
    pub(super) texts: Texts<'a>,
    pub(super) facts: Facts<'a>,
    /// The last version that was read: most requests know one only.
    pub(super) last_version: Option<(&'a str, VersionText, Option<Version>)>,
}

/// When the span began, in microseconds since 1970 UTC.
fn start_us(span: &Span<'_, '_>) -> i64 {
    (span.start_unix_nano / 1_000).cast_signed()
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
            gathered: Vec::new(),
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
    ) -> Result<(), RefusalReason> {
        let program = context.program;
        let start_us = start_us(span);
        if start_us < EARLIEST_US || self.is_ahead(span) {
            return Err(RefusalReason::TimeOutOfRange);
        }
        let duration_ns = span.end_unix_nano.checked_sub(span.start_unix_nano);
        self.facts = Facts {
            start_us,
            end_us: duration_ns.map(|_| (span.end_unix_nano / 1_000).cast_signed()),
            duration_ns,
            failed: match &context.whole {
                Some(whole) => whole.ending.failed,
                None => Some(span.status == StatusCode::Error),
            },
            trace: program.has_trace.then(|| self.trace(span)),
            service: context.whole.as_ref().and_then(|whole| whole.service),
            ..Facts::default()
        };
        let unknown = self.collect(program, span.attributes, context.resource);
        if let Some(whole) = &context.whole {
            for (field, value) in whole.stated(&program.stated) {
                if let Some(field) = field {
                    self.values[field] = value.map(Value::String);
                }
            }
        }
        self.resolve(context, survey);
        if let Some(trace) = &mut self.refusals.trace {
            trace.facts(self.facts.version, self.facts.proven);
        }
        if self.is_repetition(context, fingerprint) {
            return Err(RefusalReason::Repeated);
        }
        let version = self.facts.version;
        self.refusals.add(
            program.members.unknown,
            RefusalReason::UnknownAttribute,
            version,
            unknown,
        );
        for field in std::mem::take(&mut self.repeated_keys) {
            let name = program.members.fields[field].name;
            self.refusals
                .add(name, RefusalReason::DuplicateKey, version, 1);
        }
        if self.facts.end_us.is_none() {
            self.refusals
                .add(program.span_name, RefusalReason::EndBeforeStart, version, 1);
        }
        self.slots.clear();
        self.slots.resize(program.slot_count, Clean::Absent);
        self.texts.clean.clear();
        self.writer.begin_entry(fingerprint);
        self.rows(context);
        self.writer.end_entry();
        Ok(())
    }

    /// The keyed hash of the trace's id as text, as other senders write it.
    fn trace(&self, span: &Span<'_, '_>) -> KeyHash {
        let mut text = String::with_capacity(2 * span.trace_id.len());
        for byte in span.trace_id {
            text.push_str(&format!("{byte:02x}"));
        }
        self.cleaner.secret().key(KeyDomain::Id, &text)
    }

    /// Whether the span begins later than a sender's clock may say.
    pub(super) fn is_ahead(&self, span: &Span<'_, '_>) -> bool {
        start_us(span) > self.received_us.saturating_add(DAY_US)
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
        self.gathered.clear();
        let mut unknown = 0;
        if let Some(trace) = &mut self.refusals.trace {
            trace.attributes(program, attributes, resource);
        }
        for attribute in attributes {
            match program.members.keys.get(attribute.key) {
                None => match program.members.pattern(attribute.key) {
                    Some(field) => self.gathered.push((field, attribute.value)),
                    None => unknown += 1,
                },
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
        let mut arrays = Vec::new();
        for (index, field) in context.program.members.fields.iter().enumerate() {
            let Some(value) = self.values[index] else {
                continue;
            };
            if let Some(reason) = self.refused_by_release(context, field) {
                let version = self.facts.version;
                self.refusals.add(field.name, reason, version, 1);
                continue;
            }
            match &field.action {
                Action::Each(each) => arrays.push((field.name, each, value)),
                _ => self.apply(field, value),
            }
        }
        if !self.gathered.is_empty() {
            self.gather(context.program);
        }
        for row in &context.program.rows {
            self.row(context.dialect, row);
        }
        // After the span's own values, which the rows of elements repeat.
        for (name, each, value) in arrays {
            self.each(context.dialect, name, each, value);
        }
    }

    /// Reads the attributes whose keys match a pattern: they are dropped, or become a list.
    fn gather(&mut self, program: &SpanProgram) {
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.sort_by_key(|(field, _)| *field);
        for values in gathered.chunk_by(|(first, _), (second, _)| first == second) {
            let field = &program.members.fields[values[0].0];
            match &field.action {
                Action::Take(take) => {
                    self.texts.raw.clear();
                    let mut has_others = false;
                    let most = take.list.map_or(0, |limit| limit.0);
                    for (_, value) in values.iter().take(most + 1) {
                        match value {
                            Value::String(text) => self.texts.raw.push((*text).into()),
                            Value::Empty => {}
                            _ => has_others = true,
                        }
                    }
                    self.take(field.name, take, Raw::List { has_others });
                }
                Action::Drop { unproven, .. } => {
                    let (version, count) = (self.facts.version, values.len() as u64);
                    self.refusals.add(field.name, *unproven, version, count);
                }
                _ => {}
            }
        }
        self.gathered = gathered;
    }

    /// The reason to refuse the attribute where the dialect maps it for other releases only.
    fn refused_by_release(
        &self,
        context: &Context<'_, 'a>,
        field: &Field,
    ) -> Option<RefusalReason> {
        let (releases, reason) = field.only.as_ref()?;
        let version = self.facts.compared;
        if version.is_some_and(|version| releases.contains(version)) {
            return None;
        }
        let is_content = context.program.consent.is_some() && !self.facts.proven;
        Some(if is_content {
            RefusalReason::WithoutConsent
        } else {
            *reason
        })
    }

    /// Reads one attribute that gives no rows of its own.
    fn apply(&mut self, field: &Field, value: Value<'a>) {
        let reason = match &field.action {
            Action::Drop { proven, .. } if self.facts.proven => Some(*proven),
            Action::Drop { unproven, .. } => Some(*unproven),
            Action::FrameworkVersion | Action::RuntimeVersion => match value {
                Value::String(text) if self.is_last_version(text) => None,
                Value::String(text) => clean_version(text.into(), VERSION_LENGTH).err(),
                Value::Empty => None,
                _ => Some(RefusalReason::WrongType),
            },
            Action::Take(take) => {
                let raw = self.read(value, take);
                self.take(field.name, take, raw);
                None
            }
            Action::Object { plain, members } => {
                self.object(field.name, plain, members, value);
                None
            }
            Action::Framework(rule) | Action::Runtime(rule) => {
                self.cleaner.read_name(rule, value).err()
            }
            Action::Mark => read_mark(value).err(),
            Action::PassOver | Action::Each(_) => None,
        };
        if let Some(reason) = reason {
            self.refusals.add(field.name, reason, self.facts.version, 1);
        }
    }

    /// A value as the wire has it. A list is one there, or JSON in a text.
    fn read(&mut self, value: Value<'a>, take: &Take) -> Raw<'a> {
        match value {
            Value::Empty => Raw::Absent,
            Value::Boolean(value) => Raw::Boolean(value),
            Value::Integer(value) => Raw::Integer(value),
            Value::Double(value) => Raw::Double(value),
            Value::String(text) if take.list.is_some() => match self.read_list(text, take) {
                Raw::Text(text) if take.single => {
                    self.texts.raw.clear();
                    self.texts.raw.push(text);
                    Raw::List { has_others: false }
                }
                list => list,
            },
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
    pub(super) fn take(&mut self, name: NameId, take: &Take, raw: Raw<'a>) {
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
        let raw = match raw {
            Raw::Text(text) => Raw::Text(take.word(text)),
            other => other,
        };
        let Self {
            refusals,
            cleaner,
            texts,
            slots,
            facts,
            ..
        } = self;
        // A value that two rules refuse is counted once.
        let mut refused: Option<RefusalReason> = None;
        for slot in &take.slots {
            if slot.shared && !facts.proven {
                continue;
            }
            let raw = match (&slot.rule, &raw, facts.service) {
                (Rule::Key(_), Raw::Text(text), Some(service)) if take.of_service => {
                    Raw::Text(format!("{service}\n{text}").into())
                }
                _ => raw.clone(),
            };
            let sent = refusals.trace.as_ref().map(|_| raw.clone());
            let clean = cleaner.clean(take, slot, raw, texts, &mut |reason| {
                if refused != Some(reason) {
                    refused = Some(reason);
                    refusals.add(name, reason, version, 1);
                }
            });
            if let (Some(trace), Some(sent)) = (&mut refusals.trace, sent) {
                trace.taken(name, slot.slot, &sent, &clean, texts);
            }
            slots[usize::from(slot.slot)] = clean;
        }
    }
}
