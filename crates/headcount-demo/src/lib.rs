//! A model of CrewAI-shaped traffic: OTLP request bodies as the exporters of real CrewAI processes would send them.
//! [`Week`] is for people (the bundled demo: many releases, roles, tools and failures, spread over seven days),
//! [`Scaled`] for machines (one scenario, endless, cheap enough that a benchmark measures the collector). Nothing here
//! opens a socket or a file, and nothing was copied from real traffic: the shapes are real, every value is made up.

mod calendar;
mod crew;
mod draft;
mod encode;
mod host_spans;
mod machine;
mod members;
mod process_events;
mod python;
mod random;
mod release;
mod run;
mod scaled;
mod task_run;
mod template;
mod vocabulary;
mod week;

pub use scaled::Scaled;
pub use week::{Body, DEFAULT_CREWS, Week};
