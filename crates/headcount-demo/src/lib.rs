//! A model of CrewAI-shaped traffic: OTLP request bodies as the exporters of real CrewAI processes would send them.
//! [`Week`] is for people (the bundled demo: many releases, roles, tools and mishaps, spread over seven days),
//! [`Scaled`] for machines (one scenario, endless, cheap enough that a benchmark measures the collector). Nothing here
//! opens a socket or a file, and nothing was copied from anyone's traffic: shapes are real, every value is made up.

mod calendar;
mod chance;
mod crew;
mod draft;
mod encode;
mod errand;
mod machine;
mod members;
mod python;
mod release;
mod run;
mod scaled;
mod stray;
mod task_run;
mod template;
mod vocabulary;
mod week;

pub use scaled::Scaled;
pub use week::{Body, DEFAULT_CREWS, Week};
