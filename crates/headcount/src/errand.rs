//! Sending, on a thread of its own that lives for one upload: while a collector or a resolver lets us wait, events still
//! reach the disk and an off is still heard. There is one such thread at most; nobody ever waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use crate::clock;
use crate::consent::{Decision, Mode};
use crate::ledger::Fate;
use crate::recorder::Recorder;
use crate::spool::Spool;
use crate::upload::{self, Answer, Circuit, Left, UPLOAD_EVERY};
use crate::worker::{STACK_BYTES, turn_off};
use crate::{consent, platform};

/// An upload that is under way.
#[derive(Debug)]
pub(crate) struct Errand {
    result: Receiver<Left>,
}

impl Errand {
    /// Sets out; `None` where no thread can be had. The thread that calls is woken at the end.
    pub(crate) fn begin(recorder: &Arc<Recorder>) -> Option<Self> {
        let (tell, result) = sync_channel(1);
        let recorder = Arc::clone(recorder);
        let waiting = std::thread::current();
        let started = platform::with_signals_blocked(|| {
            std::thread::Builder::new()
                .name("headcount-send".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || {
                    let sent = std::panic::AssertUnwindSafe(|| send(&recorder));
                    // A fault of ours is a failure like any other; what waits is on disk.
                    let left = std::panic::catch_unwind(sent).unwrap_or_else(|_| later());
                    drop(recorder);
                    let _nobody_may_listen = tell.send(left);
                    waiting.unpark();
                })
        });
        let _detached = started.ok()?;
        Some(Self { result })
    }

    /// What was left, once it is over.
    pub(crate) fn ended(&self) -> Option<Left> {
        match self.result.try_recv() {
            Ok(left) => Some(left),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(later()),
        }
    }
}

/// At the next usual time.
pub(crate) fn later() -> Left {
    Left::At(clock::now_millis() + UPLOAD_EVERY.as_millis() as u64)
}

/// Sends what waits, if it still may be sent; says what is left.
fn send(recorder: &Arc<Recorder>) -> Left {
    let settings = &recorder.settings;
    if recorder.mode() != Mode::On {
        return Left::Nothing;
    }
    if settings.still_allowed() != Mode::On {
        turn_off(recorder);
        return Left::Nothing;
    }
    let Some(uploader) = settings.uploader() else {
        return Left::Nothing;
    };
    let from_memory = {
        let mut drain = match recorder.drain.lock() {
            Ok(drain) => drain,
            Err(poisoned) => poisoned.into_inner(),
        };
        drain.spool.seal_for_upload();
        let closed_until = drain.circuit.closed_until_millis;
        match &mut drain.spool {
            Spool::Memory(_) if clock::now_millis() < closed_until => {
                return Left::At(closed_until);
            }
            Spool::Memory(memory) => match memory.batch() {
                Some(batch) => Some(batch),
                None => return Left::Nothing,
            },
            Spool::Disk(_) => None,
        }
    };
    match from_memory {
        Some((name, body, records)) => {
            let answer = uploader.send_from_memory(name.as_str(), &body);
            settle_memory(recorder, answer, records)
        }
        None => send_spool(recorder, &uploader),
    }
}

fn send_spool(recorder: &Arc<Recorder>, uploader: &upload::Uploader) -> Left {
    let settings = &recorder.settings;
    // An off counts from one request to the next, however many there are to be.
    let should_stop = || {
        recorder.worker.is_stopped()
            || recorder.mode() != Mode::On
            || settings.still_allowed() != Mode::On
    };
    let before_an_off = settings.give_up_what_an_off_met();
    let run = uploader.run(&should_stop);
    for (fate, events) in run.given_up.iter().chain(&before_an_off) {
        recorder.losses.add_booked(*fate, *events);
    }
    if run.is_gone {
        recorder.lower_mode(Mode::Off);
    } else if recorder.mode() == Mode::Off || settings.still_allowed() == Mode::Off {
        // The segment on its way was ours when everything else was given up.
        turn_off(recorder);
    }
    run.left
}

/// A machine without a disk to write to: what was recorded is sent from memory, or is lost with the process.
fn settle_memory(recorder: &Recorder, answer: Answer, records: usize) -> Left {
    let Ok(mut drain) = recorder.drain.lock() else {
        return Left::Nothing;
    };
    let drain = &mut *drain;
    let Spool::Memory(memory) = &mut drain.spool else {
        return Left::Nothing;
    };
    if answer.is_failure() {
        drain.circuit = drain
            .circuit
            .failed(clock::now_millis(), answer.retry_after());
        return Left::At(drain.circuit.closed_until_millis);
    }
    drain.circuit = Circuit::succeeded(clock::now_millis());
    match answer {
        Answer::Status(410, _) => {
            recorder.losses.add_booked(Fate::Gone, memory.clear());
            recorder.lower_mode(Mode::Off);
        }
        Answer::Status(status, _) if upload::is_refusal(status) => {
            recorder
                .losses
                .add_booked(Fate::Refused, memory.sent(records));
        }
        _ => {
            let (_delivered, rejected) = answer.shares(memory.sent(records));
            recorder.losses.add_booked(Fate::Refused, rejected);
        }
    }
    match memory.is_empty() {
        true => Left::Nothing,
        false => Left::At(drain.circuit.closed_until_millis),
    }
}

impl crate::settings::Settings {
    /// What was recorded before an off does not leave after an on, though nobody of this process heard of either.
    pub(crate) fn give_up_what_an_off_met(&self) -> upload::GivenUp {
        match (self.folder(), consent::last_off(&self.folders)) {
            (Some(folder), Some(off_until)) => upload::give_up_before(&folder, off_until),
            _ => upload::GivenUp::new(),
        }
    }

    /// What the files say now. The environment is not asked: only the host's own threads may read it, at the calls of
    /// [`crate::Telemetry`].
    pub(crate) fn decision_now(&self) -> Decision {
        let collector = self.collector();
        let sender = consent::Sender {
            framework: &self.framework,
            version: &self.version,
            collector: collector.as_deref(),
        };
        let surroundings =
            consent::Surroundings::read(|_| None, &self.switches, &self.folders, sender);
        // Whether anybody was told was settled at the start.
        consent::resolve(&surroundings.inputs(false, true, false))
    }

    /// What may happen by that.
    pub(crate) fn still_allowed(&self) -> Mode {
        self.decision_now().mode
    }
}
