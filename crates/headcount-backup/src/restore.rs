//! Makes a data folder of a point.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headcount_catalog::Schema;
use headcount_lake::{Lake, LakeOptions, LakeSnapshot};
use headcount_log::disk::{Disk, DiskEntry, RealDisk};
use headcount_log::folder::UNFINISHED_RESTORE;

use crate::content::{ContentStore, GetError};
use crate::error::{BackupError, DamagedContent};
use crate::folder_storage::list;
use crate::orders::{self, Missing, Order};
use crate::place::Place;
use crate::point::{FileEntry, Point, TableEntry};
use crate::repository::Repository;

/// Files that only their owner may read, by the first part of their paths. Tables are for every Delta reader that may enter their
/// folder.
const PUBLIC: [&str; 1] = ["tables"];

/// What to restore.
#[derive(Debug, Default)]
pub struct RestoreOptions {
    /// The point's id; the newest one where there is none.
    pub point: Option<String>,
    /// A data folder whose orders to erase count as well: the one that is replaced, where it can still be read.
    pub erasures_from: Option<PathBuf>,
    /// Whether to go on where content of the backup is damaged, without the files that have it.
    pub is_partial: bool,
}

/// What a restore did.
#[derive(Debug)]
pub struct RestoreReport {
    /// The point.
    pub point: Point,
    /// The files of the backup that are damaged and were left out.
    pub left_out: Vec<DamagedContent>,
    /// The orders to erase that came after the point. They were carried out.
    pub orders: u64,
    /// The tables that were compared, and have as many rows as were backed up.
    pub tables: usize,
    /// The rows in them.
    pub rows: u64,
}

/// Makes a data folder at `to`, which must be empty or not exist, of a point of the repository `from`.
///
/// Every byte is compared with its hash, and the number of rows of each table with the point; then the store is opened as a
/// collector opens it, and orders to erase that were given after the point are carried out, so that no row comes back. No server starts
/// on the folder, and no command reads it, before all that was found right.
///
/// # Errors
///
/// The point is damaged, `to` is not empty, or the restored folder does not hold what the point says.
pub async fn restore(
    from: impl Into<Place>,
    to: &Path,
    options: &RestoreOptions,
    schema: &Arc<Schema>,
    progress: impl FnMut(u64, u64),
) -> Result<RestoreReport, BackupError> {
    let repository = Repository::open(&from.into())?;
    restore_from(&repository, to, options, schema, progress).await
}

/// The same, from a repository that is open.
pub(crate) async fn restore_from(
    repository: &Repository,
    to: &Path,
    options: &RestoreOptions,
    schema: &Arc<Schema>,
    progress: impl FnMut(u64, u64),
) -> Result<RestoreReport, BackupError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let (point, later) = chosen(repository, options)?;
    let restoring = Restoring::begin(Arc::clone(&disk), to, repository.content())?;
    let left_out = restoring.files(&point, options.is_partial, progress)?;
    let orders = restoring.orders(&point, &later, options)?;
    restoring.sync()?;
    let lacks_some = !left_out.is_empty();
    let (tables, rows) = compare(&restoring.root, &point, schema, lacks_some).await?;
    restoring.finish()?;
    open(&restoring.root, schema).await?;
    Ok(RestoreReport {
        point,
        left_out,
        orders,
        tables,
        rows,
    })
}

/// The point to restore, and all points that can be read, for their orders to erase.
fn chosen(
    repository: &Repository,
    options: &RestoreOptions,
) -> Result<(Point, Vec<Point>), BackupError> {
    let ids = repository.ids()?;
    let newest = || BackupError::Empty {
        folder: repository.name(),
    };
    let id = match &options.point {
        Some(id) => id,
        None => ids.last().ok_or_else(newest)?,
    };
    let point = repository.point(id)?;
    let mut later = Vec::new();
    for id in ids.iter().filter(|other| *other > id) {
        match repository.point(id) {
            Ok(point) => later.push(point),
            Err(error @ BackupError::DamagedPoint { .. }) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "a later point cannot be read: orders to erase that it alone has are not carried out"
            ),
            Err(error) => return Err(error),
        }
    }
    Ok((point, later))
}

/// A folder that is being made.
struct Restoring {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    content: ContentStore,
}

impl Restoring {
    /// Marks the empty folder `to` as unfinished.
    fn begin(disk: Arc<dyn Disk>, to: &Path, content: ContentStore) -> Result<Self, BackupError> {
        let root = std::path::absolute(to).map_err(BackupError::io("open", to))?;
        // The root of a file system may have a folder of its own.
        let is_foreign = |entry: &DiskEntry| entry.name != "lost+found";
        if list(&*disk, &root)?.iter().any(is_foreign) {
            return Err(BackupError::NotEmpty {
                folder: to.to_path_buf(),
            });
        }
        let mark = root.join(UNFINISHED_RESTORE);
        disk.create_root(&root)
            .and_then(|()| disk.replace(&mark, b"`headcount restore` is writing this folder\n"))
            .map_err(BackupError::io("create", &root))?;
        let restoring = Self {
            disk,
            root,
            content,
        };
        restoring.folders()?;
        Ok(restoring)
    }

    /// Makes the folders of a data folder. Those that only their owner may enter are so before there is a file in them.
    fn folders(&self) -> Result<(), BackupError> {
        let private = ["tables/shared", "wal", "audit"];
        let open = orders::FOLDERS.iter().chain(&["tables/default"]);
        for name in open.chain(&private) {
            let folder = self.root.join(name);
            self.disk
                .create_folder(&folder)
                .and_then(|()| match private.contains(name) {
                    true => self.disk.set_mode(&folder, 0o700),
                    false => Ok(()),
                })
                .map_err(BackupError::io("create", &folder))?;
        }
        Ok(())
    }

    /// Writes the point's files; returns those that are damaged.
    fn files(
        &self,
        point: &Point,
        is_partial: bool,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Vec<DamagedContent>, BackupError> {
        let mut damage = Vec::new();
        let files = point.files.iter();
        self.content
            .expect(files.map(|file| (file.content.as_str(), file.size)));
        let total = point.files.len() as u64;
        for (done, file) in (1..).zip(&point.files) {
            if let Some(damaged) = self.file(file)? {
                damage.push(damaged);
            }
            progress(done, total);
        }
        match damage.is_empty() || is_partial {
            true => Ok(damage),
            false => Err(BackupError::DamagedContent { damage }),
        }
    }

    /// Writes a file; returns why it is damaged, and leaves nothing of it then.
    fn file(&self, file: &FileEntry) -> Result<Option<DamagedContent>, BackupError> {
        let path = self.path(&file.path)?;
        let failed = |action| BackupError::io(action, &path);
        let folder = path.parent().unwrap_or(&self.root);
        let disk = &self.disk;
        disk.create_folder(folder).map_err(failed("create"))?;
        let top = file.path.split('/').next().unwrap_or_default();
        let created = match PUBLIC.contains(&top) {
            true => disk.create(&path),
            false => disk.create_private(&path),
        };
        let mut written = created.map_err(failed("create"))?;
        let problem = match self.content.get(&file.content, file.size, &mut written) {
            Ok(()) => return written.sync().map(|()| None).map_err(failed("sync")),
            Err(GetError::Damaged(problem)) => problem,
            Err(GetError::Write(error)) => return Err(failed("write")(error)),
            Err(GetError::Read(error)) => {
                let content = self.content.path(&file.content);
                return Err(BackupError::io("read", content)(error));
            }
        };
        disk.remove(&path).map_err(failed("remove"))?;
        Ok(Some(DamagedContent {
            path: file.path.clone(),
            content: self.content.path(&file.content),
            problem,
        }))
    }

    /// Writes the orders to erase that came after the point, as ones to be carried out, and later states of those that it has; returns the
    /// number of the former.
    fn orders(
        &self,
        point: &Point,
        later: &[Point],
        options: &RestoreOptions,
    ) -> Result<u64, BackupError> {
        let own = self.orders_of(point, options)?;
        let mut others = Vec::new();
        for later in later {
            others.extend(self.orders_of(later, options)?);
        }
        if let Some(data) = &options.erasures_from {
            others.extend(orders::of_folder(&*self.disk, data)?);
        }
        let numbers = own.iter().map(|order| order.number);
        let mut next = numbers.max().unwrap_or_default() + 1;
        let first = next;
        for Missing { order, replaces } in orders::missing(&own, others) {
            let number = replaces.unwrap_or(next);
            next += u64::from(replaces.is_none());
            let path = format!("{}/{number:020}.order", order.folder());
            let path = self.path(&path)?;
            self.disk
                .replace(&path, &order.reopened())
                .map_err(BackupError::io("write", &path))?;
        }
        Ok(next - first)
    }

    fn orders_of(
        &self,
        point: &Point,
        options: &RestoreOptions,
    ) -> Result<Vec<Order>, BackupError> {
        match orders::of_point(point, &self.content) {
            Err(error @ BackupError::DamagedContent { .. }) if options.is_partial => {
                tracing::error!(
                    point = point.about.id,
                    error = &error as &dyn std::error::Error,
                    "the orders to erase that this point has cannot be read, and are not carried out"
                );
                Ok(Vec::new())
            }
            orders => orders,
        }
    }

    /// Where a file of the point goes. Fails where that is outside of the folder.
    fn path(&self, path: &str) -> Result<PathBuf, BackupError> {
        let parts = Path::new(path).components();
        let is_inside =
            parts.clone().count() > 0 && { parts }.all(|part| matches!(part, Component::Normal(_)));
        match is_inside {
            true => Ok(self.root.join(path)),
            false => Err(BackupError::DamagedPoint {
                path: PathBuf::from(path),
                reason: "it names a file outside of a data folder".to_owned(),
            }),
        }
    }

    /// Makes the names of all files durable.
    fn sync(&self) -> Result<(), BackupError> {
        self.sync_below(&self.root)
    }

    fn sync_below(&self, folder: &Path) -> Result<(), BackupError> {
        for entry in list(&*self.disk, folder)? {
            if self.disk.is_folder(&entry.path) {
                self.sync_below(&entry.path)?;
            }
        }
        self.disk
            .sync_folder(folder)
            .map_err(BackupError::io("sync", folder))
    }

    /// The folder is a data folder from now on.
    fn finish(&self) -> Result<(), BackupError> {
        let mark = self.root.join(UNFINISHED_RESTORE);
        self.disk
            .remove(&mark)
            .and_then(|()| self.disk.sync_folder(&self.root))
            .map_err(BackupError::io("remove", &mark))
    }
}

/// Compares the number of rows of each table with the point's; returns the number of tables that have as many, and of their rows. A folder
/// that `lacks_some` of the point's files may have other numbers: those are logged.
async fn compare(
    root: &Path,
    point: &Point,
    schema: &Arc<Schema>,
    lacks_some: bool,
) -> Result<(usize, u64), BackupError> {
    let snapshot = LakeSnapshot::read(root, Arc::clone(schema)).await?;
    let (mut tables, mut rows) = (0, 0);
    for (id, table) in schema.iter() {
        let mut entries = point.about.tables.iter();
        let is_same =
            |entry: &&TableEntry| entry.name == table.name && entry.tier == table.tier.name();
        let Some(expected) = entries.find(is_same).and_then(|entry| entry.rows) else {
            continue;
        };
        let found = snapshot.row_count(id);
        if found != Some(expected) {
            let found = found.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
            if lacks_some {
                tracing::warn!(
                    table = table.name,
                    expected,
                    found,
                    "a table has other rows than were backed up, because files of the backup are left out"
                );
                continue;
            }
            return Err(BackupError::Mismatch {
                table: table.name.clone(),
                expected,
                found,
            });
        }
        tables += 1;
        rows += expected;
    }
    Ok((tables, rows))
}

/// Opens the store as a collector does, and erases what was ordered.
async fn open(root: &Path, schema: &Arc<Schema>) -> Result<(), BackupError> {
    let options = LakeOptions {
        background: false,
        // Nobody reads the folder yet.
        erasure_grace: Duration::ZERO,
        ..LakeOptions::default()
    };
    let lake = Lake::open(root, Arc::clone(schema), options).await?;
    // Nothing is flushed or changed where nothing is to be erased.
    lake.erase()
        .await
        .map_err(|source| BackupError::NotErased { source })
}
