//! The end of a process: events in memory are written to the spool.

use std::sync::Arc;
use std::time::Duration;

use super::last_upload::{self, LastUpload};
use super::pipeline::Pipeline;
use crate::consent::Mode;
use crate::platform;

/// How long the end of a process waits for the worker thread to release the spool writer. The worker releases it after the
/// record that it is writing: a matter of microseconds, unless the disk or the machine is overloaded.
const EXIT_TIMEOUT: Duration = Duration::from_millis(250);

/// Stops the worker thread, writes the events in memory and releases the segment, so that any process may send it. If
/// telemetry was turned off meanwhile, the events are discarded instead. Returns the last upload, if one is due.
pub(super) fn stop(pipeline: &Arc<Pipeline>) -> Option<LastUpload> {
    let deadline = last_upload::is_due(pipeline).then(|| LastUpload::announce(pipeline));
    pipeline.worker.stop();
    write_to_spool(pipeline);
    LastUpload::start(pipeline, deadline?)
}

/// Writes the events in memory and releases the segment, while the worker thread lives on.
pub(super) fn write_to_spool(pipeline: &Pipeline) {
    platform::without_size_signal(|| {
        if pipeline.settings.still_allowed() == Mode::Off {
            pipeline.recorder.lower_mode(Mode::Off);
        }
        let Some(mut writer) = pipeline.lock_writer(EXIT_TIMEOUT) else {
            return;
        };
        if pipeline.recorder.mode() == Mode::Off {
            pipeline.discard(&mut writer);
            return;
        }
        pipeline.write(&mut writer, || false);
        writer.report_losses(&pipeline.recorder);
        writer.spool.seal();
    });
}
