//! Removes points, and content that no point names any more.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::error::BackupError;
use crate::orders::{first_without_erased, of_point, pending};
use crate::place::Place;
use crate::point::Point;
use crate::repository::LockedRepository;
use crate::storage::Storage;

/// What was removed from a repository.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The ids of the points, oldest first.
    pub points: Vec<String>,
    /// The files of content that no other point named.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The points that are left.
    pub left: usize,
    /// Orders to erase that were not carried out when the newest point was made: all points that are left may hold the rows.
    pub pending_orders: usize,
}

/// Removes all but the newest `points` points of the repository `place`, and the content that no other point names.
///
/// # Errors
///
/// A point is damaged, so that nobody knows what content is still needed; or a file cannot be removed.
pub fn keep(place: impl Into<Place>, points: NonZeroUsize) -> Result<Removed, BackupError> {
    keep_in(&place.into().storage()?, points)
}

/// The same, with the repository in `storage`.
pub(crate) fn keep_in(
    storage: &Arc<dyn Storage>,
    points: NonZeroUsize,
) -> Result<Removed, BackupError> {
    let mut locked = LockedRepository::open(storage)?;
    let all = locked.repository.points()?;
    let first = all.len().saturating_sub(points.get());
    remove_before(&mut locked, &all, first)
}

/// Removes the points of the repository `place` that may hold rows whose erasure was ordered and carried out since, and the content
/// that no other point names: the bytes of those rows are gone then. The newest point always stays.
///
/// # Errors
///
/// As of [`keep`].
pub fn purge(place: impl Into<Place>) -> Result<Removed, BackupError> {
    let storage = place.into().storage()?;
    let mut locked = LockedRepository::open(&storage)?;
    let all = locked.repository.points()?;
    let content = locked.repository.content();
    let orders: Result<Vec<_>, _> = all.iter().map(|point| of_point(point, &content)).collect();
    let first = first_without_erased(&orders?);
    remove_before(&mut locked, &all, first)
}

fn remove_before(
    locked: &mut LockedRepository<'_>,
    points: &[Point],
    first: usize,
) -> Result<Removed, BackupError> {
    let (removed, left) = points.split_at(first);
    locked.remove(removed)?;
    let files = left.iter().flat_map(|point| &point.files);
    let named: BTreeSet<&str> = files.map(|file| file.content.as_str()).collect();
    let (files, bytes) = locked.retain(&named)?;
    let content = locked.repository.content();
    let newest = left.last().map(|point| of_point(point, &content));
    Ok(Removed {
        points: removed.iter().map(|point| point.about.id.clone()).collect(),
        files,
        bytes,
        left: left.len(),
        pending_orders: pending(&newest.transpose()?.unwrap_or_default()),
    })
}
