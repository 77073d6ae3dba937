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
    let (points, damaged) = repository.readable_points()?;
    verified.damaged_points = damaged;
    verified.points = points.len() as u64;
    for file in points.into_iter().flat_map(|point| point.files) {
        named.entry(file.content).or_insert((file.size, file.path));
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
