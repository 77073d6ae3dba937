//! The copies of a data folder's files in a repository, for a repair.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use headcount_lake::IntactFiles;
use headcount_log::disk::{Disk as _, RealDisk};

use crate::content::{ContentStore, GetError};
use crate::error::BackupError;
use crate::place::Place;
use crate::repository::Repository;

/// What a repository has of each file, in all its points that can be read.
#[derive(Debug)]
pub struct BackedUpFiles {
    content: ContentStore,
    /// By path: the hashes, oldest first.
    files: HashMap<String, Vec<String>>,
    sizes: HashMap<String, u64>,
}

impl BackedUpFiles {
    /// Reads the points of the repository `place`, which has to be of the data folder `data`.
    ///
    /// # Errors
    ///
    /// There is no repository, or one of another data folder.
    pub fn open(place: impl Into<Place>, data: &Path) -> Result<Self, BackupError> {
        let repository = Repository::open(&place.into())?;
        let path = data.join("collector");
        let ours = RealDisk::default().read_text(&path).unwrap_or_default();
        if !ours.trim().is_empty() && ours.trim() != repository.collector {
            return Err(BackupError::OtherFolder {
                folder: repository.name(),
                theirs: repository.collector,
                ours: ours.trim().to_owned(),
            });
        }
        let (mut files, mut sizes) = (HashMap::<String, Vec<String>>::new(), HashMap::new());
        let (points, damaged) = repository.readable_points()?;
        for error in &damaged {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "a point cannot be read, and is passed over");
        }
        for file in points.into_iter().flat_map(|point| point.files) {
            sizes.insert(file.content.clone(), file.size);
            files.entry(file.path).or_default().push(file.content);
        }
        Ok(Self {
            content: repository.content(),
            files,
            sizes,
        })
    }
}

impl IntactFiles for BackedUpFiles {
    fn copies(&self, path: &str) -> Vec<String> {
        let mut seen = HashSet::new();
        let copies = self.files.get(path).into_iter().flatten().rev();
        copies
            .filter(|content| seen.insert(content.as_str()))
            .cloned()
            .collect()
    }

    fn write(&self, copy: &str, to: &mut dyn io::Write) -> io::Result<()> {
        let size = self.sizes.get(copy).copied().unwrap_or_default();
        self.content
            .get(copy, size, to)
            .map_err(|error| match error {
                GetError::Damaged(problem) => io::Error::new(io::ErrorKind::InvalidData, problem),
                GetError::Read(error) | GetError::Write(error) => error,
            })
    }
}
