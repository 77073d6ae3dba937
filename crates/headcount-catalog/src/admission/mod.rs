//! Admission: values that a dialect maps and the catalog allows become rows; all others are refused and counted.
//!
//! A request is walked twice. The first walk ([`survey`]) reads only the spans that say something about their crew's
//! other spans: its version, and whether it is proven to share itself. The second admits span by span. Where spans are told apart
//! by what they say ([`kind`]), a walk between the two finds what the spans around and inside a span make of it ([`family`]).
//! Nothing but the admitted batch and the counts leaves this module: no key, name or value that the catalog did not allow.

mod compile;
mod explain;
mod family;
mod inner;
mod kind;
mod mark;
mod members;
mod name;
mod program;
mod refusal;
mod resolve;
mod resource;
mod row;
mod span;
mod survey;
mod trace;
mod value;
mod window;

use std::hash::Hasher;

use headcount_wire::{
    Attribute, RawSpan, Receipt, RequestError, Span, SpanGroup, StatusCode, TraceRequest, Value,
};
use siphasher::sip::SipHasher13;

use crate::batch::{AdmittedBatch, BatchWriter};
use crate::catalog::Catalog;
use crate::dialect::{Dialect, DialectError, RefusalReason};
use crate::explanation::ExplanationSink;
use crate::record::Fingerprint;
use crate::secret::Secret;
use explain::Explainer;
use family::{Families, Verdict};
use kind::Looked;
use program::{DialectProgram, NameId, Programs};
use refusal::Refusals;
use resource::ResourceReader;
use span::SpanRun;
use survey::Survey;
use trace::Trace;
use value::Cleaner;
use window::{VersionText, Window};

/// Admits requests. One for the whole process; every thread may use it.
#[derive(Debug)]
pub struct Admission {
    catalog: Catalog,
    programs: Programs,
    cleaner: Cleaner,
    window: Window,
}

/// The outcome of a request.
#[derive(Debug)]
pub struct Outcome {
    /// The rows that may be stored, the request's refusal counts last.
    pub batch: AdmittedBatch,
    /// Spans that were read, also if nothing of them is kept.
    pub spans_accepted: u64,
    /// Spans that were refused whole.
    pub spans_rejected: u64,
    /// Those of them that begin more than a day after they arrived. If that befalls many senders, the clock here is behind.
    pub spans_ahead: u64,
    /// Spans and values that were refused, by [`RefusalReason`] in the order of [`RefusalReason::ALL`].
    pub refusals: [u64; RefusalReason::ALL.len()],
    /// The message for OTLP's `partial_success`: counts and reasons, never the sender's text. Empty where there is
    /// nothing to report.
    pub message: String,
}

impl Admission {
    /// Compiles `dialects` for `catalog`; `secret` keys the hashes of values that must not be stored as they are.
    ///
    /// # Errors
    /// A dialect names a table, a column or a constant that the catalog does not have, or contradicts itself.
    pub fn new(
        catalog: &Catalog,
        dialects: Vec<Dialect>,
        secret: Secret,
    ) -> Result<Self, DialectError> {
        Ok(Self {
            catalog: catalog.clone(),
            programs: compile::compile(catalog, &dialects)?,
            cleaner: Cleaner::new(secret),
            window: Window::new(),
        })
    }

    /// Admits the spans of `body`, an `ExportTraceServiceRequest` in protobuf. `malformed_before` counts spans that were
    /// refused on the way here; `received_us` is now, in microseconds since 1970 UTC.
    ///
    /// # Errors
    /// The body is not such a request; nothing of it is admitted.
    pub fn admit(
        &self,
        body: &[u8],
        malformed_before: u64,
        received_us: i64,
    ) -> Result<Outcome, RequestError> {
        self.admit_under(None, body, malformed_before, received_us)
    }

    /// The same for a request that came with `receipt`: its rows can be erased by whoever shows the receipt's token. Counts of
    /// what was refused hold nothing of the sender's, and stay.
    ///
    /// # Errors
    /// As of [`Admission::admit`].
    pub fn admit_under(
        &self,
        receipt: Option<Receipt>,
        body: &[u8],
        malformed_before: u64,
        received_us: i64,
    ) -> Result<Outcome, RequestError> {
        self.walk(receipt, body, malformed_before, received_us, None)
    }

    /// Admits `body` as [`Admission::admit`] does, and tells `sink` what becomes of each span and each attribute; with the values, where
    /// `wants_values` says so. What is remembered of crews is this admission's: to explain is to admit, so a server that stores
    /// explains with another one.
    ///
    /// # Errors
    /// As of [`Admission::admit`].
    pub fn explain(
        &self,
        body: &[u8],
        malformed_before: u64,
        received_us: i64,
        wants_values: bool,
        sink: &mut dyn ExplanationSink,
    ) -> Result<Outcome, RequestError> {
        let explanation = Explanation {
            explainer: Explainer::new(&self.catalog, &self.programs, sink),
            wants_values,
        };
        self.walk(None, body, malformed_before, received_us, Some(explanation))
    }

    fn walk<'a, 'p: 'a, 's>(
        &'p self,
        receipt: Option<Receipt>,
        body: &'a [u8],
        malformed_before: u64,
        received_us: i64,
        explanation: Option<Explanation<'s, 'p>>,
    ) -> Result<Outcome, RequestError> {
        let request = TraceRequest::parse(body)?;
        let secret = self.cleaner.secret();
        let receipt = receipt.map(|receipt| secret.receipt(&receipt));
        let survey = Survey::take(&self.programs, &self.window, &request);
        let families = match survey.has_other_spans() && !self.programs.of_kinds.is_empty() {
            true => Families::take(&self.programs, &self.window, &request),
            false => Families::default(),
        };
        let mut walk: Walk<'a, 'p, 's> = Walk {
            admission: self,
            survey,
            families,
            run: SpanRun::new(
                &self.programs,
                &self.cleaner,
                &self.window,
                received_us,
                receipt,
                body.len(),
            ),
            spans: SipHasher13::new(),
            accepted: 0,
            rejected: [0; RefusalReason::ALL.len()],
            ahead: 0,
            explanation,
        };
        if let Some(explanation) = &walk.explanation {
            walk.run.refusals().trace = Some(Box::new(Trace::new(explanation.wants_values)));
        }
        let mut resources = ResourceReader::new(&self.programs);
        for group in request.groups() {
            walk.group(&request, &group, &mut resources);
        }
        // Whose spans they were, a malformed resource or scope does not tell.
        let malformed = malformed_before + request.refused_span_count() as u64;
        if malformed > 0 {
            walk.spans.write(body);
            walk.reject(
                self.programs.unknown_framework,
                RefusalReason::MalformedSpan,
                malformed,
            );
        }
        Ok(walk.finish())
    }
}

/// Whoever wants to know what becomes of each span.
struct Explanation<'s, 'p> {
    explainer: Explainer<'s, 'p>,
    wants_values: bool,
}

/// Where the spans of a group belong.
struct Known<'c, 'a> {
    request: &'c TraceRequest<'a>,
    dialect: &'c DialectProgram,
    index: usize,
    /// The values of the resource, in the order of the dialect's keys.
    resource: &'c [Option<Value<'a>>],
}

/// The second walk over one request.
struct Walk<'a, 'p, 's> {
    admission: &'p Admission,
    survey: Survey,
    families: Families<'a, 'p>,
    run: SpanRun<'a, 'p>,
    /// Stands for all spans that were seen, in their order.
    spans: SipHasher13,
    accepted: u64,
    rejected: [u64; RefusalReason::ALL.len()],
    ahead: u64,
    explanation: Option<Explanation<'s, 'p>>,
}

impl<'a, 'p: 'a> Walk<'a, 'p, '_> {
    fn group(
        &mut self,
        request: &TraceRequest<'a>,
        group: &SpanGroup<'a>,
        resources: &mut ResourceReader<'p, 'a>,
    ) {
        if let Some(explanation) = &mut self.explanation {
            let wants_values = explanation.wants_values;
            explanation.explainer.group(group, wants_values);
        }
        let Some((index, dialect)) = resources.dialect(group) else {
            self.group_of_kinds(request, group, resources);
            return;
        };
        let known = Known {
            request,
            dialect,
            index,
            resource: resources.values(group, index),
        };
        let mut attributes = Vec::new();
        for raw in group.spans() {
            self.span(&known, &raw, &mut attributes);
            self.explain(group, Some(dialect), &raw);
        }
    }

    /// Admits or refuses a span whose dialect is known.
    fn span(
        &mut self,
        known: &Known<'_, 'a>,
        raw: &RawSpan<'a>,
        attributes: &mut Vec<Attribute<'a>>,
    ) {
        let dialect = known.dialect;
        let Ok(span) = raw.parse(attributes) else {
            self.see(raw);
            let program = raw.name().ok().and_then(|name| dialect.spans.get(name));
            let name = program.map(|&program| dialect.programs[program].span_name);
            let name = name.unwrap_or(dialect.unknown_span);
            self.reject(name, RefusalReason::MalformedSpan, 1);
            return;
        };
        let secret = self.admission.cleaner.secret();
        let fingerprint = secret.span_fingerprint(&span);
        self.spans.write_u64(fingerprint.0);
        let Some(&program) = dialect.spans.get(span.name) else {
            self.reject(dialect.unknown_span, RefusalReason::UnknownSpan, 1);
            return;
        };
        let context = span::Context {
            request: known.request,
            dialect,
            index: known.index,
            program: &dialect.programs[program],
            resource: known.resource,
            whole: None,
        };
        self.admit(&context, &span, fingerprint);
    }

    /// Spans that are told apart by what they say, and those that no dialect knows.
    fn group_of_kinds(
        &mut self,
        request: &TraceRequest<'a>,
        group: &SpanGroup<'a>,
        resources: &mut ResourceReader<'p, 'a>,
    ) {
        let mut attributes = Vec::new();
        let mut looked = Looked::default();
        for raw in group.spans() {
            let of = (request, group);
            let dialect = self.span_of_kind(of, &raw, resources, &mut attributes, &mut looked);
            self.explain(group, dialect, &raw);
        }
    }

    /// Admits or refuses the next span of such a group; returns its dialect, if one knows it.
    fn span_of_kind(
        &mut self,
        (request, group): (&TraceRequest<'a>, &SpanGroup<'a>),
        raw: &RawSpan<'a>,
        resources: &mut ResourceReader<'p, 'a>,
        attributes: &mut Vec<Attribute<'a>>,
        looked: &mut Looked<'a>,
    ) -> Option<&'p DialectProgram> {
        let programs = &self.admission.programs;
        let decision = self.families.next();
        let Ok(span) = raw.parse(attributes) else {
            self.see(raw);
            let dialect = programs.of_scope(group.scope_name()).map(|found| found.1);
            let name = dialect.map_or(programs.unknown_framework, |dialect| dialect.unknown_span);
            self.reject(name, RefusalReason::MalformedSpan, 1);
            return dialect;
        };
        let secret = self.admission.cleaner.secret();
        let fingerprint = secret.span_fingerprint(&span);
        self.spans.write_u64(fingerprint.0);
        let known = decision.and_then(|decision| Some((decision, decision.dialect?)));
        let Some((decision, index)) = known else {
            let reason = RefusalReason::UnknownFramework;
            self.reject(programs.unknown_framework, reason, 1);
            return None;
        };
        let dialect = &programs.dialects[index];
        let program = match decision.verdict {
            Verdict::Read(program) => &dialect.programs[program],
            Verdict::Drop(name, reason) => {
                // Counted, and no fault of the sender's.
                self.accepted += 1;
                self.count_of(decision.framework, name, reason, 1);
                return Some(dialect);
            }
            Verdict::Unknown => {
                let reason = RefusalReason::UnknownSpan;
                self.rejected[reason as usize] += 1;
                self.count_of(decision.framework, dialect.unknown_span, reason, 1);
                return Some(dialect);
            }
        };
        let kinds = dialect.kinds.as_ref()?;
        looked.read(kinds, span.attributes);
        let sender = decision.sender;
        let hides_failures = sender.zip(decision.role);
        let ending = kinds.errors.ending(
            span.status == StatusCode::Error,
            looked,
            raw.exception_type(),
            hides_failures.is_some_and(|(sender, role)| sender.hides_failures_of.contains(&role)),
        );
        let service = resources.service(group);
        let context = span::Context {
            request,
            dialect,
            index,
            program,
            resource: resources.values(group, index),
            whole: Some(span::Whole {
                decision,
                ending,
                service,
                scope_version: group.scope_version(),
            }),
        };
        self.admit(&context, &span, fingerprint);
        Some(dialect)
    }

    fn admit(
        &mut self,
        context: &span::Context<'_, 'a>,
        span: &Span<'a, '_>,
        fingerprint: Fingerprint,
    ) {
        let name = context.program.span_name;
        match self.run.admit(context, span, fingerprint, &mut self.survey) {
            Ok(()) => self.accepted += 1,
            // The other report of the event was kept: nothing is lost.
            Err(RefusalReason::Repeated) => {
                self.accepted += 1;
                self.count(name, RefusalReason::Repeated, 1);
            }
            Err(reason) => {
                let is_ahead = reason == RefusalReason::TimeOutOfRange && self.run.is_ahead(span);
                self.ahead += u64::from(is_ahead);
                self.reject(name, reason, 1);
            }
        }
    }

    /// Tells what became of the span that was just seen, to whom it may concern.
    fn explain(
        &mut self,
        group: &SpanGroup<'a>,
        dialect: Option<&DialectProgram>,
        raw: &RawSpan<'a>,
    ) {
        if let (Some(explanation), Some(trace)) =
            (&mut self.explanation, &mut self.run.refusals().trace)
        {
            explanation.explainer.span(group, dialect, raw, trace);
            trace.clear();
        }
    }

    /// Counts a span among those that the request's refusals stand for.
    fn see(&mut self, raw: &RawSpan<'_>) {
        let secret = self.admission.cleaner.secret();
        self.spans
            .write_u64(secret.fingerprint(b"span", raw.bytes()).0);
    }

    /// A span that is refused whole is not asked who sent it.
    fn count(&mut self, name: NameId, reason: RefusalReason, count: u64) {
        self.count_of(None, name, reason, count);
    }

    fn count_of(
        &mut self,
        framework: Option<&'a str>,
        name: NameId,
        reason: RefusalReason,
        count: u64,
    ) {
        let refusals = self.run.refusals();
        refusals.set_sender(framework, None);
        refusals.add(name, reason, VersionText::default(), count);
        if let Some(trace) = &mut refusals.trace {
            trace.whole = Some(reason);
        }
    }

    fn reject(&mut self, name: NameId, reason: RefusalReason, count: u64) {
        self.rejected[reason as usize] += count;
        self.count(name, reason, count);
    }

    fn finish(self) -> Outcome {
        let (mut writer, refusals, received_us): (BatchWriter, Refusals<'_>, i64) =
            self.run.finish();
        let fingerprint = self
            .admission
            .cleaner
            .secret()
            .fingerprint(b"refusals", &self.spans.finish().to_le_bytes());
        refusals.write(
            &self.admission.programs,
            Fingerprint(fingerprint.0),
            received_us,
            &mut writer,
        );
        Outcome {
            batch: writer.finish(),
            spans_accepted: self.accepted,
            spans_rejected: self.rejected.iter().sum(),
            spans_ahead: self.ahead,
            refusals: refusals.totals(),
            message: refusals.message(&self.rejected),
        }
    }
}
