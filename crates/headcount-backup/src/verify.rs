//! Reads a repository back.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::content::GetError;
use crate::error::{BackupError, DamagedContent};
use crate::repository::Repository;

/// The result of reading a repository back.
#[derive(Debug, Default)]
pub struct Verified {
    /// The points that were read.
    pub points: u64,
    /// The files of content that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The damaged or missing content, each with the path of the first file that has it.
    pub damaged: Vec<DamagedContent>,
    /// The damaged points.
    pub damaged_points: Vec<BackupError>,
}

/// Reads every point of the repository `dir` and all content that they name, and compares each byte with its hash. `progress` is called
/// now and then with the files that are done and those that there are.
///
/// # Errors
///
/// The folder is no repository, or the operating system refuses to read a file of it.
pub fn verify(dir: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Verified, BackupError> {
    let repository = Repository::open(dir)?;
    let mut verified = Verified::default();
    let mut named: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for id in repository.ids()? {
        match repository.point(&id) {
            Ok(point) => {
                verified.points += 1;
                for file in point.files {
                    named.entry(file.content).or_insert((file.size, file.path));
                }
            }
            Err(error @ BackupError::DamagedPoint { .. }) => verified.damaged_points.push(error),
            // A backup with --keep removed it meanwhile.
            Err(BackupError::NoSuchPoint { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let content = repository.content();
    let total = named.len() as u64;
    for (done, (hash, (size, path))) in (1..).zip(named) {
        match content.get(&hash, size, &mut io::sink()) {
            Ok(()) => {
                verified.files += 1;
                verified.bytes += size;
            }
            Err(GetError::Damaged(problem)) => verified.damaged.push(DamagedContent {
                path,
                content: content.path(&hash),
                problem,
            }),
            Err(GetError::Read(error) | GetError::Write(error)) => {
                return Err(BackupError::io("read", content.path(&hash))(error));
            }
        }
        progress(done, total);
    }
    Ok(verified)
}
