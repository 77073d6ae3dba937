//! The application state that handlers share.

use std::sync::Arc;
use std::time::Duration;

use headcount_access::{AuditLog, AuditReader, Right};
use headcount_oidc::SignOn;
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

use crate::access::Access;
use crate::answer_cache::AnswerCache;
use crate::base::Base;
use crate::role::Role;

/// The state of every handler.
#[derive(Debug, Clone)]
pub(crate) struct SiteState {
    pub(crate) answers: AnswerCache,
    pub(crate) access: Arc<Access>,
    /// The identity provider, where there is one.
    pub(crate) sign_on: Option<LimitedSignOn>,
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

/// The identity provider, asked by a few at a time: each holds a thread. Those who come back from it have permits of their own, because anybody can
/// begin a sign-in again and again.
#[derive(Debug, Clone)]
pub(crate) struct LimitedSignOn {
    pub(crate) provider: Arc<SignOn>,
    /// For sign-ins that begin.
    pub(crate) begins: Arc<Semaphore>,
    /// For those that finish.
    pub(crate) finishes: Arc<Semaphore>,
}

impl LimitedSignOn {
    /// How many of each may wait for the provider at once.
    const BEGINS_AT_ONCE: usize = 8;
    const FINISHES_AT_ONCE: usize = 16;

    pub(crate) fn new(provider: SignOn) -> Self {
        Self {
            provider: Arc::new(provider),
            begins: Arc::new(Semaphore::new(Self::BEGINS_AT_ONCE)),
            finishes: Arc::new(Semaphore::new(Self::FINISHES_AT_ONCE)),
        }
    }
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
