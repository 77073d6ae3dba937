//! A backup repository: a folder of content and points.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_log::disk::{Disk, DiskEntry, FolderLock, RealDisk};
use serde::{Deserialize, Serialize};

use crate::content::ContentStore;
use crate::error::BackupError;
use crate::point::{FORMAT, Point};

/// The file that makes a folder a repository.
const MARK: &str = "headcount-backup";

/// A repository, opened for reading.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) root: PathBuf,
    pub(crate) collector: String,
}

/// A repository that this process alone writes to.
#[derive(Debug)]
pub(crate) struct LockedRepository {
    pub(crate) repository: Repository,
    _lock: FolderLock,
}

/// The content of [`MARK`].
#[derive(Serialize, Deserialize)]
struct Mark {
    format: u64,
    collector: String,
}

/// The points of the repository `dir`, oldest first, and what is wrong with those that are damaged.
///
/// # Errors
///
/// The folder is no repository, or the operating system refuses to read a file of it.
pub fn points(dir: &Path) -> Result<(Vec<Point>, Vec<BackupError>), BackupError> {
    Repository::open(dir)?.readable_points()
}

impl Repository {
    /// Opens a repository that exists.
    pub(crate) fn open(dir: &Path) -> Result<Self, BackupError> {
        Self::open_on(Arc::new(RealDisk::default()), dir)
    }

    fn open_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, BackupError> {
        let not_a_repository = || BackupError::NotARepository {
            folder: dir.to_path_buf(),
        };
        let path = dir.join(MARK);
        let text = match disk.read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_a_repository()),
            read => read.map_err(BackupError::io("read", &path))?,
        };
        let mark: Mark = serde_json::from_slice(&text).map_err(|_| not_a_repository())?;
        if mark.format > FORMAT {
            return Err(BackupError::Format {
                folder: dir.to_path_buf(),
                format: mark.format,
            });
        }
        let root = disk.canonical(dir).map_err(BackupError::io("open", dir))?;
        Ok(Self {
            disk,
            root,
            collector: mark.collector,
        })
    }

    /// The content of its points.
    pub(crate) fn content(&self) -> ContentStore {
        ContentStore::new(Arc::clone(&self.disk), &self.root)
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
        let names = list(&*self.disk, &self.folder())?.into_iter();
        let ids = names.filter_map(|entry| Some(entry.name.strip_suffix(".jsonl")?.to_owned()));
        Ok(ids.collect())
    }

    /// One point.
    pub(crate) fn point(&self, id: &str) -> Result<Point, BackupError> {
        let path = self.path(id);
        match self.disk.read(&path) {
            Ok(bytes) => Point::of_lines(&path, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(BackupError::NoSuchPoint {
                    folder: self.root.clone(),
                    id: id.to_owned(),
                })
            }
            Err(error) => Err(BackupError::io("read", &path)(error)),
        }
    }

    fn folder(&self) -> PathBuf {
        self.root.join("points")
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder().join(format!("{id}.jsonl"))
    }
}

impl LockedRepository {
    /// Opens the repository `dir` for writing; makes one there for the data folder `collector` if the folder is missing or empty.
    pub(crate) fn open_or_create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        collector: &str,
    ) -> Result<Self, BackupError> {
        let absolute = std::path::absolute(dir).map_err(BackupError::io("open", dir))?;
        if disk.exists(&absolute.join(MARK)) {
            return Self::open_on(disk, dir);
        }
        // A crash may have left the lock without the mark, and the root of a file system has a folder of its own.
        let is_ours = |entry: &DiskEntry| {
            matches!(entry.name.as_str(), "LOCK" | "lost+found") || entry.name.ends_with(".tmp")
        };
        if !list(&*disk, &absolute)?.iter().all(is_ours) {
            return Err(BackupError::NotARepository {
                folder: dir.to_path_buf(),
            });
        }
        disk.create_root(&absolute)
            .and_then(|()| disk.set_mode(&absolute, 0o700))
            .map_err(BackupError::io("create", &absolute))?;
        let lock = lock(&*disk, &absolute)?;
        let mark = Mark {
            format: FORMAT,
            collector: collector.to_owned(),
        };
        let text = serde_json::json!(mark).to_string() + "\n";
        write(&*disk, &absolute.join(MARK), text.as_bytes())?;
        Ok(Self {
            repository: Repository::open_on(disk, dir)?,
            _lock: lock,
        })
    }

    /// Opens a repository that exists for writing.
    pub(crate) fn open(dir: &Path) -> Result<Self, BackupError> {
        Self::open_on(Arc::new(RealDisk::default()), dir)
    }

    fn open_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, BackupError> {
        let repository = Repository::open_on(disk, dir)?;
        let (disk, root) = (&repository.disk, &repository.root);
        disk.create_root(root)
            .map_err(BackupError::io("open", root))?;
        let lock = lock(&**disk, root)?;
        repository.content().remove_unfinished()?;
        Ok(Self {
            repository,
            _lock: lock,
        })
    }

    /// Adds a point; it is durable afterwards. Its content has to be so before.
    pub(crate) fn add(&self, point: &Point) -> Result<(), BackupError> {
        let Repository { disk, .. } = &self.repository;
        let (folder, path) = (
            self.repository.folder(),
            self.repository.path(&point.about.id),
        );
        disk.create_folder(&folder)
            .map_err(BackupError::io("create", &folder))?;
        let lines = point.to_lines().map_err(io::Error::other);
        let lines = lines.map_err(BackupError::io("write", &path))?;
        write(&**disk, &path, &lines)
    }

    /// Removes points, the oldest first and each durably, so that the rest has no gap.
    pub(crate) fn remove(&self, points: &[Point]) -> Result<(), BackupError> {
        let Repository { disk, .. } = &self.repository;
        let folder = self.repository.folder();
        for point in points {
            let path = self.repository.path(&point.about.id);
            disk.remove(&path)
                .and_then(|()| disk.sync_folder(&folder))
                .map_err(BackupError::io("remove", &path))?;
        }
        Ok(())
    }
}

fn lock(disk: &dyn Disk, root: &Path) -> Result<FolderLock, BackupError> {
    let path = root.join("LOCK");
    let lock = disk.lock(&path).map_err(BackupError::io("lock", &path))?;
    lock.ok_or_else(|| BackupError::Locked {
        folder: root.to_path_buf(),
    })
}

/// Writes a file that only its owner may read, whole or not at all; it is durable afterwards.
fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let unfinished = Path::new(&name);
    let written = || {
        if disk.exists(unfinished) {
            disk.remove(unfinished)?;
        }
        let mut file = disk.create_private(unfinished)?;
        file.write_all(bytes)?;
        file.sync()?;
        drop(file);
        disk.rename(unfinished, path)?;
        disk.sync_folder(path.parent().unwrap_or(Path::new("/")))
    };
    written().map_err(BackupError::io("write", path))
}

/// The entries of a folder; none where it does not exist.
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<DiskEntry>, BackupError> {
    match disk.list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(BackupError::io("list", folder)),
    }
}
