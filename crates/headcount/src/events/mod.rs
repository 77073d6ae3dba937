//! The events that can be recorded, one call each. All span names are in `catalog/dialects/headcount.yaml`, all fields in
//! `catalog/crew.yaml`.

mod crew;
mod crew_link;
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
