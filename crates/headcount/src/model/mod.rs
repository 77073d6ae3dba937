//! Descriptors: a framework's crews, agents, tasks, models and tools, with the values that the catalog has fields for.
//!
//! They are plain values, which record nothing by themselves and cost almost nothing while telemetry is off.

mod agent;
mod content;
mod crew;
mod identity;
mod key;
mod keyer;
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
    UnknownValue,
};

pub(crate) use content::SharingGrant;
pub(crate) use key::Key;
pub(crate) use keyer::Keyer;
pub(crate) use vocabulary::{
    Direction, FeedbackEvent, FlowEvent, Outcome, ProjectEvent, TestStep, ToolOutcome,
};
