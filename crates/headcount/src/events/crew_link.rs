//! The crew that an event belongs to.

use crate::model::{Key, SharingGrant};
use crate::platform::random::Id;

/// The crew that an event belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct CrewLink {
    pub(super) id: Id,
    pub(super) key: Key,
    pub(super) grant: Option<SharingGrant>,
}
