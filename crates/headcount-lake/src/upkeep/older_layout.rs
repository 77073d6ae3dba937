//! Tables of an older layout, which partitioned them by day, become tables without partitions.
//!
//! It is one commit of the table's log, and no file is written: merges make few files of the many later. After a crash the table is as before, or
//! done. Until it is done, new files lie beside the partitioned ones (their partition is null), so that nothing waits for it.

use headcount_catalog::TableId;

use crate::account::{Account, measure};
use crate::delta::log::{ActiveFile, DayUnits};
use crate::delta::schema::is_partitioned;
use crate::delta::unpartitioned::{MeasuredFiles, remove_partitions};
use crate::error::{LakeError, is_bad_medium};
use crate::state::LakeState;

/// Removes the partitions of the table, if it has any. Where another program commits at the same time, the next round tries again.
pub(super) fn remove(state: &LakeState, id: TableId) -> Result<(), LakeError> {
    let table = state.schema.table(id).ok_or(LakeError::Closed)?;
    let files = state.refresh(id)?;
    let folder = {
        let log = state.logs[usize::from(id.0)].lock();
        if !is_partitioned(&log.metadata) {
            return Ok(());
        }
        log.folder.clone()
    };
    let mut account = Account::default();
    let mut measured = MeasuredFiles::new();
    for file in files.iter().filter(|file| !file.day.is_empty()) {
        let days = match lies_within_its_day(file) {
            true => None,
            false => match measure::days_of_rows(&*state.disk, &folder, file, table.kind) {
                Ok(days) => Some(days),
                Err(error) if is_refusal(&error) => return Err(error),
                // Nobody can tell whose days its rows are: they go on to count under the one that they counted under.
                Err(error) => {
                    state.unreadable.note(&error);
                    measure::recorded(file, table.kind)
                        .map(|units| DayUnits::from([(file.day.clone(), units)]))
                }
            },
        };
        if let Some(days) = &days {
            account.move_from(&file.day, days);
        }
        measured.insert(file.path.clone(), days);
    }
    let mut log = state.logs[usize::from(id.0)].lock();
    let removed = remove_partitions(&*state.disk, &mut log, table, &measured, &account)?;
    state.view.publish_files(id, log.files());
    if removed {
        tracing::info!(
            table = table.name,
            files = measured.len(),
            "the table is no longer partitioned by day"
        );
    }
    Ok(())
}

/// Whether the operating system refused to read a file that is there: another attempt may succeed.
fn is_refusal(error: &LakeError) -> bool {
    let is_gone = |source: &std::io::Error| source.kind() == std::io::ErrorKind::NotFound;
    matches!(error, LakeError::Io { source, .. } if !is_gone(source) && !is_bad_medium(source))
}

/// Whether all rows of a file have the day that its partition says, by the table's log.
fn lies_within_its_day(file: &ActiveFile) -> bool {
    let without_partition = ActiveFile {
        day: String::new(),
        ..file.clone()
    };
    measure::possible_days(&without_partition) == [file.day.as_str()]
}
