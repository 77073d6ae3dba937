//! Endless traffic of one scenario, made by filling in prepared runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headcount_wire::{hex, varint};

use crate::crew::Crew;
use crate::random::Rng;
use crate::release;
use crate::run;
use crate::template::{Placeholder, Preamble, RESOURCE_SPANS, SCOPE_SPANS, Template};
use crate::week::Body;

/// Different crews' shapes (roles, tools, models, machines): enough that no column is constant, few enough for a cache.
const TEMPLATES: usize = 64;

/// About how many spans a run has.
const SPANS_PER_RUN: u64 = 24;

/// How many runs there are to one crew, on average.
const RUNS_PER_CREW: u64 = 20;

const DAY: Duration = Duration::from_secs(86_400);

/// Endless request bodies of CrewAI's default scenario on its newest release: three tasks of two agents, with tools.
///
/// Every run has ids of its own, crews come back with the same keys (the popular ones often), durations vary. Bodies
/// hold exactly as many spans as asked for; a run may continue in the next body, as an exporter's batches do.
/// Equal settings give equal bytes.
#[derive(Debug, Clone)]
pub struct Scaled {
    rng: Rng,
    preamble: Preamble,
    templates: Vec<Template>,
    crews: u64,
    batch: usize,
    /// Nanoseconds since 1970 UTC at which the first run begins.
    begin: u64,
    /// Nanoseconds that all runs are spread over.
    window: u64,
    /// Nanoseconds from the beginning of one run to that of the next.
    step: u64,
    runs: u64,
    current: Run,
}

/// The run that is being sent.
#[derive(Debug, Clone, Default)]
struct Run {
    template: usize,
    bytes: Vec<u8>,
    next_span: usize,
    identities: Vec<[u8; 36]>,
    keys: Vec<[u8; 32]>,
}

impl Scaled {
    /// Traffic that stands for `spans` spans of the last day: their number decides how many different crews there are
    /// and how far apart runs begin. Bodies come without end; after `spans` spans the day begins again.
    #[must_use]
    pub fn new(spans: u64) -> Self {
        let mut rng = Rng::new(0x0068_6561_6463_6e74);
        let (preamble, templates) = prepare_templates(&mut rng);
        let runs = (spans / SPANS_PER_RUN).max(1);
        let mut scaled = Self {
            rng,
            preamble,
            templates,
            crews: (runs / RUNS_PER_CREW).clamp(100, 50_000),
            batch: 24,
            begin: 0,
            window: 0,
            step: 0,
            runs: 0,
            current: Run::default(),
        };
        let now = SystemTime::now();
        scaled.set_window(now.checked_sub(DAY).unwrap_or(UNIX_EPOCH), now, runs);
        scaled
    }

    /// Spreads the runs between two moments instead of over the last day.
    #[must_use]
    pub fn between(mut self, begin: SystemTime, end: SystemTime) -> Self {
        let runs = self.window / self.step.max(1);
        self.set_window(begin, end, runs);
        self
    }

    /// How many spans a body holds (24 unless set, at least 1). An SDK's exporter sends up to 512.
    #[must_use]
    pub fn batch(mut self, spans: usize) -> Self {
        self.batch = spans.max(1);
        self
    }

    /// One of `count` streams with runs of their own but the same crews and the same time: one per connection.
    #[must_use]
    pub fn stream(mut self, index: u64, count: u64) -> Self {
        self.rng = self.rng.fork(index + 1);
        self.begin += self.step * index;
        self.step *= count.max(1);
        self
    }

    /// Appends the next body to `out`, which may hold others' bytes; returns the number of spans in it.
    pub fn write_body(&mut self, out: &mut Vec<u8>) -> u64 {
        let (mut left, mut parts) = (self.batch, Parts::default());
        // The lengths stand before the spans, so these are gathered first: finished runs as they are.
        while left > 0 {
            if self.current.next_span == self.span_count() {
                self.begin_run();
            }
            let taken = left.min(self.span_count() - self.current.next_span);
            let ends = &self.templates[self.current.template].ends;
            let first = self.current.next_span;
            let begin = if first == 0 { 0 } else { ends[first - 1] };
            let end = ends[first + taken - 1];
            parts
                .spans
                .extend_from_slice(&self.current.bytes[begin..end]);
            self.current.next_span += taken;
            left -= taken;
        }
        parts.write(&self.preamble, out);
        self.batch as u64
    }

    fn set_window(&mut self, begin: SystemTime, end: SystemTime, runs: u64) {
        let nanos = |time: SystemTime| {
            let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
        };
        self.begin = nanos(begin);
        self.window = nanos(end).saturating_sub(self.begin).max(1);
        self.step = (self.window / runs.max(1)).max(1);
    }

    fn span_count(&self) -> usize {
        if self.current.bytes.is_empty() {
            return self.current.next_span;
        }
        self.templates[self.current.template].ends.len()
    }

    fn begin_run(&mut self) {
        // Squared: the first crews run often, the last ones seldom.
        let skew = self.rng.unit();
        let crew = (skew * skew * self.crews as f64) as u64;
        let template = &self.templates[(crew % TEMPLATES as u64) as usize];
        let run = &mut self.current;
        run.template = (crew % TEMPLATES as u64) as usize;
        run.next_span = 0;
        run.bytes.clear();
        run.bytes.extend_from_slice(&template.bytes);
        run.identities.clear();
        for _ in 0..template.identities {
            run.identities.push(self.rng.uuid_bytes());
        }
        let mut lasting = Rng::new(crew).fork(9);
        run.keys.clear();
        for _ in 0..template.keys {
            let mut key = [0; 32];
            hex::encode_into(&lasting.sixteen_bytes(), &mut key);
            run.keys.push(key);
        }
        let project = lasting.uuid_bytes();
        let begin = self.begin + (self.runs * self.step) % self.window;
        self.runs += 1;
        fill(run, template, &project, begin, &mut self.rng);
    }
}

impl Iterator for Scaled {
    type Item = Body;

    /// Never `None`.
    fn next(&mut self) -> Option<Body> {
        let mut bytes = Vec::with_capacity(self.batch * 512);
        let spans = self.write_body(&mut bytes);
        let sent_unix_nano = self.begin + (self.runs * self.step) % self.window;
        Some(Body {
            bytes,
            spans,
            sent_unix_nano,
        })
    }
}

/// A body before its lengths are known.
#[derive(Debug, Default)]
struct Parts {
    spans: Vec<u8>,
}

impl Parts {
    fn write(&self, preamble: &Preamble, out: &mut Vec<u8>) {
        let scope_spans = preamble.scope.len() + self.spans.len();
        let resource_spans =
            preamble.resource.len() + 1 + varint::length(scope_spans as u64) + scope_spans;
        out.reserve(resource_spans + 16);
        out.push(RESOURCE_SPANS);
        varint::write(out, resource_spans as u64);
        out.extend_from_slice(&preamble.resource);
        out.push(SCOPE_SPANS);
        varint::write(out, scope_spans as u64);
        out.extend_from_slice(&preamble.scope);
        out.extend_from_slice(&self.spans);
    }
}

fn prepare_templates(rng: &mut Rng) -> (Preamble, Vec<Template>) {
    let mut templates = Vec::with_capacity(TEMPLATES);
    let mut preamble = None;
    for _ in 0..TEMPLATES {
        let crew = Crew::generate_plain(rng);
        // Any moment will do: a value that the other numbers of a span never take.
        let began = 1_700_000_000_123_456_789;
        let spans = run::kickoff(&crew, release::NEWEST, true, &mut began.clone(), rng);
        let (of_every_request, template) = Template::new(&spans, began, &crew.machine.project_id);
        templates.push(template);
        preamble = Some(of_every_request);
    }
    (preamble.expect("there is at least one template"), templates)
}

fn fill(run: &mut Run, template: &Template, project: &[u8; 36], begin: u64, rng: &mut Rng) {
    // Each run is faster or slower than its template, between a half and three halves.
    let pace = 32_768 + rng.below(65_536) as u64;
    let paced = |nanos: u64| ((u128::from(nanos) * u128::from(pace)) >> 16) as u64;
    for &(offset, placeholder) in &template.places {
        let place = &mut run.bytes[offset..];
        match placeholder {
            Placeholder::Identity(number) => place[..36].copy_from_slice(&run.identities[number]),
            Placeholder::Key(number) => place[..32].copy_from_slice(&run.keys[number]),
            Placeholder::Project => place[..36].copy_from_slice(project),
            Placeholder::TraceId => {
                place[..8].copy_from_slice(&rng.next().to_le_bytes());
                place[8..16].copy_from_slice(&rng.next().to_le_bytes());
            }
            Placeholder::SpanId => place[..8].copy_from_slice(&(rng.next() | 1).to_le_bytes()),
            Placeholder::Start(nanos) => {
                place[..8].copy_from_slice(&(begin + paced(nanos)).to_le_bytes());
            }
            Placeholder::End(nanos) => {
                let jitter = rng.next() & 0xf_ffff;
                place[..8].copy_from_slice(&(begin + paced(nanos) + jitter).to_le_bytes());
            }
            Placeholder::Milliseconds(bits) => {
                let milliseconds = f64::from_bits(bits) * pace as f64 / 65_536.0;
                place[..8].copy_from_slice(&milliseconds.to_le_bytes());
            }
        }
    }
}
