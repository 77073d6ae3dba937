//! The spool writer: moves events from the queue to the spool. The worker thread runs it, and so does the thread that ends
//! the process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use headcount_scrub::Scrubber;
use headcount_wire::{RequestEncoder, SpanHeader, write_span};

use super::disk::DiskSpool;
use super::found::spool_folder;
use super::limits::{Room, SpoolError};
use super::memory::MemorySpool;
use super::scrub::scrub;
use super::segment::Record;
use super::store::Spool;
use crate::consent::Mode;
use crate::fields;
use crate::platform::{clock, random};
use crate::record::{Findings, LossReason, QueuedSpan, Recorder, Resource, SpanWriter};

/// The size of the spans of one record, in bytes: a process appends no more before it checks again how full the spool is.
const BATCH_BYTES: usize = 64 * 1_024;

/// The receiving end of the queue, and the spool.
#[derive(Debug)]
pub(crate) struct SpoolWriter {
    receiver: Receiver<QueuedSpan>,
    pub(crate) spool: Spool,
    resource: Arc<Resource>,
    /// Created when the first text needs it.
    scrubber: Option<Box<Scrubber>>,
    spans: Vec<u8>,
    /// A span that goes with the next events; it is no event itself.
    along: Option<Vec<u8>>,
}

impl SpoolWriter {
    /// `folder` is the framework's folder; without one, records stay in memory. `mark` is the collector's.
    pub(crate) fn new(
        receiver: Receiver<QueuedSpan>,
        folder: Option<&Path>,
        mark: Option<String>,
        resource: Arc<Resource>,
    ) -> Self {
        let spool = match folder {
            Some(folder) => Spool::Disk(DiskSpool::new(spool_folder(folder)).marked(mark)),
            None => Spool::Memory(MemorySpool::default()),
        };
        Self {
            receiver,
            spool,
            resource,
            scrubber: None,
            spans: Vec::new(),
            along: None,
        }
    }

    /// Sends a span with the next events. If their record cannot be written, it is lost.
    pub(crate) fn send_along(&mut self, span: Vec<u8>) {
        self.along = Some(span);
    }

    /// Writes records until the queue is empty or `should_yield` says that another thread needs the writer; returns how many
    /// events it wrote.
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

    /// Writes one record; returns how many events it has, and whether more wait.
    fn batch(&mut self, recorder: &Recorder) -> (u32, bool) {
        self.spans.clear();
        let mut events = 0;
        let mut is_more = false;
        while let Ok(queued) = self.receiver.try_recv() {
            recorder.left_queue(queued.span.len());
            if queued.needs_scrubbing {
                let scrubber = self.scrubber.get_or_insert_with(Box::default);
                let left_out = scrub(scrubber, &queued.span, &mut self.spans);
                recorder
                    .values_refused
                    .fetch_add(left_out, Ordering::Relaxed);
            } else {
                self.spans.extend_from_slice(&queued.span);
            }
            events += 1;
            if self.spans.len() >= BATCH_BYTES {
                is_more = true;
                break;
            }
        }
        if recorder.mode() == Mode::Off {
            recorder.lose(LossReason::TurnedOff, u64::from(events));
            self.along = None;
            return (0, is_more);
        }
        self.write(recorder, events, Room::Ordinary);
        // Memory that a burst needed is freed.
        if self.spans.capacity() > 4 * BATCH_BYTES {
            self.spans = Vec::new();
        }
        (events, is_more)
    }

    /// Empties the queue, releases the segment and forgets records in memory: telemetry is off now.
    pub(crate) fn discard(&mut self, recorder: &Recorder) {
        self.run(recorder, || false);
        self.spool.seal();
        if let Spool::Memory(memory) = &mut self.spool {
            memory.clear();
        }
    }

    /// Writes how many events the process lost. A full spool has room reserved for this.
    pub(crate) fn report_losses(&mut self, recorder: &Recorder) {
        self.spans.clear();
        if recorder.mode() != Mode::Off {
            self.write(recorder, 0, Room::Reserved);
        }
    }

    /// Writes the encoded spans, followed by loss reports, as one record.
    fn write(&mut self, recorder: &Recorder, events: u32, room: Room) {
        let taken = recorder.losses.take();
        if events == 0 && taken.is_empty() {
            return;
        }
        let mut count = events as usize;
        if events > 0
            && let Some(along) = self.along.take()
        {
            self.spans.extend_from_slice(&along);
            count += 1;
        }
        for (reason, events) in taken.counts() {
            write_loss(&mut self.spans, reason, events);
            count += 1;
        }
        let mut request = RequestEncoder::new();
        self.resource.begin(&mut request);
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
                recorder
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

/// Writes a span that reports lost events.
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
    let mut findings = Findings::default();
    write_span(spans, &header, |attributes| {
        let mut span = SpanWriter::new(attributes, &mut findings);
        span.enumerated(fields::losses::REASON, reason.as_str());
        span.integer(
            fields::losses::COUNT,
            i64::try_from(events).unwrap_or(i64::MAX),
        );
    });
}
