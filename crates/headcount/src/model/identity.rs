//! The identity of an agent or task object.

use std::sync::{Arc, OnceLock};

use crate::platform::random::Id;

/// Identifies an agent or task object and its clones. The random id is drawn when the object is first recorded, so none is
/// drawn while telemetry is off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity(Arc<OnceLock<Id>>);

impl Identity {
    pub(crate) fn id(&self) -> Id {
        *self.0.get_or_init(Id::random)
    }
}
