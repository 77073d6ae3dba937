//! A backup repository: content and points, in a folder or a bucket.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::ContentStore;
use crate::error::BackupError;
use crate::place::Place;
use crate::point::{FORMAT, Point};
use crate::storage::{Lock, LockError, Purpose, Storage};

/// The file that makes a place a repository.
const MARK: &str = "headcount-backup";
/// The folder of points.
const POINTS: &str = "points";
/// The folder with a file for each content that a verification found damaged, named as that is.
const DAMAGED: &str = "damaged";

/// A repository, opened for reading.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) collector: String,
}

/// A repository that is locked for the purpose of its command.
#[derive(Debug)]
pub(crate) struct LockedRepository<'s> {
    pub(crate) repository: Repository,
    lock: Box<dyn Lock + 's>,
}

/// The content of [`MARK`].
#[derive(Serialize, Deserialize)]
struct Mark {
    format: u64,
    collector: String,
}

/// The points of the repository `place`, oldest first, and what is wrong with those that are damaged.
///
/// # Errors
///
/// There is no repository, or a file of it cannot be read.
pub fn points(place: impl Into<Place>) -> Result<(Vec<Point>, Vec<BackupError>), BackupError> {
    Repository::open(&place.into())?.readable_points()
}

impl Repository {
    /// Opens a repository that exists.
    pub(crate) fn open(place: &Place) -> Result<Self, BackupError> {
        Self::open_in(place.storage()?)
    }

    pub(crate) fn open_in(storage: Arc<dyn Storage>) -> Result<Self, BackupError> {
        let not_a_repository = || BackupError::NotARepository {
            folder: storage.full_name(""),
        };
        let text = match storage.read(MARK) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_a_repository()),
            read => read.map_err(BackupError::io("read", storage.full_name(MARK)))?,
        };
        let mark: Mark = serde_json::from_slice(&text).map_err(|_| not_a_repository())?;
        if mark.format > FORMAT {
            return Err(BackupError::Format {
                folder: storage.full_name(""),
                format: mark.format,
            });
        }
        Ok(Self {
            collector: mark.collector,
            storage,
        })
    }

    /// The content of its points.
    pub(crate) fn content(&self) -> ContentStore {
        ContentStore::new(Arc::clone(&self.storage))
    }

    /// The repository, for messages.
    pub(crate) fn name(&self) -> PathBuf {
        self.storage.full_name("")
    }

    /// The points that are whole, oldest first, and what is wrong with the others.
    pub(crate) fn readable_points(&self) -> Result<(Vec<Point>, Vec<BackupError>), BackupError> {
        let (mut points, mut damaged) = (Vec::new(), Vec::new());
        for id in self.ids()? {
            match self.point(&id) {
                Ok(point) => points.push(point),
                Err(error @ BackupError::DamagedPoint { .. }) => damaged.push(error),
                // A backup with --keep removed it meanwhile.
                Err(BackupError::NoSuchPoint { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((points, damaged))
    }

    /// The points, oldest first; fails where one is damaged.
    pub(crate) fn points(&self) -> Result<Vec<Point>, BackupError> {
        self.ids()?.iter().map(|id| self.point(id)).collect()
    }

    /// The ids of the points, oldest first.
    pub(crate) fn ids(&self) -> Result<Vec<String>, BackupError> {
        let names = self.list(POINTS)?.into_iter();
        let ids = names.filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_owned()));
        Ok(ids.collect())
    }

    /// One point.
    pub(crate) fn point(&self, id: &str) -> Result<Point, BackupError> {
        let name = point_name(id);
        let full_name = self.storage.full_name(&name);
        match self.storage.read(&name) {
            Ok(bytes) => Point::of_lines(&full_name, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(BackupError::NoSuchPoint {
                    folder: self.name(),
                    id: id.to_owned(),
                })
            }
            Err(error) => Err(BackupError::io("read", full_name)(error)),
        }
    }

    /// The hashes of content that a verification found damaged, and that was not stored again since.
    pub(crate) fn damaged(&self) -> Result<HashSet<String>, BackupError> {
        Ok(self.list(DAMAGED)?.into_iter().collect())
    }

    /// Notes that content is damaged, for the next backup.
    pub(crate) fn note_damage(&self, hash: &str, problem: &str) -> Result<(), BackupError> {
        let name = format!("{DAMAGED}/{hash}");
        match self.storage.create(&name, problem.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            noted => noted.map_err(BackupError::io("write", self.storage.full_name(&name))),
        }
    }

    /// Forgets that content was damaged.
    pub(crate) fn forget_damage<'h>(
        &self,
        hashes: impl IntoIterator<Item = &'h String>,
    ) -> Result<(), BackupError> {
        let names: Vec<String> = { hashes.into_iter() }
            .map(|hash| format!("{DAMAGED}/{hash}"))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let removed = self.storage.remove(&names);
        removed.map_err(BackupError::io("remove", self.storage.full_name(&names[0])))
    }

    /// Adds a point; it is durable afterwards. Its content has to be so before.
    ///
    /// # Errors
    ///
    /// [`BackupError::PointExists`] where another command has added one with this id meanwhile.
    pub(crate) fn add(&self, point: &Point) -> Result<(), BackupError> {
        let name = point_name(&point.about.id);
        let failed = || BackupError::io("write", self.storage.full_name(&name));
        let lines = point.to_lines().map_err(io::Error::other);
        match self.storage.create(&name, &lines.map_err(failed())?) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(BackupError::PointExists {
                    folder: self.name(),
                    id: point.about.id.clone(),
                })
            }
            added => added.map_err(failed()),
        }
    }

    /// Takes a point back that this command has added, because its content was removed meanwhile.
    pub(crate) fn take_back(&self, point: &Point) -> Result<(), BackupError> {
        let name = point_name(&point.about.id);
        let full_name = self.storage.full_name(&name);
        let removed = self.storage.remove(&[name]);
        removed.map_err(BackupError::io("remove", full_name))
    }

    /// Whether all content of a point that was just added is there: in a bucket another command may have removed some of it while the
    /// point was made, as content that no point named.
    pub(crate) fn is_whole(&self, point: &Point) -> Result<bool, BackupError> {
        let name = self.name();
        let awaited = self.storage.await_removals();
        if !awaited.map_err(BackupError::io("read", &name))? {
            return Ok(true);
        }
        let content = self.storage.content();
        let content = content.map_err(BackupError::io("list", &name))?;
        let there: HashSet<(&str, u64)> = { content.iter() }
            .map(|file| (file.hash.as_str(), file.size))
            .collect();
        let mut files = point.files.iter();
        Ok(files.all(|file| there.contains(&(file.content.as_str(), file.size))))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, BackupError> {
        let listed = self.storage.list(folder);
        listed.map_err(BackupError::io("list", self.storage.full_name(folder)))
    }
}

fn point_name(id: &str) -> String {
    format!("{POINTS}/{id}.jsonl")
}

impl<'s> LockedRepository<'s> {
    /// Opens the repository in `storage` to add a point; makes one there for the data folder `collector` if the place is missing or empty.
    pub(crate) fn open_or_create(
        storage: &'s Arc<dyn Storage>,
        collector: &str,
    ) -> Result<Self, BackupError> {
        let failed = |action| BackupError::io(action, storage.full_name(""));
        match Repository::open_in(Arc::clone(storage)) {
            Err(BackupError::NotARepository { .. }) => {}
            opened => return Self::lock(storage, opened?, Purpose::Adding),
        }
        if storage.has_foreign_files().map_err(failed("list"))? {
            // Another command may have made the repository meanwhile.
            return match Repository::open_in(Arc::clone(storage)) {
                Err(BackupError::NotARepository { folder }) => {
                    Err(BackupError::OtherContent { folder })
                }
                opened => Self::lock(storage, opened?, Purpose::Adding),
            };
        }
        storage.make().map_err(failed("create"))?;
        let lock = locked(storage, Purpose::Adding)?;
        let mark = Mark {
            format: FORMAT,
            collector: collector.to_owned(),
        };
        let text = serde_json::json!(mark).to_string() + "\n";
        match storage.create(MARK, text.as_bytes()) {
            // Another command has made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(BackupError::io("write", storage.full_name(MARK)))?,
        }
        Ok(Self {
            repository: Repository::open_in(Arc::clone(storage))?,
            lock,
        })
    }

    /// Opens a repository that exists, to remove from it.
    pub(crate) fn open(storage: &'s Arc<dyn Storage>) -> Result<Self, BackupError> {
        let repository = Repository::open_in(Arc::clone(storage))?;
        Self::lock(storage, repository, Purpose::Removing)
    }

    fn lock(
        storage: &'s Arc<dyn Storage>,
        repository: Repository,
        purpose: Purpose,
    ) -> Result<Self, BackupError> {
        let lock = locked(storage, purpose)?;
        Ok(Self { repository, lock })
    }

    /// Removes points, the oldest first and each durably, so that the rest has no gap.
    pub(crate) fn remove(&mut self, points: &[Point]) -> Result<(), BackupError> {
        for point in points {
            let name = point_name(&point.about.id);
            let full_name = self.repository.storage.full_name(&name);
            let renewed = self.lock.renew();
            let removed = renewed.and_then(|()| self.repository.storage.remove(&[name]));
            removed.map_err(BackupError::io("remove", full_name))?;
        }
        Ok(())
    }

    /// Removes all content that is not among `kept`, and what is known of its damage; returns the number of files and their bytes.
    pub(crate) fn retain(&mut self, kept: &BTreeSet<&str>) -> Result<(u64, u64), BackupError> {
        let removed = self.repository.content().retain(kept, &mut *self.lock)?;
        let damaged = self.repository.damaged()?;
        let gone = damaged.iter().filter(|hash| !kept.contains(hash.as_str()));
        self.repository.forget_damage(gone)?;
        Ok(removed)
    }
}

fn locked<'s>(
    storage: &'s Arc<dyn Storage>,
    purpose: Purpose,
) -> Result<Box<dyn Lock + 's>, BackupError> {
    storage.lock(purpose).map_err(|error| match error {
        LockError::Held => BackupError::Locked {
            folder: storage.full_name(""),
        },
        LockError::Io(error) => BackupError::io("lock", storage.full_name(""))(error),
    })
}
