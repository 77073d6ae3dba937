//! Other programs' commits: queries see them at once, and see nothing of a table that they made unreadable.

use std::sync::Arc;

use headcount_catalog::TableId;
use headcount_observe::ReportLimit;

use crate::delta::log::TableLog;
use crate::error::LakeError;
use crate::state::LakeState;

/// Applies what other programs committed to the tables, and shows it to queries. It looks for one file a table, so that a
/// snapshot can afford it. A table that is just being committed to is left to its committer.
pub(crate) fn follow(state: &LakeState) {
    state.unreadable.forget_replaced();
    for (id, _) in state.schema.iter() {
        if let Some(mut log) = state.logs[usize::from(id.0)].try_lock() {
            follow_table(state, id, &mut log);
        }
    }
}

fn follow_table(state: &LakeState, id: TableId, log: &mut TableLog) {
    match log.refresh() {
        Ok(true) => state.view.publish_changed(id, log.files()),
        Ok(false) => state.view.withdraw_refusal(id),
        Err(error @ LakeError::Io { .. }) => {
            // The file system may answer the next time; the rows that are known stay true until then.
            static UNREADABLE: ReportLimit = ReportLimit::new();
            if let Some(withheld) = UNREADABLE.pass() {
                tracing::warn!(
                    table = log.table,
                    error = &error as &dyn std::error::Error,
                    withheld,
                    "could not look for commits of other programs"
                );
            }
        }
        Err(error) => state.view.publish_refusal(id, Arc::new(error)),
    }
}
