//! A point: the list of a data folder's files at one moment (`docs/formats/backup.md`).

use std::path::Path;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use headcount_lake::Finding;
use serde::{Deserialize, Serialize};

use crate::error::BackupError;

/// The format of points and repositories that this program writes.
pub(crate) const FORMAT: u64 = 1;
/// How an id is written: the time of the backup, so that ids sort as points follow each other.
const ID: &str = "%Y%m%dT%H%M%S%.3fZ";

/// A data folder at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// What it is.
    pub about: About,
    /// The files, in the order of their paths.
    pub files: Vec<FileEntry>,
}

/// What a point says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The format of this list, 1.
    pub format: u64,
    /// The point's name; later points have greater ones.
    pub id: String,
    /// When the backup began, RFC 3339 in UTC.
    pub begun: String,
    /// A random name of the run that made it: two that begin in the same moment make points that differ, and a bucket's answer that was
    /// lost is told from another's point. Empty in points of before December 2026.
    #[serde(default)]
    pub run: String,
    /// The version of the program.
    pub program: String,
    /// The id of the data folder.
    pub collector: String,
    /// The last group of acknowledged requests in it.
    pub group: u64,
    /// The tables.
    pub tables: Vec<TableEntry>,
    /// What was damaged in the data folder. A file of a table that is named here is not in the point.
    pub damaged: Vec<DamagedEntry>,
}

/// A table of a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// `default` or `shared`.
    pub tier: String,
    /// Its name.
    pub name: String,
    /// The version of its log, if it has commits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<u64>,
    /// Its rows, with those of the write-ahead log and of damaged files, if they are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
}

/// Damage that a backup met in the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedEntry {
    /// The file, relative to the data folder.
    pub path: String,
    /// Its table, if it is a file of one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<String>,
    /// The rows that are missing, if somebody knows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
    /// The problem, in one sentence.
    pub problem: String,
}

/// A file of a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the data folder, with `/` between its parts.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, 64 hexadecimal digits.
    pub content: String,
    /// For a file that never changes under its path: what [`CapturedFile::identity`] says of it.
    ///
    /// [`CapturedFile::identity`]: headcount_lake::CapturedFile::identity
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<u32>,
}

/// The last line of a point.
#[derive(Serialize, Deserialize)]
struct Seal {
    blake3: String,
}

impl From<&Finding> for DamagedEntry {
    fn from(finding: &Finding) -> Self {
        Self {
            path: finding.path.display().to_string(),
            table: finding.table.clone(),
            rows: finding.rows,
            problem: finding.problem.clone(),
        }
    }
}

impl Point {
    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// As lines of JSON: what it is, each file, and the BLAKE3 of these lines.
    pub(crate) fn to_lines(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec(&self.about)?;
        text.push(b'\n');
        for file in &self.files {
            serde_json::to_writer(&mut text, file)?;
            text.push(b'\n');
        }
        let blake3 = blake3::hash(&text).to_hex().to_string();
        serde_json::to_writer(&mut text, &Seal { blake3 })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads the lines of the file `path`.
    ///
    /// # Errors
    ///
    /// They are not as they were written, or a later version wrote them.
    pub(crate) fn of_lines(path: &Path, bytes: &[u8]) -> Result<Self, BackupError> {
        let damaged = |reason: &str| BackupError::DamagedPoint {
            path: path.to_path_buf(),
            reason: reason.to_owned(),
        };
        let without_end = bytes.strip_suffix(b"\n");
        let without_end = without_end.ok_or_else(|| damaged("its end is missing"))?;
        let seal = without_end.iter().rposition(|byte| *byte == b'\n');
        let (lines, seal) = bytes.split_at(seal.map_or(0, |end| end + 1));
        let seal: Seal = serde_json::from_slice(seal).map_err(|_| damaged("its end is missing"))?;
        if blake3::hash(lines).to_hex().as_str() != seal.blake3 {
            return Err(damaged("it does not match its checksum"));
        }
        let mut lines = lines.split(|byte| *byte == b'\n');
        let not_understood =
            |error: serde_json::Error| damaged(&format!("a line is not understood: {error}"));
        let about = lines.next().unwrap_or_default();
        let about: About = serde_json::from_slice(about).map_err(not_understood)?;
        if about.format > FORMAT {
            return Err(BackupError::Format {
                folder: path.to_path_buf(),
                format: about.format,
            });
        }
        let files = lines.filter(|line| !line.is_empty());
        let files: Result<Vec<FileEntry>, _> = files.map(serde_json::from_slice).collect();
        Ok(Self {
            about,
            files: files.map_err(not_understood)?,
        })
    }
}

/// The id of a point that begins `now`: greater than `last`, also where the clock was set back meanwhile.
pub(crate) fn next_id(now: DateTime<Utc>, last: Option<&str>) -> String {
    let id = now.format(ID).to_string();
    match last {
        Some(last) if last >= id.as_str() => match time_of(last) {
            Some(last) => (last + TimeDelta::milliseconds(1)).format(ID).to_string(),
            None => format!("{last}0"),
        },
        _ => id,
    }
}

/// The time that an id says.
pub(crate) fn time_of(id: &str) -> Option<DateTime<Utc>> {
    let time = chrono::NaiveDateTime::parse_from_str(id, ID).ok()?;
    Some(time.and_utc())
}

/// RFC 3339, in UTC, with milliseconds.
pub(crate) fn rfc_3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        Point {
            about: About {
                format: FORMAT,
                id: "20261201T020000.000Z".to_owned(),
                begun: "2026-12-01T02:00:00.000Z".to_owned(),
                run: "8f0e".to_owned(),
                program: "0.1.0".to_owned(),
                collector: "c".to_owned(),
                group: 7,
                tables: vec![TableEntry {
                    tier: "default".to_owned(),
                    name: "crews".to_owned(),
                    version: Some(3),
                    rows: Some(12),
                }],
                damaged: Vec::new(),
            },
            files: vec![FileEntry {
                path: "secret".to_owned(),
                size: 32,
                content: "ab".repeat(32),
                identity: None,
            }],
        }
    }

    #[test]
    fn a_point_is_read_as_it_was_written_and_no_flipped_bit_passes() {
        let bytes = point().to_lines().unwrap();
        let path = Path::new("p");
        assert_eq!(Point::of_lines(path, &bytes).unwrap(), point());
        for at in 0..bytes.len() {
            for bit in [0, 3, 6] {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(read) = Point::of_lines(path, &damaged) {
                    // Only the spelling of the seal's line may differ.
                    assert_eq!(read, point(), "byte {at}");
                }
            }
        }
        for length in 0..bytes.len() {
            assert!(Point::of_lines(path, &bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn ids_grow_also_when_the_clock_does_not() {
        let now = DateTime::from_timestamp_millis(1_796_000_000_123).unwrap();
        let first = next_id(now, None);
        assert_eq!(time_of(&first), Some(now));
        let second = next_id(now, Some(&first));
        let third = next_id(now - TimeDelta::days(1), Some(&second));
        assert!(first < second && second < third, "{first} {second} {third}");
        assert!(next_id(now + TimeDelta::days(1), Some(&third)) > third);
    }
}
