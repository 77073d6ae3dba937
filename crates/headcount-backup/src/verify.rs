//! Reads a repository back.

use std::collections::BTreeMap;
use std::io;

use crate::content::GetError;
use crate::error::{BackupError, DamagedContent};
use crate::place::Place;
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

/// Reads every point of the repository `place` and all content that they name, and compares each byte with its hash. `progress` is called
/// now and then with the files that are done and those that there are.
///
/// What is damaged is noted in the repository, so that the next backup stores it again where the data folder still has it. A repository
/// that cannot be written is read nevertheless; a warning is logged then.
///
/// # Errors
///
/// There is no repository, or a file of it cannot be read now.
pub fn verify(
    place: impl Into<Place>,
    progress: impl FnMut(u64, u64),
) -> Result<Verified, BackupError> {
    verify_repository(&Repository::open(&place.into())?, progress)
}

/// The same, of a repository that is open.
pub(crate) fn verify_repository(
    repository: &Repository,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, BackupError> {
    let mut verified = Verified::default();
    let mut named: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let (points, damaged) = repository.readable_points()?;
    verified.damaged_points = damaged;
    verified.points = points.len() as u64;
    for file in points.into_iter().flat_map(|point| point.files) {
        named.entry(file.content).or_insert((file.size, file.path));
    }
    let content = repository.content();
    content.expect(named.iter().map(|(hash, (size, _))| (hash.as_str(), *size)));
    let mut noted = repository.damaged()?;
    let total = named.len() as u64;
    for (done, (hash, (size, path))) in (1..).zip(named) {
        match content.get(&hash, size, &mut io::sink()) {
            Ok(()) => {
                verified.files += 1;
                verified.bytes += size;
            }
            Err(GetError::Damaged(problem)) => {
                noted.remove(&hash);
                warn(repository.note_damage(&hash, &problem));
                verified.damaged.push(DamagedContent {
                    path,
                    content: content.path(&hash),
                    problem,
                });
            }
            Err(GetError::Read(error) | GetError::Write(error)) => {
                return Err(BackupError::io("read", content.path(&hash))(error));
            }
        }
        progress(done, total);
    }
    // Somebody has put these back, or no point names them any more.
    warn(repository.forget_damage(&noted));
    Ok(verified)
}

fn warn(noted: Result<(), BackupError>) {
    if let Err(error) = noted {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the damage could not be noted in the repository: the next backup does not store the damaged content again"
        );
    }
}
