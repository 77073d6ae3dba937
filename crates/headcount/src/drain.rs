//! From the queue to the spool: done by our thread, or by whoever ends the process.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use headcount_scrub::Scrubber;
use headcount_wire::{RequestEncoder, Span, SpanHeader, TraceRequest, Value, write_span};

use crate::consent::{Mode, Reason};
use crate::field::SpanWriter;
use crate::ledger::Fate;
use crate::losses::LossReason;
use crate::recorder::{Draft, Recorder};
use crate::settings::Settings;
use crate::spool::{DiskSpool, MemorySpool, Record, Room, Spool, SpoolError};
use crate::upload::Circuit;
use crate::{clock, fields, random, upload};

/// Spans of one record, in bytes: what a process may add to the spool before it looks again how full it is.
const BATCH_BYTES: usize = 64 * 1_024;

/// The receiving end of the queue, and what it is written to. Whoever holds it writes.
#[derive(Debug)]
pub(crate) struct Drain {
    receiver: Receiver<Draft>,
    pub(crate) spool: Spool,
    /// Of a spool in memory; that of one on disk is shared with other processes, and in a file.
    pub(crate) circuit: Circuit,
    /// Made when the first text needs it.
    scrubber: Option<Box<Scrubber>>,
    spans: Vec<u8>,
}

impl Drain {
    pub(crate) fn new(receiver: Receiver<Draft>, settings: &Settings) -> Self {
        let spool = match settings.folder() {
            Some(folder) => {
                let mark = settings.collector();
                let folder = upload::spool_folder(&folder);
                Spool::Disk(DiskSpool::new(folder).marked(mark))
            }
            None => Spool::Memory(MemorySpool::default()),
        };
        Self {
            receiver,
            spool,
            circuit: Circuit::default(),
            scrubber: None,
            spans: Vec::new(),
        }
    }

    /// Writes record after record until nothing waits or `should_yield` says that somebody else wants to; says how many
    /// events that were.
    pub(crate) fn run(&mut self, recorder: &Recorder, should_yield: impl Fn() -> bool) -> u64 {
        let mut total = 0;
        loop {
            let (events, is_more) = self.batch(recorder);
            total += u64::from(events);
            if !is_more || should_yield() {
                return total;
            }
        }
    }

    /// Writes one record; says how many events it has, and whether more wait.
    fn batch(&mut self, recorder: &Recorder) -> (u32, bool) {
        self.spans.clear();
        let mut events = 0;
        let mut is_more = false;
        while let Ok(draft) = self.receiver.try_recv() {
            recorder.left_queue(draft.span.len());
            if draft.doubtful {
                let scrubber = self.scrubber.get_or_insert_with(Box::default);
                let left_out = scrub(scrubber, &draft.span, &mut self.spans);
                let _before = recorder
                    .values_refused
                    .fetch_add(left_out, Ordering::Relaxed);
            } else {
                self.spans.extend_from_slice(&draft.span);
            }
            events += 1;
            if self.spans.len() >= BATCH_BYTES {
                is_more = true;
                break;
            }
        }
        if recorder.mode() == Mode::Off {
            recorder.lose(LossReason::TurnedOff, u64::from(events));
            return (0, is_more);
        }
        self.write(recorder, events, Room::Ordinary);
        // A flood must not keep its memory.
        if self.spans.capacity() > 4 * BATCH_BYTES {
            self.spans = Vec::new();
        }
        (events, is_more)
    }

    /// Empties the queue and the spool, because telemetry is off now, or the collector wants no more.
    pub(crate) fn give_up(&mut self, recorder: &Recorder) {
        let _none = self.run(recorder, || false);
        self.spool.seal();
        if let Spool::Memory(memory) = &mut self.spool {
            let _events = memory.clear();
        }
        let Some(folder) = recorder.settings.folder() else {
            return;
        };
        let is_gone = recorder.settings.decision_now().reason == Reason::Gone;
        let _given_up = match recorder.settings.collector() {
            // Nobody said off: another collector may want what is for that.
            Some(collector) if is_gone => upload::give_up_for(&folder, &collector),
            _ => upload::empty(&folder, Fate::TurnedOff),
        };
    }

    /// Writes down, at the end of a process, how many events it lost: room is kept for that in a spool that is full.
    pub(crate) fn report_losses(&mut self, recorder: &Recorder) {
        self.spans.clear();
        if recorder.mode() != Mode::Off {
            self.write(recorder, 0, Room::Reserved);
        }
    }

    /// Writes the encoded spans, and reports of losses behind them, as one record.
    fn write(&mut self, recorder: &Recorder, events: u32, room: Room) {
        let taken = recorder.losses.take();
        if events == 0 && taken.is_empty() {
            return;
        }
        let mut count = events as usize;
        for (reason, events) in taken.counts() {
            write_loss(&mut self.spans, reason, events);
            count += 1;
        }
        let mut request = RequestEncoder::new();
        recorder.settings.begin(&mut request);
        let payload = request.spans(&self.spans, count);
        let payload = std::mem::take(payload).finish();
        let record = Record {
            time_millis: clock::now_millis(),
            events,
            dropped: u32::try_from(taken.before_spool()).unwrap_or(u32::MAX),
            payload: &payload,
        };
        match self.spool.append(&record, room) {
            Ok(()) => {
                let _before = recorder
                    .written
                    .fetch_add(u64::from(events), Ordering::Release);
            }
            Err(SpoolError::Full | SpoolError::Disk) => {
                recorder.losses.give_back(&taken);
                recorder.lose(LossReason::SpoolFull, u64::from(events));
            }
        }
    }
}

/// A span that reports lost events.
fn write_loss(spans: &mut Vec<u8>, reason: LossReason, events: u64) {
    let now = clock::now_nanos();
    let (trace_id, span_id) = random::span_ids();
    let header = SpanHeader {
        trace_id,
        span_id,
        name: "Losses",
        start_unix_nano: now,
        end_unix_nano: now,
        ..SpanHeader::default()
    };
    let mut verdict = crate::field::Verdict::default();
    write_span(spans, &header, |attributes| {
        let mut span = SpanWriter::new(attributes, &mut verdict);
        span.word(fields::losses::REASON, reason.as_str());
        span.integer(
            fields::losses::COUNT,
            i64::try_from(events).unwrap_or(i64::MAX),
        );
    });
}

/// Writes the span again, its free texts scrubbed and cut, and says how many values were left out. Nothing of a span that
/// cannot be read is written.
fn scrub(scrubber: &Scrubber, span: &[u8], spans: &mut Vec<u8>) -> u64 {
    // A span as `ScopeSpans` holds it, in a scope, in a resource, is a request.
    let mut request = RequestEncoder::new();
    let request = std::mem::take(request.scope("", "").spans(span, 1)).finish();
    let Ok(request) = TraceRequest::parse(&request) else {
        return 0;
    };
    let mut left_out = 0;
    for group in request.groups() {
        for raw in group.spans() {
            let mut scratch = Vec::new();
            if let Ok(span) = raw.parse(&mut scratch) {
                left_out += write_scrubbed(scrubber, &span, spans);
            }
        }
    }
    left_out
}

fn write_scrubbed(scrubber: &Scrubber, span: &Span<'_, '_>, spans: &mut Vec<u8>) -> u64 {
    let mut left_out = 0;
    let mut header = SpanHeader {
        name: span.name,
        start_unix_nano: span.start_unix_nano,
        end_unix_nano: span.end_unix_nano,
        status: span.status,
        ..SpanHeader::default()
    };
    header.trace_id.copy_from_slice(span.trace_id);
    header.span_id.copy_from_slice(span.span_id);
    write_span(spans, &header, |attributes| {
        for attribute in span.attributes {
            if let Value::String(text) = attribute.value
                && fields::TOKENS.contains(&attribute.key)
                && !scrubber.scrub(text, text.len()).found.is_empty()
            {
                // A machine's word that looks like a path, an address or a key is none, and no collector would take it.
                left_out += 1;
                continue;
            }
            let scrubbing = fields::SCRUBBED
                .iter()
                .find(|field| field.key == attribute.key);
            let clean = |text| match scrubbing {
                Some(field) => scrubber.scrub(text, field.max_length).text,
                None => text.into(),
            };
            match attribute.value {
                Value::String(text) => attributes.string(attribute.key, &clean(text)),
                Value::Boolean(value) => attributes.boolean(attribute.key, value),
                Value::Integer(value) => attributes.integer(attribute.key, value),
                Value::Double(value) => attributes.double(attribute.key, value),
                Value::Array(values) => {
                    let texts: Vec<_> = values
                        .iter()
                        .filter_map(|value| match value {
                            Value::String(text) => Some(clean(text)),
                            _ => None,
                        })
                        .collect();
                    attributes.strings(attribute.key, texts.iter().map(AsRef::as_ref));
                }
                // No field is of these kinds.
                Value::Empty | Value::Bytes(_) | Value::KeyValueList(_) => {}
            }
        }
    });
    left_out
}
