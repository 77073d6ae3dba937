//! Reads the log back.

use std::io;
use std::path::Path;

use bytes::Bytes;
use headcount_catalog::{Entries, Schema};

use super::damage::{self, Damage};
use super::format::{self, FormatError};
use super::newest;
use super::segment::{Frame, SealedSegment, Segment, SegmentFile, list};
use crate::dedup::DedupIndex;
use crate::disk::Disk;
use crate::error::LogError;

/// Reads every segment for the folder's one writer. The end of the last may be torn; an end that is missing before that is
/// damage, and so is a header that cannot be read.
///
/// # Errors
///
/// The operating system refuses to read a segment, a later version of the program wrote it, or no table could remember its number.
pub fn read_all(disk: &dyn Disk, folder: &Path) -> Result<Vec<Segment>, LogError> {
    let files = list(disk, folder)?;
    let mut segments = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let until = files.get(index + 1).map(|next| next.first);
        let bytes = disk.read(&file.path);
        let bytes = Bytes::from(bytes.map_err(LogError::io("read", &file.path))?);
        segments.push(read_whole(file, &bytes, until)?);
    }
    Ok(segments)
}

/// Reads a segment that no writer adds to: if it ends before `until`, with which the next segment begins, its end is damaged.
///
/// # Errors
///
/// As of [`read`].
pub fn read_whole(
    file: &SegmentFile,
    bytes: &Bytes,
    until: Option<u64>,
) -> Result<Segment, LogError> {
    let (mut segment, (offset, reason)) = read(file, bytes, until)?;
    let next = segment.next();
    if let Some(until) = until.filter(|until| next < *until) {
        let begin = format::read_header(bytes).map_or(0, |(_, length)| length);
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        segment.damage.push(Damage {
            segment: file.path.clone(),
            header: bytes.slice(..begin),
            bytes: bytes.slice(at.min(bytes.len())..),
            offset,
            lost: next..until,
            reason: reason.unwrap_or(FormatError::Truncated),
        });
    }
    Ok(segment)
}

/// Reads the segments beside a running writer. One that vanishes meanwhile has been flushed; its rows are in the tables,
/// which the caller reads afterwards.
///
/// # Errors
///
/// A segment cannot be read.
pub fn read_beside_writer(disk: &dyn Disk, folder: &Path) -> Result<Vec<Segment>, LogError> {
    let files = list(disk, folder)?;
    let mut segments = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let bytes = match disk.read(&file.path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LogError::io("read", &file.path)(error)),
        };
        let until = files.get(index + 1).map(|next| next.first);
        segments.push(read(file, &bytes, until)?.0);
    }
    Ok(segments)
}

/// Where reading stopped, and the reason unless that is the end.
pub type Stop = (u64, Option<FormatError>);

/// Reads frames up to the first that is not whole and has no whole one behind it, or whose sequence number is `until`. Without its
/// header nobody knows which columns the rows have: then all of the segment is damage.
///
/// # Errors
///
/// A later program wrote the segment, or it has a number that no table could remember.
pub fn read(
    file: &SegmentFile,
    bytes: &Bytes,
    until: Option<u64>,
) -> Result<(Segment, Stop), LogError> {
    if file.first > format::LAST_SEQUENCE {
        return Err(damaged(file, 0, FormatError::Number(file.first)));
    }
    let (schema, begin) = match format::read_header(bytes) {
        Ok(header) => header,
        Err(FormatError::Version(found)) if found > format::VERSION => {
            return Err(LogError::NewerFormat {
                path: file.path.clone(),
                found,
                supported: format::VERSION,
            });
        }
        Err(reason) => return Ok((without_header(file, bytes, until, reason), (0, None))),
    };
    let mut segment = Segment {
        file: file.clone(),
        schema,
        frames: Vec::new(),
        damage: Vec::new(),
    };
    let mut offset = begin;
    let mut sequence = file.first;
    while offset < bytes.len() && until.is_none_or(|until| sequence < until) {
        match format::read_frame(&bytes[offset..], sequence) {
            Ok((payload, length)) => {
                let payload = bytes.slice_ref(payload);
                segment.frames.push(Frame { sequence, payload });
                offset += length;
                sequence += 1;
            }
            Err(reason) => {
                let next = damage::next_whole_frame(bytes, offset, sequence);
                let next = next.filter(|next| until.is_none_or(|until| next.sequence < until));
                let Some(next) = next else {
                    return Ok((segment, (offset as u64, Some(reason))));
                };
                segment.damage.push(Damage {
                    segment: file.path.clone(),
                    header: bytes.slice(..begin),
                    bytes: bytes.slice(offset..next.offset),
                    offset: offset as u64,
                    lost: sequence..next.sequence,
                    reason,
                });
                (offset, sequence) = (next.offset, next.sequence);
            }
        }
    }
    Ok((segment, (offset as u64, None)))
}

/// A segment of which nothing can be read.
fn without_header(
    file: &SegmentFile,
    bytes: &Bytes,
    until: Option<u64>,
    reason: FormatError,
) -> Segment {
    let end = until.unwrap_or_else(|| damage::end_of_whole_frames(bytes, file.first));
    Segment {
        file: file.clone(),
        schema: Schema { tables: Vec::new() },
        frames: Vec::new(),
        damage: vec![Damage {
            segment: file.path.clone(),
            header: Bytes::new(),
            bytes: bytes.clone(),
            offset: 0,
            lost: file.first..end,
            reason,
        }],
    }
}

fn damaged(file: &SegmentFile, offset: u64, reason: FormatError) -> LogError {
    LogError::Damaged {
        path: file.path.clone(),
        offset,
        reason: reason.to_string(),
    }
}

/// Puts the fingerprints of replayed segments into `index`; returns the segments as sealed ones, to be trimmed later.
///
/// # Errors
///
/// A frame's payload does not follow the codec.
pub fn index_fingerprints(
    segments: &[Segment],
    index: &mut DedupIndex,
) -> Result<Vec<SealedSegment>, LogError> {
    let mut sealed = Vec::with_capacity(segments.len());
    // One without a frame that counts gets the next one's number, and is replaced.
    let counts = |segment: &&Segment| segment.next() > segment.file.first;
    for segment in segments.iter().filter(counts) {
        let mut fingerprints = Vec::new();
        let payloads = segment.frames.iter().map(|frame| &frame.payload);
        for entry in payloads.flat_map(|payload| Entries::new(payload)) {
            let entry = entry?;
            if entry.is_tally() {
                continue;
            }
            let fingerprint = entry.fingerprint.0;
            index.insert(fingerprint);
            fingerprints.push(fingerprint);
        }
        sealed.push(SealedSegment {
            file: segment.file.clone(),
            last: segment.next() - 1,
            fingerprints,
        });
    }
    Ok(sealed)
}

/// How many groups may be in neither the log nor the tables, which hold rows up to `applied`: segments up to the
/// [`newest`](super::newest_segment) are gone, the log begins behind the tables, or it ends before them.
pub fn missing_groups(newest: Option<u64>, segments: &[Segment], applied: u64) -> u64 {
    let deleted = newest::missing(newest, segments, applied);
    if deleted > 0 {
        tracing::error!(
            missing = deleted,
            "the newest segments of the write-ahead log are gone: at least so many groups of acknowledged requests are lost; restore \
             the folder wal/"
        );
    }
    deleted + missing_between(segments, applied)
}

/// Either the log begins behind what the tables hold: somebody removed segments, or copied the tables of a running store before its
/// log. Or it ends before that: somebody copied the log first, and tables that were copied early lack groups that were flushed while the
/// others were copied.
fn missing_between(segments: &[Segment], applied: u64) -> u64 {
    let first = segments.first().map(|segment| segment.file.first);
    let missing = first.map_or(0, |first| first.saturating_sub(applied + 1));
    let end = segments.last().map(Segment::next);
    let behind = end.map_or(0, |end| (applied + 1).saturating_sub(end));
    if behind > 0 {
        tracing::error!(
            groups = behind,
            applied,
            "the write-ahead log ends before what the tables hold: some tables may lack groups of acknowledged requests; the folder was \
             copied from a running store, or segments were removed"
        );
        return behind;
    }
    if missing > 0 {
        tracing::error!(
            missing,
            applied,
            "the write-ahead log begins behind what the tables hold: groups of acknowledged requests are lost; restore the \
             segments, or copy the log of a running store before its tables"
        );
    }
    missing
}

/// The sequence number of the next frame, where the tables hold rows up to `applied`.
pub fn next_sequence(segments: &[Segment], applied: u64) -> u64 {
    let end = segments.last().map_or(0, Segment::next);
    end.max(applied + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use headcount_catalog::Catalog;

    use super::*;
    use crate::disk::RealDisk;
    use crate::wal::format::{FRAME_HEADER, LAST_SEQUENCE, header, seal_frame};

    fn write_segment(folder: &Path, first: u64) {
        let mut frame = vec![0; FRAME_HEADER];
        frame.extend_from_slice(b"payload");
        seal_frame(&mut frame, first);
        let bytes = [header(Catalog::embedded().schema()), frame].concat();
        std::fs::write(SegmentFile::new(folder, first).path, bytes).unwrap();
    }

    /// Found by fuzzing: counting on from the last number ended the program, or began again at none.
    #[test]
    fn a_segment_whose_number_no_table_could_remember_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_segment(folder.path(), LAST_SEQUENCE);
        let disk = RealDisk::default();
        let read = read_all(&disk, folder.path()).unwrap();
        assert_eq!(read[0].next(), LAST_SEQUENCE + 1);
        std::fs::remove_file(&read[0].file.path).unwrap();
        write_segment(folder.path(), u64::MAX);
        for read in [
            read_all(&disk, folder.path()),
            read_beside_writer(&disk, folder.path()),
        ] {
            assert!(matches!(read, Err(LogError::Damaged { offset: 0, .. })));
        }
    }
}
