//! The files of one table that hold rows to be erased: each is written again without them.

use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use headcount_catalog::TableId;

use super::rows::{LeftOutByOrder, RowFilter, has_erased};
use crate::delta::commit::{Change, Committed, commit};
use crate::delta::log::{ActiveFile, table_folder};
use crate::error::LakeError;
use crate::new_files::NewFiles;
use crate::rewrite::{LeftOut, Rewrite};
use crate::state::LakeState;

/// Files that one commit replaces.
const FILES: usize = 32;

/// Rewrites the table's files that hold rows to be erased, and adds those to `replaced` that no longer count. A file that
/// cannot be read, or whose rows another program deleted by a deletion vector, is passed over and fails the call at its end.
pub(super) fn erase_from_files(
    state: &LakeState,
    id: TableId,
    filter: &RowFilter,
    replaced: &mut Vec<PathBuf>,
) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let folder = table_folder(&state.root, table);
    let mut erasure = TableErasure {
        state,
        id,
        folder: &folder,
        filter,
        settled: HashSet::new(),
        failed: None,
    };
    loop {
        let files = state.refresh(id)?;
        let rewritten = erasure.rewrite(&files)?;
        if rewritten.old.is_empty() {
            return erasure.failed.map_or(Ok(()), Err);
        }
        erasure.replace(rewritten, replaced)?;
    }
}

/// An erasure from one table.
struct TableErasure<'a> {
    state: &'a LakeState,
    id: TableId,
    folder: &'a Path,
    filter: &'a RowFilter,
    /// Files that need no further look: without such rows, or unreadable.
    settled: HashSet<String>,
    /// The first failure that did not end it.
    failed: Option<LakeError>,
}

impl<'a> TableErasure<'a> {
    /// Rewrites up to [`FILES`] of the files.
    fn rewrite<'f>(&mut self, files: &'f [ActiveFile]) -> Result<Rewritten<'f>, LakeError>
    where
        'a: 'f,
    {
        let mut rewritten = Rewritten {
            old: Vec::new(),
            added: NewFiles::new(&*self.state.disk, self.folder),
            left_out: LeftOutByOrder::new(),
        };
        for file in files {
            if self.settled.contains(&file.path) {
                continue;
            }
            let result = self.rewrite_file(file);
            // Also after a failure: what it counted does not count.
            let left_out = self.filter.take_left_out();
            match result {
                Ok(Some(added)) => rewritten.push(file, added, left_out),
                Ok(None) => {
                    self.settled.insert(file.path.clone());
                }
                // Another program replaced it meanwhile; the log says so.
                Err(LakeError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound
                        && !self.state.is_active(self.id, file)? => {}
                Err(
                    error @ (LakeError::UnreadableFile { .. }
                    | LakeError::IncompatibleFile { .. }
                    | LakeError::DeletionVector { .. }),
                ) => {
                    self.settled.insert(file.path.clone());
                    self.state.unreadable.note(&error);
                    self.failed.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
            if rewritten.old.len() == FILES {
                break;
            }
        }
        Ok(rewritten)
    }

    /// The file's rows without those to be erased, in new files; `None` where there are no such rows.
    fn rewrite_file<'f>(&self, file: &'f ActiveFile) -> Result<Option<NewFiles<'f>>, LakeError>
    where
        'a: 'f,
    {
        let path = self.folder.join(&file.path);
        let checksums = file.checksums.as_ref();
        if !has_erased(&*self.state.disk, self.filter, &path, checksums)? {
            return Ok(None);
        }
        if file.deletion_vector.is_some() {
            return Err(LakeError::DeletionVector { path });
        }
        let mut rewrite = Rewrite::new(self.state, self.id, self.folder)?;
        rewrite.left_out = LeftOut::Erased(self.filter);
        rewrite.run(std::slice::from_ref(file)).map(Some)
    }

    /// Commits the replacement, and adds the old files to `replaced` if it counts.
    fn replace(
        &self,
        rewritten: Rewritten<'_>,
        replaced: &mut Vec<PathBuf>,
    ) -> Result<(), LakeError> {
        let Rewritten {
            old,
            added,
            left_out,
        } = rewritten;
        // Before the rows are gone that tell of the runs.
        for (order, of) in left_out.iter().filter(|(_, of)| !of.runs.is_empty()) {
            self.state.crew_orders.prepared(*order, &of.runs)?;
        }
        if self.commit(&old, added)? == Committed::Now {
            replaced.extend(old.iter().map(|file| self.folder.join(&file.path)));
            for (order, of) in left_out {
                self.state.crew_orders.erased(order, of.rows)?;
            }
        }
        Ok(())
    }

    fn commit(&self, old: &[ActiveFile], added: NewFiles<'_>) -> Result<Committed, LakeError> {
        let state = self.state;
        let table = state.schema.table(self.id).ok_or(LakeError::Closed)?;
        let change = Change {
            operation: "DELETE",
            add: added.as_slice(),
            remove: old,
            data_change: true,
            applied: None,
            account: added.account(),
        };
        let mut log = state.logs[usize::from(self.id.0)].lock();
        let committed = commit(&*state.disk, &mut log, table, &change);
        added.settle(&committed, &log);
        state.view.publish_changed(self.id, log.files());
        committed
    }
}

/// Files with rows to be erased, and the files that take their places.
struct Rewritten<'a> {
    old: Vec<ActiveFile>,
    added: NewFiles<'a>,
    /// What was left out for each of the operator's orders.
    left_out: LeftOutByOrder,
}

impl<'a> Rewritten<'a> {
    fn push(&mut self, old: &ActiveFile, added: NewFiles<'a>, left_out: LeftOutByOrder) {
        for (order, of) in left_out {
            self.left_out.entry(order).or_default().add(of);
        }
        self.added.append(added);
        self.old.push(old.clone());
    }
}
