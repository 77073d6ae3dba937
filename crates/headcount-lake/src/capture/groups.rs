//! The write-ahead log with what belongs to it: fingerprints, watermark, the newest segment's number.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use headcount_log::LogError;
use headcount_log::disk::Disk;
use headcount_log::wal::replay;
use headcount_log::wal::segment::{self, Segment, SegmentFile};

use super::file::CapturedFile;
use super::folder::{optional, read_once};
use crate::check::Finding;
use crate::error::LakeError;
use crate::sealed_line;
use crate::watermark::Watermark;

/// How often the log is read until no flush comes in between. One takes far longer than this reading does.
const ATTEMPTS: usize = 100;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// The groups of requests in the log at one moment.
pub(super) struct Groups {
    /// The last group: each table has it, or the log does. `None` in a folder that has neither a log nor a watermark, because an
    /// older version wrote it, or it is new.
    pub(super) until: Option<u64>,
    pub(super) segments: Vec<Segment>,
    pub(super) files: Vec<CapturedFile>,
    pub(super) findings: Vec<Finding>,
}

/// What became of an attempt.
enum Attempt {
    Read(Groups),
    /// A flush trimmed the log meanwhile.
    Flushed,
    /// The log ends before the tables: a flush is about to trim it, or somebody removed segments.
    Behind(Groups),
}

impl Groups {
    pub(super) fn read(disk: &dyn Disk, root: &Path) -> Result<Self, LakeError> {
        let mut behind = None;
        for _ in 0..ATTEMPTS {
            match attempt(disk, root)? {
                Attempt::Read(groups) => return Ok(groups),
                Attempt::Flushed => behind = None,
                Attempt::Behind(groups) => behind = Some(groups),
            }
            thread::sleep(PAUSE);
        }
        behind.ok_or_else(|| LakeError::Changing {
            folder: root.to_path_buf(),
        })
    }
}

fn attempt(disk: &dyn Disk, root: &Path) -> Result<Attempt, LakeError> {
    let wal = root.join("wal");
    // Before the log, which must not be older.
    let newest = optional(disk, root, "newest-segment")?;
    let listed = segment::list(disk, &wal)?;
    let parts =
        read_once(disk, root, "wal").and_then(|log| Ok((log, read_once(disk, root, "seen")?)));
    let (log, seen) = match parts {
        Ok(parts) => parts,
        Err(LakeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Attempt::Flushed);
        }
        Err(error) => return Err(error),
    };
    // After the fingerprints: those of a later flush would come with a watermark behind the log.
    let mark = optional(disk, root, "watermark")?;
    if segment::list(disk, &wal)? != listed {
        return Ok(Attempt::Flushed);
    }
    let (segments, findings) = parse(&listed, &log)?;
    let end = segments.last().map(|segment| segment.next() - 1);
    let marked = mark
        .as_ref()
        .and_then(|mark| sealed_line::parse::<Watermark>(mark.bytes()))
        .map(|mark| mark.sequence);
    let mut files = log;
    files.extend(seen);
    files.extend(newest);
    files.extend(mark);
    let groups = Groups {
        until: end.max(marked),
        segments,
        files,
        findings,
    };
    Ok(match end.zip(marked) {
        Some((end, marked)) if marked > end => Attempt::Behind(groups),
        _ => Attempt::Read(groups),
    })
}

/// The segments in the files that were read, and their damage.
fn parse(
    listed: &[SegmentFile],
    files: &[CapturedFile],
) -> Result<(Vec<Segment>, Vec<Finding>), LakeError> {
    let (mut segments, mut findings) = (Vec::new(), Vec::new());
    for (index, segment) in listed.iter().enumerate() {
        let name = segment.path.file_name().unwrap_or_default();
        let path = Path::new("wal").join(name);
        let bytes = files.iter().find(|file| Path::new(&file.path) == path);
        let bytes = Bytes::copy_from_slice(bytes.map(CapturedFile::bytes).unwrap_or_default());
        let until = listed.get(index + 1).map(|next| next.first);
        // The last is being written.
        let read = match until {
            Some(_) => replay::read_whole(segment, &bytes, until),
            None => replay::read(segment, &bytes, None).map(|(segment, _)| segment),
        };
        let mut find = |problem: String| {
            findings.push(Finding {
                path: path.clone(),
                table: None,
                rows: None,
                problem,
            });
        };
        match read {
            Ok(segment) => {
                for damage in &segment.damage {
                    find(format!(
                        "damaged at byte {}: {}; {} groups of acknowledged requests are lost",
                        damage.offset,
                        damage.reason,
                        damage.lost.end - damage.lost.start
                    ));
                }
                segments.push(segment);
            }
            Err(error @ LogError::Damaged { .. }) => find(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((segments, findings))
}
