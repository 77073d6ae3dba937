//! The actions of a table's log in their order: those of the newest checkpoint that can be read, then each later commit's.
//!
//! Delta protocol, "Delta Log Entries" and "Checkpoints". `_last_checkpoint` is only a hint for readers that cannot list
//! a folder cheaply, so it is not read: a damaged one cannot keep a table from opening.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use headcount_log::disk::Disk;
use serde_json::Value;

use super::actions::unsealed;
use super::checkpoint;
use crate::error::LakeError;

/// Times that a log is listed again because another process removed old entries between the listing and the reading.
const ATTEMPTS: usize = 5;

/// Calls `apply` with every action up to `last`, or to the end of the log. Returns the version reached; `None` where the table
/// does not exist yet. `begin` is called before the first action, and again if the log has to be read from its start again.
pub(crate) fn replay<State>(
    disk: &dyn Disk,
    log_folder: &Path,
    last: Option<u64>,
    begin: impl Fn() -> State,
    mut apply: impl FnMut(&mut State, &Value),
) -> Result<(State, Option<u64>), LakeError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let entries = Entries::list(disk, log_folder, last)?;
        let mut state = begin();
        let Some(newest) = entries.newest() else {
            return Ok((state, None));
        };
        let (mut reached, actions) = match entries.start(disk, log_folder) {
            // Another process removed the checkpoint, having written a newer one.
            Err(LakeError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                continue;
            }
            started => started?,
        };
        for action in &actions {
            apply(&mut state, action);
        }
        drop(actions);
        while reached.is_none_or(|version| version < newest) {
            let version = reached.map_or(0, |version| version + 1);
            let Some(actions) = read_commit(disk, &commit_path(log_folder, version))? else {
                break;
            };
            for action in &actions {
                apply(&mut state, action);
            }
            reached = Some(version);
        }
        if reached == Some(newest) {
            return Ok((state, reached));
        }
        if attempt == ATTEMPTS {
            let missing = reached.map_or(0, |version| version + 1);
            return Err(LakeError::Damaged {
                path: commit_path(log_folder, missing),
                offset: 0,
                reason: format!("this commit is missing, though commit {newest} exists"),
            });
        }
    }
}

/// The files of a log that lead to `version`: those of the checkpoint that [`replay`] begins with, and each commit behind it; before them the
/// version of that checkpoint, `None` where the files begin with the first commit.
///
/// Fails as [`replay`] does; a commit that is missing is only found by reading it.
pub(crate) fn files_up_to(
    disk: &dyn Disk,
    log_folder: &Path,
    version: u64,
) -> Result<(Option<u64>, Vec<PathBuf>), LakeError> {
    let entries = Entries::list(disk, log_folder, Some(version))?;
    let (begin, _) = entries.start(disk, log_folder)?;
    let checkpoint = begin.and_then(|begin| entries.checkpoints.get(&begin));
    let mut files = checkpoint.cloned().unwrap_or_default();
    let commits = begin.map_or(0, |begin| begin + 1)..=version;
    files.extend(commits.map(|version| commit_path(log_folder, version)));
    Ok((begin, files))
}

/// The file of a commit.
pub(crate) fn commit_path(log_folder: &Path, version: u64) -> PathBuf {
    log_folder.join(format!("{version:020}.json"))
}

/// The actions of one commit; `None` if it does not exist.
pub(crate) fn read_commit(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<Value>>, LakeError> {
    match disk.read_text(path) {
        Ok(text) => unsealed(path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LakeError::io("read", path)(error)),
    }
}

/// The files of a log folder.
#[derive(Debug, Default)]
struct Entries {
    commits: BTreeSet<u64>,
    /// The files of each complete checkpoint.
    checkpoints: BTreeMap<u64, Vec<PathBuf>>,
}

impl Entries {
    fn list(disk: &dyn Disk, log_folder: &Path, last: Option<u64>) -> Result<Self, LakeError> {
        let mut entries = Self::default();
        let mut parts: BTreeMap<(u64, u32), Vec<(u32, PathBuf)>> = BTreeMap::new();
        let listing = match disk.list(log_folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
            Err(error) => return Err(LakeError::io("list", log_folder)(error)),
        };
        for entry in listing {
            let Some(found) = Entry::of(&entry.name) else {
                continue;
            };
            if last.is_some_and(|last| found.version() > last) {
                continue;
            }
            match found {
                Entry::Commit(version) => {
                    entries.commits.insert(version);
                }
                Entry::Checkpoint(version) => {
                    entries.checkpoints.insert(version, vec![entry.path]);
                }
                Entry::Part { version, part, of } => {
                    let parts = parts.entry((version, of)).or_default();
                    parts.push((part, entry.path));
                }
            }
        }
        for ((version, of), mut found) in parts {
            // A checkpoint some parts of which are missing was never finished.
            if found.len() == of as usize && !entries.checkpoints.contains_key(&version) {
                found.sort();
                let files = found.into_iter().map(|(_, path)| path).collect();
                entries.checkpoints.insert(version, files);
            }
        }
        Ok(entries)
    }

    fn newest(&self) -> Option<u64> {
        let commit = self.commits.last().copied();
        commit.max(self.checkpoints.keys().next_back().copied())
    }

    /// Where to begin: the version and actions of the newest checkpoint that can be read and that leads to the log's end
    /// without a gap, or the log's very beginning.
    fn start(
        &self,
        disk: &dyn Disk,
        log_folder: &Path,
    ) -> Result<(Option<u64>, Vec<Value>), LakeError> {
        let mut unreadable = None;
        for (version, files) in self.checkpoints.iter().rev() {
            if unreadable.is_some() && !self.leads_on(*version) {
                continue;
            }
            match checkpoint::read(disk, files) {
                Ok(actions) => {
                    if let Some(error) = &unreadable {
                        warn_of(log_folder, error, "an older one is used");
                    }
                    return Ok((Some(*version), actions));
                }
                Err(error) => unreadable = unreadable.or(Some(error)),
            }
        }
        match unreadable {
            Some(error) if !self.commits.contains(&0) => Err(error),
            Some(error) => {
                warn_of(log_folder, &error, "all commits are read instead");
                Ok((None, Vec::new()))
            }
            None => Ok((None, Vec::new())),
        }
    }

    /// Whether every commit after `version` is there.
    fn leads_on(&self, version: u64) -> bool {
        let newest = self.newest().unwrap_or_default();
        (version + 1..=newest).all(|version| self.commits.contains(&version))
    }
}

fn warn_of(log_folder: &Path, error: &LakeError, instead: &str) {
    tracing::warn!(
        log = %log_folder.display(), error = error as &dyn std::error::Error,
        "a checkpoint cannot be read; {instead}"
    );
}

/// A file of a log, by its name.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Commit(u64),
    /// In one file: a classic name, or one with a UUID.
    Checkpoint(u64),
    /// One of several files of a checkpoint.
    Part {
        version: u64,
        part: u32,
        of: u32,
    },
}

impl Entry {
    fn of(name: &str) -> Option<Self> {
        let (digits, rest) = name.split_at_checked(20)?;
        let version = digits.parse().ok()?;
        let words: Vec<&str> = rest.strip_prefix('.')?.split('.').collect();
        match words.as_slice() {
            ["json"] => Some(Self::Commit(version)),
            ["checkpoint", "parquet"] => Some(Self::Checkpoint(version)),
            ["checkpoint", id, "parquet" | "json"] if id.len() == 36 => {
                Some(Self::Checkpoint(version))
            }
            ["checkpoint", part, of, "parquet"] => Some(Self::Part {
                version,
                part: part.parse().ok()?,
                of: of.parse().ok()?,
            }),
            _ => None,
        }
    }

    fn version(&self) -> u64 {
        match self {
            Self::Commit(version) | Self::Checkpoint(version) | Self::Part { version, .. } => {
                *version
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]
    use headcount_log::disk::RealDisk;

    use super::*;

    #[test]
    fn files_of_a_log_are_known_by_their_names() {
        let v = "00000000000000000049";
        let id = "80a083e8-7026-4e79-81be-64bd76c43a11";
        let known = [
            (format!("{v}.json"), Entry::Commit(49)),
            (format!("{v}.checkpoint.parquet"), Entry::Checkpoint(49)),
            (
                format!("{v}.checkpoint.{id}.parquet"),
                Entry::Checkpoint(49),
            ),
            (format!("{v}.checkpoint.{id}.json"), Entry::Checkpoint(49)),
            (
                format!("{v}.checkpoint.0000000001.0000000003.parquet"),
                Entry::Part {
                    version: 49,
                    part: 1,
                    of: 3,
                },
            ),
        ];
        for (name, entry) in known {
            assert_eq!(Entry::of(&name), Some(entry), "{name}");
        }
        for other in [
            "_last_checkpoint",
            "_commit_1.json.tmp",
            &format!("{v}.crc"),
            &format!("{v}.json.tmp"),
            &format!("{v}.00000000000000000060.compacted.json"),
            "0049.json",
        ] {
            assert_eq!(Entry::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_commit_that_is_missing_in_the_middle_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for version in [0, 1, 3] {
            std::fs::write(commit_path(dir.path(), version), "{\"commitInfo\":{}}\n").unwrap();
        }
        let count = |last| {
            replay(
                &RealDisk::default(),
                dir.path(),
                last,
                || 0,
                |count, _| *count += 1,
            )
        };
        let error = count(None).unwrap_err().to_string();
        assert!(error.contains("00000000000000000002.json"), "{error}");
        assert!(error.contains("commit 3 exists"), "{error}");
        assert_eq!(count(Some(1)).unwrap(), (2, Some(1)));
    }

    #[test]
    fn a_line_that_is_no_json_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(commit_path(dir.path(), 0), "{\"a\":1}\n{\"b\":").unwrap();
        let error = replay(&RealDisk::default(), dir.path(), None, || (), |(), _| ()).unwrap_err();
        assert!(error.to_string().contains("byte 8"), "{error}");
    }
}
