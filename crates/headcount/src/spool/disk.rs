//! The spool on disk: appends records to segments in a folder.

use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::found::{ENDING, bytes_in, is_link, is_still, list};
use super::limits::{AGE_LIMIT_MILLIS, Room, SEGMENT_LIMIT, SpoolError};
use super::lock::Held;
use super::segment::{self, Record, SEGMENT_HEADER};
use crate::platform::{OwnFile, clock, files, random};

/// How many existing segments are tried before a new one is created.
const TRIES: usize = 4;

/// Appends to a folder of segments.
#[derive(Debug)]
pub(crate) struct DiskSpool {
    folder: PathBuf,
    /// The mark of the collector that the events are for, if there is one.
    mark: Option<String>,
    current: Option<Current>,
    has_written: bool,
    /// The next record starts a new segment: the existing ones are about to be sent.
    starts_new_segment: bool,
    buffer: Vec<u8>,
}

/// The segment that this process holds locked.
#[derive(Debug)]
struct Current {
    held: Held,
    path: PathBuf,
    length: u64,
}

impl DiskSpool {
    /// Creates no file or folder before the first record.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            mark: None,
            current: None,
            has_written: false,
            starts_new_segment: false,
            buffer: Vec::new(),
        }
    }

    /// Restricts its events to the collector with this mark.
    #[must_use]
    pub(crate) fn marked(mut self, mark: Option<String>) -> Self {
        self.mark = mark;
        self
    }

    pub(crate) fn has_written(&self) -> bool {
        self.has_written
    }

    /// Adds one record with a single write, so that a process that is killed leaves it whole or torn, never mixed.
    pub(crate) fn append(&mut self, record: &Record<'_>, room: Room) -> Result<(), SpoolError> {
        self.buffer.clear();
        if !record.write(&mut self.buffer) {
            return Err(SpoolError::Full);
        }
        if bytes_in(&self.folder) + self.buffer.len() as u64 > room.limit() {
            return Err(SpoolError::Full);
        }
        let mut current = match self.current.take() {
            Some(current) if current.is_usable() => current,
            other => {
                drop(other);
                self.open().map_err(|_| SpoolError::Disk)?
            }
        };
        let Some(mut file) = current.held.file() else {
            return Err(SpoolError::Disk);
        };
        match file.write_all(&self.buffer) {
            Ok(()) => {
                current.length += self.buffer.len() as u64;
                self.current = Some(current);
                self.has_written = true;
                Ok(())
            }
            Err(_) => {
                // The partial record is cut off; if that fails, readers skip it as a torn end.
                if file.set_len(current.length).is_ok()
                    && file.seek(SeekFrom::Start(current.length)).is_ok()
                {
                    self.current = Some(current);
                }
                Err(SpoolError::Disk)
            }
        }
    }

    /// Releases the segment.
    pub(crate) fn seal(&mut self) {
        self.current = None;
    }

    /// Makes the next record start a new segment.
    pub(crate) fn start_new_segment(&mut self) {
        self.starts_new_segment = true;
    }

    fn open(&mut self) -> io::Result<Current> {
        if !std::mem::take(&mut self.starts_new_segment)
            && let Some(current) = self.resume()
        {
            return Ok(current);
        }
        files::create(&self.folder)?;
        if is_link(&self.folder) {
            return Err(io::Error::other("the spool is a link"));
        }
        for _ in 0..TRIES {
            let now = clock::now_millis();
            let suffix: random::Text<16> = random::hex(random::from_system::<8>());
            let mark = self.mark.as_ref().map(|mark| format!("-{mark}"));
            let mark = mark.unwrap_or_default();
            let path = self
                .folder
                .join(format!("{now:013}-{}{mark}.{ENDING}", suffix.as_str()));
            let mut options = files::private_file();
            let file = files::open(&path, options.read(true).write(true).create_new(true))?;
            let begun = begin(file, now);
            match begun {
                Ok(held) if is_still(&held, &path) => {
                    return Ok(Current {
                        held,
                        path,
                        length: SEGMENT_HEADER as u64,
                    });
                }
                // Another process locked it first; it finds no record and leaves it.
                Ok(_) => {}
                Err(error) => {
                    let _best_effort = std::fs::remove_file(&path);
                    if error.kind() != io::ErrorKind::WouldBlock {
                        return Err(error);
                    }
                }
            }
        }
        Err(io::Error::other("no segment of the spool could be locked"))
    }

    /// Appends to a segment that no process holds, so that a thousand short processes do not leave a thousand files.
    fn resume(&self) -> Option<Current> {
        let now = clock::now_millis();
        let candidates = list(&self.folder).into_iter().rev().filter(|found| {
            let age = now.saturating_sub(found.created_millis);
            let is_young = age < AGE_LIMIT_MILLIS / 30;
            found.bytes < SEGMENT_LIMIT && is_young && found.mark() == self.mark.as_deref()
        });
        for found in candidates.take(TRIES) {
            let Some((held, bytes)) = found.take() else {
                continue;
            };
            let content = segment::read(&bytes);
            let length = content.length as u64;
            let is_usable = content.length >= SEGMENT_HEADER
                && !matches!(content.damage, Some(segment::Damage::Corrupt));
            // A segment of a newer version, or a damaged one, is left as it is: the uploader decides about it.
            let is_at_its_end = || {
                held.file().is_some_and(|mut file| {
                    file.set_len(length).is_ok() && file.seek(SeekFrom::Start(length)).is_ok()
                })
            };
            if is_usable && is_at_its_end() {
                return Some(Current {
                    held,
                    path: found.path,
                    length,
                });
            }
        }
        None
    }
}

/// Locks a new segment and writes its header.
fn begin(file: OwnFile, now_millis: u64) -> io::Result<Held> {
    let held = Held::lock(file)?;
    match held.file() {
        Some(mut file) => file.write_all(&segment::header(now_millis))?,
        None => return Err(io::ErrorKind::WouldBlock.into()),
    }
    Ok(held)
}

impl Current {
    /// Whether this process still holds it, it has room, and nobody deleted it.
    fn is_usable(&self) -> bool {
        self.length < SEGMENT_LIMIT && is_still(&self.held, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::*;
    use crate::spool::found::Found;
    use crate::spool::limits::SPOOL_LIMIT;

    fn record(payload: &[u8]) -> Record<'_> {
        Record {
            time_millis: 1,
            events: 1,
            dropped: 0,
            payload,
        }
    }

    fn bodies(folder: &Path) -> Vec<Vec<u8>> {
        list(folder)
            .iter()
            .filter_map(Found::take)
            .map(|(_file, bytes)| segment::read(&bytes).body())
            .collect()
    }

    #[test]
    fn other_processes_can_take_a_segment_only_after_it_is_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = DiskSpool::new(folder.path().join("spool"));
        spool.append(&record(b"one"), Room::Ordinary).unwrap();
        assert!(bodies(&folder.path().join("spool")).is_empty());
        spool.seal();
        assert_eq!(bodies(&folder.path().join("spool")), [b"one"]);
    }

    #[test]
    fn the_next_process_appends_to_the_segment_of_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        for payload in [b"a", b"b", b"c"] {
            DiskSpool::new(folder.path().to_owned())
                .append(&record(payload), Room::Ordinary)
                .unwrap();
        }
        assert_eq!(bodies(folder.path()), [b"abc"]);
    }

    #[test]
    fn segments_are_kept_apart_by_collector() {
        let folder = tempfile::tempdir().unwrap();
        for mark in [None, Some("aaaaaaaa"), Some("bbbbbbbb"), Some("aaaaaaaa")] {
            DiskSpool::new(folder.path().to_owned())
                .marked(mark.map(str::to_owned))
                .append(&record(b"one"), Room::Ordinary)
                .unwrap();
        }
        let found = list(folder.path());
        assert_eq!(found.len(), 3);
        let for_a = found.iter().filter(|found| found.is_for(Some("aaaaaaaa")));
        assert_eq!(for_a.count(), 2);
        assert_eq!(found.iter().filter(|found| found.is_for(None)).count(), 1);
    }

    #[test]
    fn a_torn_end_is_cut_off_before_appending() {
        let folder = tempfile::tempdir().unwrap();
        DiskSpool::new(folder.path().to_owned())
            .append(&record(b"whole"), Room::Ordinary)
            .unwrap();
        let path = list(folder.path())[0].path.clone();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&[9, 0, 0, 0, 1, 2, 3]).unwrap();
        drop(file);
        DiskSpool::new(folder.path().to_owned())
            .append(&record(b" again"), Room::Ordinary)
            .unwrap();
        assert_eq!(bodies(folder.path()), [b"whole again"]);
    }

    #[test]
    fn a_segment_that_is_newer_or_damaged_is_left_alone() {
        let newer = {
            let mut bytes = segment::header(7).to_vec();
            bytes[8] = 2;
            bytes.extend_from_slice(b"of a version that is yet to come");
            bytes
        };
        let mut damaged = segment::header(7).to_vec();
        for payload in [b"first", b"other", b"third"] {
            assert!(record(payload).write(&mut damaged));
        }
        damaged[SEGMENT_HEADER + 30] ^= 1;
        for bytes in [newer, damaged] {
            let folder = tempfile::tempdir().unwrap();
            let name = format!("{:013}-0011223344556677.spool", clock::now_millis());
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            DiskSpool::new(folder.path().to_owned())
                .append(&record(b"mine"), Room::Ordinary)
                .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(list(folder.path()).len(), 2);
        }
    }

    #[test]
    fn a_retired_segment_that_was_not_removed_takes_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = DiskSpool::new(folder.path().to_owned());
        spool.append(&record(b"one"), Room::Ordinary).unwrap();
        let settled = folder
            .path()
            .join("1772442904000-0011223344556677.delivered");
        std::fs::write(settled, vec![0; SPOOL_LIMIT as usize]).unwrap();
        let refused = spool.append(&record(b"two"), Room::Ordinary);
        assert!(matches!(refused, Err(SpoolError::Full)));
    }

    #[test]
    fn two_writers_at_once_have_two_segments() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = DiskSpool::new(folder.path().to_owned());
        let mut other = DiskSpool::new(folder.path().to_owned());
        one.append(&record(b"1"), Room::Ordinary).unwrap();
        other.append(&record(b"2"), Room::Ordinary).unwrap();
        drop((one, other));
        let mut bodies = bodies(folder.path());
        bodies.sort();
        assert_eq!(bodies, [b"1", b"2"]);
    }

    #[test]
    fn the_folder_never_holds_more_than_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = DiskSpool::new(folder.path().to_owned());
        let payload = vec![7; 60_000];
        let mut taken = 0_u64;
        while spool.append(&record(&payload), Room::Ordinary).is_ok() {
            taken += 1;
            assert!(taken < 1_000, "the spool has no limit");
        }
        let bytes: u64 = list(folder.path()).iter().map(|found| found.bytes).sum();
        let limit = Room::Ordinary.limit();
        assert!(bytes <= limit && bytes > limit - 100_000, "{bytes}");
        // A loss report still finds room, up to the whole limit.
        spool.append(&record(b"losses"), Room::Reserved).unwrap();
        let largest = list(folder.path()).iter().map(|found| found.bytes).max();
        assert!(largest.unwrap() < SEGMENT_LIMIT + 61_000);
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_folder_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        let theirs = elsewhere.join("1772442904000-0011223344556677.spool");
        std::fs::write(theirs, "somebody's").unwrap();
        let link = folder.path().join("spool");
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        let mut spool = DiskSpool::new(link.clone());
        let refused = spool.append(&record(b"one"), Room::Ordinary);
        assert!(matches!(refused, Err(SpoolError::Disk)));
        assert!(list(&link).is_empty());
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 1);
    }
}
