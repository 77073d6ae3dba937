//! What can be recorded: one call each. Every name of a span is in `catalog/dialects/headcount.yaml`, every field in
//! `catalog/crew.yaml`.

mod crew;
mod crew_run;
mod deployment;
mod feedback;
mod flow;
mod partial;
mod project;
mod task_run;
mod tool;

pub use crew_run::CrewRun;
pub use deployment::Deployment;
pub use flow::FlowRun;
pub use partial::Partial;
pub use task_run::TaskRun;
