//! What a framework knows of its crews, as far as the catalog asks for it.
//!
//! Descriptors are plain values: they are built before telemetry is asked for, cost nothing when it is off, and record
//! nothing by themselves.

mod agent;
mod content;
mod crew;
mod key;
mod llm;
mod task;
mod tool;
mod vocabulary;

pub use agent::Agent;
pub use content::Content;
pub use crew::Crew;
pub use llm::Llm;
pub use task::Task;
pub use tool::Tool;
pub use vocabulary::{
    DeploymentFailure, DeploymentSource, DeploymentStep, FlowOrigin, Process, ProjectKind, Runtime,
    UnknownWord,
};

pub(crate) use content::SharingGrant;
pub(crate) use key::{Key, Keyer};
pub(crate) use vocabulary::{
    Direction, FeedbackEvent, FlowEvent, Outcome, ProjectEvent, TestStep, ToolOutcome,
};

use std::sync::{Arc, OnceLock};

use crate::random::Id;

/// Tells one agent or task object from another, however often it is cloned. Its random id is drawn when it is first
/// recorded, so that none is drawn while telemetry is off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity(Arc<OnceLock<Id>>);

impl Identity {
    pub(crate) fn id(&self) -> Id {
        *self.0.get_or_init(Id::random)
    }
}
