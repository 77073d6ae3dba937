//! The application state that handlers share.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::access::Access;
use crate::answer_cache::AnswerCache;
use crate::role::Role;

/// The state of every handler.
#[derive(Debug, Clone)]
pub(crate) struct SiteState {
    pub(crate) answers: AnswerCache,
    pub(crate) access: Arc<Access>,
    /// How long a request body may take to arrive.
    pub(crate) timeout: Duration,
    pub(crate) descriptions: Arc<Descriptions>,
}

/// The API's description by role. It follows from the reports alone, and planning each of them costs more than any answer:
/// so it is computed once.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    owner: OnceCell<Value>,
    public: OnceCell<Value>,
}

impl Descriptions {
    pub(crate) fn of(&self, role: Role) -> &OnceCell<Value> {
        match role {
            Role::Owner => &self.owner,
            Role::Public => &self.public,
        }
    }
}
