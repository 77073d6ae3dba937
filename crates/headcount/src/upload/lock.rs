//! The upload lock: one process at a time sends what a framework's folder holds.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::circuit::FIRST_PAUSE;
use crate::platform::files;
use crate::spool::Held;

/// The file in a framework's folder that the uploader locks; its modification time is the start of the last upload.
const LOCK: &str = "uploader.lock";

/// The lock that makes one process the uploader. It is released when it is dropped, or when the process ends.
pub(crate) fn lock(folder: &Path) -> Option<Held> {
    files::create(folder).ok()?;
    let file = files::open_shared(
        &folder.join(LOCK),
        files::private_file()
            .write(true)
            .create(true)
            .truncate(false),
    )
    .ok()?;
    Held::lock(file).ok()
}

/// Whether an upload began less than ten seconds ago. Its process may have ended before the response came.
pub(crate) fn was_tried_recently(folder: &Path) -> bool {
    let lock = std::fs::metadata(folder.join(LOCK));
    let age = lock
        .and_then(|lock| lock.modified())
        .map(|begun| begun.elapsed());
    matches!(age, Ok(Ok(age)) if age < FIRST_PAUSE)
}

/// Notes that an upload begins now.
pub(super) fn note_start(lock: &Held) {
    if let Some(file) = lock.file() {
        let _best_effort = file.set_modified(SystemTime::now());
    }
}

/// Waits for an upload that is under way, for at most `timeout`, and takes the lock.
pub(crate) fn lock_within(folder: &Path, timeout: Duration) -> Option<Held> {
    let deadline = Instant::now() + timeout;
    while folder.exists() && Instant::now() < deadline {
        if let Some(held) = lock(folder) {
            return Some(held);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
