//! Adds a point to a repository.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use headcount_catalog::Schema;
use headcount_lake::{Capture, CapturedFile, Finding, Unreadable, capture_folder};

use crate::error::BackupError;
use crate::place::Place;
use crate::point::{About, DamagedEntry, FORMAT, FileEntry, Point, TableEntry, next_id, rfc_3339};
use crate::repository::{LockedRepository, Repository};
use crate::storage::{ContentWriter, PutError, Source, Storage};

/// How often a data folder is captured because files left it before they were copied. What was copied once is not copied again.
const ATTEMPTS: usize = 50;

/// What a backup did.
#[derive(Debug)]
pub struct BackupReport {
    /// The point that it added.
    pub point: Point,
    /// The files that it copied, because the repository did not have their content.
    pub new_files: u64,
    /// Their bytes.
    pub new_bytes: u64,
}

/// Backs up the data folder `data`, on which a collector may be running, to the repository `to`, which is made if the place is
/// missing or empty. `progress` is called now and then with the files that are done and those that there are.
///
/// Every request that was acknowledged before the call is in the point. Damaged files of the data folder are left out, and named in
/// the point.
///
/// # Errors
///
/// The data folder cannot be read, the repository cannot be written or belongs to another folder, or another backup is writing to it. No point
/// is added then.
pub fn back_up(
    data: &Path,
    to: impl Into<Place>,
    schema: &Arc<Schema>,
    progress: impl FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    back_up_in(&to.into().storage()?, data, schema, progress)
}

/// The same, with the repository in `storage`.
pub(crate) fn back_up_in(
    storage: &Arc<dyn Storage>,
    data: &Path,
    schema: &Arc<Schema>,
    mut progress: impl FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    let begun = Utc::now();
    let mut capture = capture_folder(data, schema)?;
    let locked = LockedRepository::open_or_create(storage, &capture.collector)?;
    let repository = &locked.repository;
    if repository.collector != capture.collector {
        return Err(BackupError::OtherFolder {
            folder: repository.name(),
            theirs: repository.collector.clone(),
            ours: capture.collector,
        });
    }
    let (points, damaged) = repository.readable_points()?;
    for error in &damaged {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "a point of the backup cannot be read");
    }
    let known = Known::of(&points);
    let mut copying = Copying::new(repository, known)?;
    for _ in 0..ATTEMPTS {
        let Some(Copied { files, damaged }) = copying.copy(&capture, &mut progress)? else {
            capture = capture_folder(data, schema)?;
            continue;
        };
        copying.content.sync()?;
        let about = |id| about(id, rfc_3339(begun), &capture, &damaged);
        let point = added(repository, begun, |id| Point {
            about: about(id),
            files: files.clone(),
        })?;
        if !repository.is_whole(&point)? {
            repository.take_back(&point)?;
            copying.begin_anew(repository)?;
            capture = capture_folder(data, schema)?;
            continue;
        }
        repository.forget_damage(&copying.healed)?;
        return Ok(BackupReport {
            point,
            new_files: copying.new_files,
            new_bytes: copying.new_bytes,
        });
    }
    Err(BackupError::Changing {
        folder: data.to_path_buf(),
    })
}

/// Adds the point that `point` makes under an id that no other backup has taken.
fn added(
    repository: &Repository,
    begun: DateTime<Utc>,
    point: impl Fn(String) -> Point,
) -> Result<Point, BackupError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let ids = repository.ids()?;
        let point = point(next_id(begun, ids.last().map(String::as_str)));
        match repository.add(&point) {
            Err(BackupError::PointExists { .. }) if attempt < ATTEMPTS => {}
            added => return added.map(|()| point),
        }
    }
}

fn about(id: String, begun: String, capture: &Capture, damaged: &[Finding]) -> About {
    let tables = capture.tables.iter().map(|table| TableEntry {
        tier: table.tier.name().to_owned(),
        name: table.name.clone(),
        version: table.version,
        rows: table.rows,
    });
    About {
        format: FORMAT,
        id,
        begun,
        run: uuid::Uuid::new_v4().to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        collector: capture.collector.clone(),
        group: capture.group,
        tables: tables.collect(),
        damaged: damaged.iter().map(DamagedEntry::from).collect(),
    }
}

/// Content that is known without reading the file again.
struct Known(HashMap<(String, u32), (String, u64)>);

impl Known {
    /// What the points say.
    fn of(points: &[Point]) -> Self {
        let files = points.iter().flat_map(|point| &point.files);
        let known = files.filter_map(|file| {
            let key = (file.path.clone(), file.identity?);
            Some((key, (file.content.clone(), file.size)))
        });
        Self(known.collect())
    }
}

/// A data folder that is in the repository as a whole, but for what is damaged.
struct Copied {
    files: Vec<FileEntry>,
    damaged: Vec<Finding>,
}

/// A backup's copying.
struct Copying<'s> {
    content: Box<dyn ContentWriter + 's>,
    known: Known,
    /// The hashes of content that is known to be damaged.
    damaged: HashSet<String>,
    /// Those of them that were stored again.
    healed: HashSet<String>,
    new_files: u64,
    new_bytes: u64,
}

impl<'s> Copying<'s> {
    fn new(repository: &'s Repository, known: Known) -> Result<Self, BackupError> {
        let damaged = repository.damaged()?;
        Ok(Self {
            content: writer(repository, damaged.clone())?,
            known,
            damaged,
            healed: HashSet::new(),
            new_files: 0,
            new_bytes: 0,
        })
    }

    /// Looks again at what is there.
    fn begin_anew(&mut self, repository: &'s Repository) -> Result<(), BackupError> {
        let damaged = self.damaged.difference(&self.healed);
        self.content = writer(repository, damaged.cloned().collect())?;
        Ok(())
    }

    /// Copies what the repository lacks. Returns the files and the damage, or `None` where a file left its table before it was
    /// copied.
    fn copy(
        &mut self,
        capture: &Capture,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<Option<Copied>, BackupError> {
        let mut damaged = capture.findings.clone();
        let mut files = BTreeMap::new();
        let total = capture.files.len() as u64;
        for (done, file) in (1..).zip(&capture.files) {
            match self.store(file)? {
                Ok(entry) => {
                    files.insert(entry.path.clone(), entry);
                }
                Err(Unreadable::Removed) => {}
                Err(Unreadable::Replaced) => return Ok(None),
                Err(Unreadable::Damaged(finding)) => damaged.push(finding),
            }
            progress(done, total);
        }
        Ok(Some(Copied {
            files: files.into_values().collect(),
            damaged,
        }))
    }

    /// Stores a file, unless its content is there.
    fn store(&mut self, file: &CapturedFile) -> Result<Result<FileEntry, Unreadable>, BackupError> {
        let identity = file.identity();
        let entry = |content: String, size| FileEntry {
            path: file.path.clone(),
            size,
            content,
            identity,
        };
        let key = identity.map(|identity| (file.path.clone(), identity));
        if let Some((content, size)) = key.as_ref().and_then(|key| self.known.0.get(key))
            && self.content.has(content, *size)
        {
            return Ok(Ok(entry(content.clone(), *size)));
        }
        let stored = match self.content.put(&mut Captured(file)) {
            Ok(stored) => stored,
            Err(PutError::Read(error)) => return Ok(Err(file.judge(error)?)),
            Err(PutError::Write(error)) => return Err(error),
        };
        if stored.is_new {
            self.new_files += 1;
            self.new_bytes += stored.size;
            if self.damaged.contains(&stored.hash) {
                self.healed.insert(stored.hash.clone());
            }
        }
        if let Some(key) = key {
            let known = (stored.hash.clone(), stored.size);
            self.known.0.insert(key, known);
        }
        Ok(Ok(entry(stored.hash, stored.size)))
    }
}

/// Storing content in a repository, and again what is `damaged`.
fn writer(
    repository: &Repository,
    damaged: HashSet<String>,
) -> Result<Box<dyn ContentWriter + '_>, BackupError> {
    let writer = repository.storage.writer(damaged);
    writer.map_err(BackupError::io("list", repository.name()))
}

struct Captured<'f>(&'f CapturedFile);

impl Source for Captured<'_> {
    fn open(&mut self) -> io::Result<Box<dyn Read>> {
        self.0.open()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]
    use headcount_catalog::{Column, ColumnType, Table, TableKind, Tier};
    use headcount_lake::{Lake, LakeOptions};
    use headcount_log::disk::Disk as _;
    use headcount_log::testing::SimulatedDisk;

    use super::*;
    use crate::{place, points, verify};

    /// A data folder with a table and a log.
    async fn some_data() -> (tempfile::TempDir, Arc<Schema>) {
        let data = tempfile::tempdir().unwrap();
        let column = |name: &str, column_type| Column {
            name: name.to_owned(),
            column_type,
        };
        let schema = Arc::new(Schema {
            tables: vec![Table {
                name: "crews".to_owned(),
                tier: Tier::Default,
                kind: TableKind::Event,
                columns: vec![
                    column("time", ColumnType::Timestamp),
                    column("id", ColumnType::Text),
                ],
            }],
        });
        let options = LakeOptions {
            background: false,
            ..LakeOptions::default()
        };
        let lake = Lake::open(data.path(), Arc::clone(&schema), options);
        lake.await.unwrap().close().await.unwrap();
        (data, schema)
    }

    #[tokio::test]
    async fn a_loss_of_power_at_any_operation_leaves_whole_points_alone() {
        let (data, schema) = some_data().await;
        let mut was_made = 0;
        for operations in 0.. {
            let repository = tempfile::tempdir().unwrap();
            let to = repository.path().join("repository");
            let disk = SimulatedDisk::new(operations);
            let made = || {
                let storage = place::folder(Arc::new(disk.clone()), &to)?;
                back_up_in(&storage, data.path(), &schema, |_, _| ())
            };
            let first = made().unwrap().point;
            for number in 0..4 {
                let path = data.path().join(format!("new-{number}"));
                std::fs::write(path, format!("{number} {operations}")).unwrap();
            }
            disk.lose_power_after(Some(operations));
            let second = made();
            disk.crash();
            let verified = verify(&to, |_, _| ()).unwrap();
            assert!(verified.damaged.is_empty(), "{operations}: {verified:?}");
            assert!(
                verified.damaged_points.is_empty(),
                "{operations}: {verified:?}"
            );
            let (left, _) = points(&to).unwrap();
            assert_eq!(left[0], first, "{operations}");
            if let Ok(second) = &second {
                assert_eq!(left.last(), Some(&second.point), "{operations}");
                was_made += 1;
            }
            let last = left.last().cloned().unwrap();
            let next = made().unwrap().point;
            assert!(next.about.id > last.about.id);
            assert!(verify(&to, |_, _| ()).unwrap().damaged.is_empty());
            if was_made == 3 {
                assert!(operations > 20, "{operations}");
                return;
            }
        }
    }

    #[tokio::test]
    async fn what_a_backup_left_that_ended_early_is_durable_with_the_next_point() {
        let (data, schema) = some_data().await;
        for operations in 0..60 {
            let repository = tempfile::tempdir().unwrap();
            let to = repository.path().join("repository");
            let disk = SimulatedDisk::new(operations);
            let made = || {
                let storage = place::folder(Arc::new(disk.clone()), &to)?;
                back_up_in(&storage, data.path(), &schema, |_, _| ())
            };
            disk.lose_power_after(Some(operations));
            let is_over = made().is_ok();
            // The process ended, and the machine went on.
            disk.lose_power_after(None);
            disk.durable_folders().clear();
            let point = made().unwrap().point;
            disk.crash();
            let verified = verify(&to, |_, _| ()).unwrap();
            assert!(verified.damaged.is_empty(), "{operations}: {verified:?}");
            assert_eq!(points(&to).unwrap().0.last(), Some(&point));
            if is_over {
                assert!(operations > 20, "{operations}");
                return;
            }
        }
        panic!("a backup of a small folder takes fewer operations");
    }
}
