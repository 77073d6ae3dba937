//! The spool on disk: appends records to segments in a folder.

use std::ffi::OsStr;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::found::{ENDING, OPEN, bytes_in, is_link, is_still, list};
use super::limits::{AGE_LIMIT_MILLIS, Room, SEGMENT_LIMIT, SpoolError};
use super::lock::{Held, locks_exclude};
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
    /// What is known about locks in this folder.
    locks: Locks,
    buffer: Vec<u8>,
}

/// Whether locks keep other processes away from a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locks {
    Untested,
    Exclude,
    /// A segment has a name of its own while its process appends to it, and no other process appends to it ever.
    DoNotExclude,
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
            locks: Locks::Untested,
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
                other.into_iter().for_each(Current::release);
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
        self.current.take().into_iter().for_each(Current::release);
    }

    /// Makes the next record start a new segment.
    pub(crate) fn start_new_segment(&mut self) {
        self.starts_new_segment = true;
    }

    fn open(&mut self) -> io::Result<Current> {
        if !std::mem::take(&mut self.starts_new_segment)
            && self.locks != Locks::DoNotExclude
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
            let ending = match self.locks {
                Locks::DoNotExclude => OPEN,
                Locks::Untested | Locks::Exclude => ENDING,
            };
            let name = format!("{now:013}-{}{mark}.{ending}", suffix.as_str());
            let path = self.folder.join(name);
            let mut options = files::private_file();
            let file = files::open(&path, options.read(true).write(true).create_new(true))?;
            let begun = begin(file, now);
            match begun {
                Ok(held) if is_still(&held, &path) => {
                    let mut current = Current {
                        held,
                        path,
                        length: SEGMENT_HEADER as u64,
                    };
                    if !self.is_exclusive(&current) {
                        current.rename(OPEN)?;
                    }
                    return Ok(current);
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

    /// Whether no other process can append to the segment too. This is tried until it is known.
    fn is_exclusive(&mut self, current: &Current) -> bool {
        if self.locks == Locks::Untested {
            self.locks = match current.held.is_locked() {
                true => match locks_exclude(&current.path) {
                    Some(true) => Locks::Exclude,
                    Some(false) => Locks::DoNotExclude,
                    None => Locks::Untested,
                },
                false => Locks::DoNotExclude,
            };
        }
        self.locks == Locks::Exclude
    }

    /// Appends to a segment that no process holds, so that a thousand short processes do not leave a thousand files.
    fn resume(&mut self) -> Option<Current> {
        let now = clock::now_millis();
        let mark = self.mark.clone();
        let candidates = list(&self.folder).into_iter().rev().filter(|found| {
            let age = now.saturating_sub(found.created_millis);
            let is_young = age < AGE_LIMIT_MILLIS / 30;
            found.bytes < SEGMENT_LIMIT && is_young && found.mark() == mark.as_deref()
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
            if !is_usable {
                continue;
            }
            let current = Current {
                held,
                path: found.path,
                length,
            };
            // Before the file is changed: where locks exclude nobody, its owner may be writing to it.
            if !self.is_exclusive(&current) {
                return None;
            }
            let is_at_its_end = current.held.file().is_some_and(|mut file| {
                file.set_len(length).is_ok() && file.seek(SeekFrom::Start(length)).is_ok()
            });
            if is_at_its_end {
                return Some(current);
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
    /// Gives the segment's file another ending.
    fn rename(&mut self, ending: &str) -> io::Result<()> {
        let renamed = self.path.with_extension(ending);
        std::fs::rename(&self.path, &renamed)?;
        self.path = renamed;
        Ok(())
    }

    /// Nothing more is appended: any process may send it.
    fn release(mut self) {
        // In a forked child it is the parent's.
        if self.path.extension() == Some(OsStr::new(OPEN)) && is_still(&self.held, &self.path) {
            let _best_effort = self.rename(ENDING);
        }
    }

    /// Whether this process still holds it, it has room, and nobody deleted it.
    fn is_usable(&self) -> bool {
        self.length < SEGMENT_LIMIT && is_still(&self.held, &self.path)
    }
}

#[cfg(test)]
mod tests;
