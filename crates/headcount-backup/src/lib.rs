//! Backups of a data folder on which a collector may be running.
//!
//! A *repository* is a folder, or a bucket, with the content of every file that was backed up, stored once under its hash, and a *point* for
//! each backup: the list of a data folder's files at one moment. [`back_up`] adds a point, and copies only content that the repository
//! lacks; [`restore`] makes a data folder of a point and compares every byte; [`verify`] reads everything back; [`keep`] and
//! [`purge`] remove points, and the content that no other point names. `docs/formats/backup.md` specifies every file.
//!
//! Which files are a data folder at one moment says `headcount_lake`. This crate knows no table and no row.

mod backup;
mod blocking_bucket;
mod bucket_storage;
mod content;
mod copies;
mod error;
mod folder_storage;
mod orders;
mod place;
mod point;
mod prune;
mod removal_lease;
mod repository;
mod restore;
mod storage;
mod verify;

pub use backup::{BackupReport, back_up};
pub use copies::BackedUpFiles;
pub use error::{BackupError, DamagedContent};
pub use headcount_bucket::AddressError;
pub use place::Place;
pub use point::{About, DamagedEntry, FileEntry, Point, TableEntry};
pub use prune::{Removed, keep, purge};
pub use repository::points;
pub use restore::{RestoreOptions, RestoreReport, restore};
pub use verify::{Verified, verify};
