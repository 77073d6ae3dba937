//! The history on disk, as one process uses it. Called on the worker thread, and by the end of a process whose worker thread had
//! no time to begin; never where an event is recorded.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::beat::Beat;
use super::history::History;
use super::history_file::{self, Content};
use super::moment::{Moment, WeekOffset, same_day};
use super::release::Release;
use crate::consent;
use crate::erasure;
use crate::platform::{Folders, clock, files};
use crate::spool::{Held, is_still, locks_exclude};

/// The file in a framework's folder.
const FILE: &str = "activity";
/// For how long a file that could not be changed is left alone, in milliseconds.
const PAUSE_MILLIS: u64 = 60_000;

/// Deletes the history of a framework: telemetry is off, and its next installation is a new one.
pub(crate) fn forget(folder: &Path) {
    let _best_effort = std::fs::remove_file(folder.join(FILE));
}

/// One process's view of its framework's history.
#[derive(Debug)]
pub(crate) struct ActivityKeeper {
    folder: Option<PathBuf>,
    folders: Folders,
    release: Option<Release>,
    /// From when on, and until when, events change nothing in the file, in milliseconds since 1970 UTC: the day that was noted, or
    /// the pause after the file could not be changed.
    noted_from: AtomicU64,
    noted_until: AtomicU64,
}

impl ActivityKeeper {
    /// Touches no file.
    pub(crate) fn new(folder: Option<PathBuf>, folders: Folders, version: &str) -> Self {
        Self {
            folder,
            folders,
            release: Release::read(version),
            noted_from: AtomicU64::new(0),
            noted_until: AtomicU64::new(0),
        }
    }

    /// Notes that an event was recorded; returns the span of the beat, if one is due. Another process that holds the file is not
    /// waited for: it notes the same day.
    pub(crate) fn note(&self, now_millis: u64) -> Option<Vec<u8>> {
        let from = self.noted_from.load(Ordering::Relaxed);
        if (from..self.noted_until.load(Ordering::Relaxed)).contains(&now_millis) {
            return None;
        }
        let folder = self.folder.as_deref()?;
        let (beat, noted) = match self.note_on_disk(folder, now_millis) {
            Ok(result) => result,
            Err(_) => (None, now_millis..now_millis.saturating_add(PAUSE_MILLIS)),
        };
        self.noted_from.store(noted.start, Ordering::Relaxed);
        self.noted_until.store(noted.end, Ordering::Relaxed);
        beat.map(|beat| beat.span())
    }

    fn note_on_disk(
        &self,
        folder: &Path,
        now_millis: u64,
    ) -> io::Result<(Option<Beat>, Range<u64>)> {
        // Read each time: `headcount forget` may have deleted the last one. Without a secret that stays there is no next week.
        let secret = erasure::saved_secret(folder).ok_or(io::ErrorKind::NotFound)?;
        let offset = WeekOffset::of(&secret);
        let now = Moment::at(now_millis, offset).ok_or(io::ErrorKind::InvalidInput)?;
        let last_off = consent::last_off(&self.folders);
        // Most processes of a day find it noted, and need no lock.
        if last_off.is_none() && is_noted(folder, now, self.release.as_ref()) {
            return Ok((None, same_day(now_millis)));
        }
        let beat = change(folder, |content, written_millis| {
            let is_from_before_off = last_off.is_some_and(|off| written_millis < off);
            let content = match is_from_before_off {
                true => Content::Empty,
                false => content,
            };
            let is_new = content == Content::Empty;
            let (history, beat) = next(content, now, self.release.as_ref())?;
            // An off deletes the history, and with it whether this week has had its beat.
            let was_off = last_off.and_then(|off| Moment::at(off, offset));
            let was_off_this_week = was_off.is_some_and(|off| off.week == now.week);
            Some((history, beat.filter(|_| !(is_new && was_off_this_week))))
        })?;
        Ok((beat, same_day(now_millis)))
    }
}

/// Whether an event changes nothing in the file.
fn is_noted(folder: &Path, now: Moment, release: Option<&Release>) -> bool {
    let bytes = files::read(&folder.join(FILE), history_file::LONGEST).unwrap_or_default();
    let Content::Known(history) = history_file::read(&bytes) else {
        return false;
    };
    let mut after = history.clone();
    after.note(now, release).is_none() && after == history
}

/// The history after an event, and the beat that is due; `None` if the file has to stay as it is.
fn next(
    content: Content,
    now: Moment,
    release: Option<&Release>,
) -> Option<(History, Option<Beat>)> {
    match content {
        Content::Empty => {
            let (history, beat) = History::begin(now, release);
            Some((history, Some(beat)))
        }
        Content::Known(mut history) => {
            let beat = history.note(now, release);
            Some((history, beat))
        }
        Content::Damaged => {
            let mut history = History::unknown(now);
            let _none = history.note(now, release);
            Some((history, None))
        }
        Content::OfAnotherForm => None,
    }
}

/// Reads the file, and writes its next content, while no other process can.
///
/// # Errors
/// Another process holds it, it cannot be written, or the file system has no locks that exclude others: two beats would be worse
/// than none.
fn change(
    folder: &Path,
    next: impl FnOnce(Content, u64) -> Option<(History, Option<Beat>)>,
) -> io::Result<Option<Beat>> {
    let path = folder.join(FILE);
    let mut options = files::private_file();
    options.read(true).write(true).create(true).truncate(false);
    let held = Held::lock(files::open_shared(&path, &options)?)?;
    if !held.is_locked() || locks_exclude(&path) != Some(true) || !is_still(&held, &path) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let mut file = held.file().ok_or(io::ErrorKind::WouldBlock)?;
    let mut bytes = Vec::new();
    let _length = file.take(history_file::LONGEST).read_to_end(&mut bytes)?;
    let written = file.metadata()?.modified().map_or(0, clock::nanos_of) / 1_000_000;
    let Some((history, beat)) = next(history_file::read(&bytes), written) else {
        return Ok(None);
    };
    let line = history_file::write(&history);
    if line.as_bytes() != bytes {
        // In place: a process that is killed leaves the old line or the new one, and a power cut one whose checksum tells.
        let _start = file.seek(SeekFrom::Start(0))?;
        file.write_all(line.as_bytes())?;
        file.set_len(line.len() as u64)?;
    }
    Ok(beat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Held;

    const NOON: u64 = 1_772_442_904_000;
    const DAY: u64 = 86_400_000;

    fn keeper(home: &Path) -> ActivityKeeper {
        let folders = Folders {
            settings: vec![home.to_owned()],
            ..Folders::default()
        };
        ActivityKeeper::new(Some(home.join("rig")), folders, "1.2.3")
    }

    fn history(home: &Path) -> History {
        match history_file::read(&std::fs::read(home.join("rig/activity")).unwrap()) {
            Content::Known(history) => history,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_process_notes_each_day_once_and_says_a_beat_each_week() {
        let home = tempfile::tempdir().unwrap();
        let keeper = keeper(home.path());
        let mut beats = 0;
        for hour in 0..24 * 28 {
            beats += usize::from(keeper.note(NOON + hour * DAY / 24).is_some());
        }
        // Four weeks, and the part of one before or after them.
        assert!((4..=5).contains(&beats), "{beats}");
        let last = u32::try_from((NOON + 27 * DAY) / DAY).unwrap();
        let noted = history(home.path());
        assert!(noted.last_day >= last);
        assert_eq!(noted.days, 0b111_1111);
    }

    #[test]
    fn a_file_that_another_process_holds_is_left_alone_for_a_while() {
        let home = tempfile::tempdir().unwrap();
        assert!(keeper(home.path()).note(NOON).is_some());
        let path = home.path().join("rig/activity");
        let held = files::open(&path, std::fs::File::options().read(true).write(true));
        let held = Held::lock(held.unwrap()).unwrap();
        let next_week = NOON + 7 * DAY;
        let keeper = keeper(home.path());
        assert!(keeper.note(next_week).is_none());
        drop(held);
        // It does not try with each event.
        assert!(keeper.note(next_week + 1_000).is_none());
        assert!(keeper.note(next_week + PAUSE_MILLIS).is_some());
    }

    #[test]
    fn a_day_that_is_noted_is_read_without_a_lock() {
        let home = tempfile::tempdir().unwrap();
        assert!(keeper(home.path()).note(NOON).is_some());
        let path = home.path().join("rig/activity");
        let held = files::open(&path, std::fs::File::options().read(true).write(true));
        let _held = Held::lock(held.unwrap()).unwrap();
        let keeper = keeper(home.path());
        assert!(keeper.note(NOON + 1).is_none());
        assert_eq!(
            keeper.noted_until.load(Ordering::Relaxed),
            same_day(NOON).end
        );
    }

    #[test]
    fn another_release_on_the_same_day_is_noted() {
        let home = tempfile::tempdir().unwrap();
        assert!(keeper(home.path()).note(NOON).is_some());
        let newer = ActivityKeeper {
            release: Release::read("1.3"),
            ..keeper(home.path())
        };
        assert!(newer.note(NOON).is_none());
        assert_eq!(history(home.path()).releases.len(), 2);
    }

    #[test]
    fn a_telemetry_without_a_folder_says_nothing() {
        let keeper = ActivityKeeper::new(None, Folders::default(), "1");
        assert!(keeper.note(NOON).is_none());
    }
}
