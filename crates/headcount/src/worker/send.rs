//! One upload, on the upload thread: from the spool on disk, or from memory where no folder is writable.

use super::pipeline::Pipeline;
use crate::consent::Mode;
use crate::platform::clock;
use crate::spool::{DeliveryStatus, Spool};
use crate::upload::{self, Answer, Circuit, Left, Uploader};

/// Sends the events that wait, if telemetry is still on; returns whether any are left.
pub(super) fn send(pipeline: &Pipeline) -> Left {
    pipeline.worker.upload_begins();
    let left = send_if_on(pipeline);
    pipeline.worker.upload_ended();
    left
}

fn send_if_on(pipeline: &Pipeline) -> Left {
    let settings = &pipeline.settings;
    if pipeline.recorder.mode() != Mode::On {
        return Left::Nothing;
    }
    if settings.still_allowed() != Mode::On {
        pipeline.turn_off();
        return Left::Nothing;
    }
    let Some(uploader) = settings.uploader() else {
        return Left::Nothing;
    };
    let closed_until = memory_circuit(pipeline).closed_until_millis;
    let from_memory = {
        let mut writer = match pipeline.writer.lock() {
            Ok(writer) => writer,
            Err(poisoned) => poisoned.into_inner(),
        };
        writer.spool.seal_for_upload();
        match &mut writer.spool {
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
            finish_memory_batch(pipeline, answer, records)
        }
        None => send_spool(pipeline, &uploader),
    }
}

fn send_spool(pipeline: &Pipeline, uploader: &Uploader) -> Left {
    let settings = &pipeline.settings;
    let recorder = &pipeline.recorder;
    // An off takes effect before the next request.
    let should_stop = || {
        pipeline.worker.must_not_upload(clock::now_millis())
            || recorder.mode() != Mode::On
            || settings.still_allowed() != Mode::On
    };
    let before_last_off = settings.discard_before_last_off();
    let outcome = uploader.run(&should_stop);
    for (status, events) in outcome.removed.iter().chain(&before_last_off) {
        status.count_loss(&recorder.losses, *events);
    }
    if outcome.is_gone {
        recorder.lower_mode(Mode::Off);
    } else if recorder.mode() == Mode::Off || settings.still_allowed() == Mode::Off {
        // This thread held the segment that was being sent while all others were removed.
        pipeline.turn_off();
    }
    outcome.left
}

/// Removes a batch from memory, or keeps it for another attempt.
fn finish_memory_batch(pipeline: &Pipeline, answer: Answer, records: usize) -> Left {
    let Ok(mut writer) = pipeline.writer.lock() else {
        return Left::Nothing;
    };
    let Spool::Memory(memory) = &mut writer.spool else {
        return Left::Nothing;
    };
    let now = clock::now_millis();
    if answer.is_failure() {
        let circuit = memory_circuit(pipeline).failed(now, answer.failure(), answer.retry_after());
        set_memory_circuit(pipeline, circuit);
        return Left::At(circuit.closed_until_millis);
    }
    let circuit = Circuit::succeeded(now);
    set_memory_circuit(pipeline, circuit);
    let losses = &pipeline.recorder.losses;
    match answer {
        Answer::Status(410, _) => {
            DeliveryStatus::Gone.count_loss(losses, memory.clear());
            pipeline.recorder.lower_mode(Mode::Off);
        }
        Answer::Status(status, _) if upload::is_refusal(status) => {
            DeliveryStatus::Refused.count_loss(losses, memory.sent(records));
        }
        _ => {
            let (_delivered, rejected) = answer.shares(memory.sent(records));
            DeliveryStatus::Refused.count_loss(losses, rejected);
        }
    }
    match memory.is_empty() {
        true => Left::Nothing,
        false => Left::At(circuit.closed_until_millis),
    }
}

fn memory_circuit(pipeline: &Pipeline) -> Circuit {
    match pipeline.memory_circuit.lock() {
        Ok(circuit) => *circuit,
        Err(poisoned) => *poisoned.into_inner(),
    }
}

fn set_memory_circuit(pipeline: &Pipeline, circuit: Circuit) {
    match pipeline.memory_circuit.lock() {
        Ok(mut kept) => *kept = circuit,
        Err(poisoned) => *poisoned.into_inner() = circuit,
    }
}
