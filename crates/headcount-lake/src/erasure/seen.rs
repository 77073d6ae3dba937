//! Reads the receipts of all rows back at a start, for the filter that keeps made-up orders out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashSet;
use headcount_catalog::{RECEIPT_COLUMN, TableId};
use headcount_log::wal::quarantine;

use super::rows::{RowFilter, each_imprint};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::low_priority;
use crate::state::LakeState;

/// Notes the receipt of every row in the tables. Those in the log were noted when it was replayed, and later ones when they
/// were appended.
pub(crate) async fn learn(state: &Arc<LakeState>) -> Result<(), LakeError> {
    let mut learned = Ok(());
    for (id, table) in state.schema.iter() {
        if table.column_index(RECEIPT_COLUMN).is_some() {
            let state = Arc::clone(state);
            learned = learned.and(low_priority::run(move || learn_table(&state, id)).await?);
        }
    }
    learned?;
    state.orders.seen().complete();
    Ok(())
}

fn learn_table(state: &LakeState, id: TableId) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut read = HashSet::new();
    let mut failed = None;
    loop {
        let files = state.refresh(id)?;
        let unread = files.iter().filter(|file| !read.contains(&file.path));
        let unread: Vec<_> = unread.cloned().collect();
        if unread.is_empty() {
            return failed.map_or(Ok(()), Err);
        }
        for file in unread {
            match learn_file(state, &folder, &file) {
                // It was replaced meanwhile, by one that is in the next list.
                Err(LakeError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound
                        && !state.is_active(id, &file)? => {}
                // Others are still worth learning.
                Err(error) if state.unreadable.note(&error) => failed = failed.or(Some(error)),
                result => result?,
            }
            read.insert(file.path);
        }
    }
}

fn learn_file(state: &LakeState, folder: &Path, file: &ActiveFile) -> Result<(), LakeError> {
    let (path, checksums) = (folder.join(&file.path), file.checksums.as_ref());
    let mut last = String::new();
    each_imprint(&*state.disk, &path, checksums, |imprint| {
        // Rows of one request stand together.
        if imprint != last {
            state.orders.seen().note_imprint(imprint);
            imprint.clone_into(&mut last);
        }
    })
}

/// Quarantined parts of the log that hold a row to be erased. The others are evidence of damage, and stay: whoever sends an
/// order must not be able to remove them.
pub(crate) fn quarantined(
    state: &LakeState,
    filters: &[Arc<RowFilter>],
) -> Result<Vec<PathBuf>, LakeError> {
    let mut holding = Vec::new();
    for path in quarantine::files(&*state.disk, &state.wal())? {
        let bytes = state
            .disk
            .read(&path)
            .map_err(LakeError::io("read", &path))?;
        if filters.iter().any(|filter| filter.is_in(&bytes)) {
            tracing::warn!(
                file = %path.display(),
                "this unreadable part of the write-ahead log holds rows that are to be erased; it is removed with them"
            );
            holding.push(path);
        }
    }
    Ok(holding)
}
