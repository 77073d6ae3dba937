//! Descriptors: a framework's description of its crews. A descriptor may be created before telemetry starts. It remembers
//! how many of its values were refused; they are counted each time it is recorded.

mod agent;
mod crew;
mod llm;
mod task;
mod tool;

pub(crate) use agent::Agent;
pub(crate) use crew::Crew;
pub(crate) use llm::Llm;
pub(crate) use task::Task;
pub(crate) use tool::{Tool, tools};

/// The most agents or tasks of a crew that are read.
const MOST_MEMBERS: usize = 10_000;

/// Sets a value that was given.
fn set<D, V>(descriptor: D, value: Option<V>, setter: impl FnOnce(D, V) -> D) -> D {
    match value {
        Some(value) => setter(descriptor, value),
        None => descriptor,
    }
}

/// `Name(first=…, second=…)` with the values that are set.
fn shown(name: &str, values: &[(&str, Option<String>)]) -> String {
    let values: Vec<String> = values
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect();
    format!("{name}({})", values.join(", "))
}

/// A text as Python shows it, approximately.
fn quoted(text: Option<&str>) -> Option<String> {
    text.map(|text| format!("{text:?}"))
}
