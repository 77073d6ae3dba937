//! The application state that handlers share.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::answer_cache::AnswerCache;

/// The state of every handler.
#[derive(Debug, Clone)]
pub(crate) struct SiteState {
    pub(crate) answers: AnswerCache,
    pub(crate) access: Arc<Access>,
    /// How long a request body may take to arrive.
    pub(crate) timeout: Duration,
}
