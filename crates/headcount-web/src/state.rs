//! The application state that handlers share.

use std::sync::Arc;
use std::time::Duration;

use headcount_access::{AuditLog, AuditReader, Right};
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

use crate::access::Access;
use crate::answer_cache::AnswerCache;
use crate::answer_memory::AnswerMemory;
use crate::base::Base;
use crate::role::Role;

/// The state of every handler.
#[derive(Debug, Clone)]
pub(crate) struct SiteState {
    pub(crate) answers: AnswerCache,
    /// Memory for answers to clients' SQL.
    pub(crate) answer_memory: AnswerMemory,
    pub(crate) access: Arc<Access>,
    pub(crate) base: Base,
    /// The privacy reviewer's pack, as HTML.
    pub(crate) privacy: Arc<str>,
    /// Where reads of the shared tier are recorded.
    pub(crate) audit: Option<AuditLog>,
    /// Where they are read.
    pub(crate) audit_reader: Option<AuditReader>,
    /// How long a request body may take to arrive.
    pub(crate) timeout: Duration,
    pub(crate) descriptions: Arc<Descriptions>,
    /// A permit for each export that may run now.
    pub(crate) exports: Arc<Semaphore>,
}

/// The API's description for those who may read the shared tier, and for the others. It follows from the reports alone, and planning each of them costs more than any answer:
/// so it is computed once.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    of_both_tiers: OnceCell<Value>,
    of_the_anonymous_tier: OnceCell<Value>,
}

impl Descriptions {
    pub(crate) fn of(&self, role: Role) -> &OnceCell<Value> {
        match role.may(Right::ReadSharedTier) {
            true => &self.of_both_tiers,
            false => &self.of_the_anonymous_tier,
        }
    }
}
