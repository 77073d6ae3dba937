//! Reads the log back.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use headcount_catalog::Schema;

use super::damage::{self, Damage};
use super::format::{self, FormatError};
use crate::error::LakeError;

/// A segment's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentFile {
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
}

impl SegmentFile {
    pub(crate) fn new(folder: &Path, first: u64) -> Self {
        let path = folder.join(format!("{first:020}.wal"));
        Self { first, path }
    }
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: SegmentFile,
    /// How its rows are numbered.
    pub(crate) schema: Schema,
    /// The frames that count, in order.
    pub(crate) frames: Vec<Frame>,
    /// What cannot be read in front of one of them.
    pub(crate) damage: Vec<Damage>,
}

/// One group of requests.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    pub(crate) payload: Bytes,
}

impl Segment {
    /// The sequence number after the last frame's.
    pub(crate) fn next(&self) -> u64 {
        let last = self.frames.last();
        last.map_or(self.file.first, |frame| frame.sequence + 1)
    }
}

/// The segments in `folder`, oldest first.
pub(crate) fn list(folder: &Path) -> Result<Vec<SegmentFile>, LakeError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LakeError::io("list", folder)(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let name = entry.map_err(LakeError::io("list", folder))?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".wal"));
        if let Some(first) = first.and_then(|digits| digits.parse().ok()) {
            segments.push(SegmentFile::new(folder, first));
        }
    }
    segments.sort();
    Ok(segments)
}

/// Reads every segment for the folder's one writer. The end of the last may be torn; an end that is missing before that is
/// a hole, and an error.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Segment>, LakeError> {
    let files = list(folder)?;
    let mut segments = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let until = files.get(index + 1).map(|next| next.first);
        let bytes = std::fs::read(&file.path).map_err(LakeError::io("read", &file.path))?;
        let (segment, stop) = read(file, &Bytes::from(bytes), until)?;
        if until.is_some_and(|until| segment.next() < until) {
            let (offset, reason) = stop;
            return Err(damaged(
                file,
                offset,
                reason.unwrap_or(FormatError::Truncated),
            ));
        }
        segments.push(segment);
    }
    Ok(segments)
}

/// Reads the segments beside a running writer. One that vanishes meanwhile has been flushed; its rows are in the tables,
/// which the caller reads afterwards.
pub(crate) fn read_beside_writer(folder: &Path) -> Result<Vec<Segment>, LakeError> {
    let files = list(folder)?;
    let mut segments = Vec::with_capacity(files.len());
    for (index, file) in files.iter().enumerate() {
        let bytes = match std::fs::read(&file.path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LakeError::io("read", &file.path)(error)),
        };
        let until = files.get(index + 1).map(|next| next.first);
        segments.push(read(file, &bytes, until)?.0);
    }
    Ok(segments)
}

/// Where reading stopped, and why if not at the end.
pub(crate) type Stop = (u64, Option<FormatError>);

/// Reads frames up to the first that is not whole and has no whole one behind it, or whose sequence number is `until`; says
/// where and why it stopped.
pub(crate) fn read(
    file: &SegmentFile,
    bytes: &Bytes,
    until: Option<u64>,
) -> Result<(Segment, Stop), LakeError> {
    if file.first > format::LAST_SEQUENCE {
        return Err(damaged(file, 0, FormatError::Number(file.first)));
    }
    let (schema, begin) = format::read_header(bytes).map_err(|reason| damaged(file, 0, reason))?;
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

fn damaged(file: &SegmentFile, offset: u64, reason: FormatError) -> LakeError {
    LakeError::Damaged {
        path: file.path.clone(),
        offset,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wal::format::{FRAME_HEADER, LAST_SEQUENCE, header, seal_frame};

    fn write_segment(folder: &Path, first: u64) {
        let mut frame = vec![0; FRAME_HEADER];
        frame.extend_from_slice(b"payload");
        seal_frame(&mut frame, first);
        let bytes = [header(&crate::promises::schema()), frame].concat();
        std::fs::write(SegmentFile::new(folder, first).path, bytes).unwrap();
    }

    /// Found by fuzzing: counting on from the last number ended the program, or began again at none.
    #[test]
    fn a_segment_whose_number_no_table_could_remember_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_segment(folder.path(), LAST_SEQUENCE);
        let read = read_all(folder.path()).unwrap();
        assert_eq!(read[0].next(), LAST_SEQUENCE + 1);
        std::fs::remove_file(&read[0].file.path).unwrap();
        write_segment(folder.path(), u64::MAX);
        for read in [read_all(folder.path()), read_beside_writer(folder.path())] {
            assert!(matches!(read, Err(LakeError::Damaged { offset: 0, .. })));
        }
    }
}
