//! What a framework says of its crews. A descriptor is made before any telemetry is there; it carries along how many of its
//! values were refused, and they are counted each time that it is recorded, as the client does with its own.

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

/// More agents or tasks than this are not a crew's.
const MOST_MEMBERS: usize = 10_000;

/// Sets what was said.
fn set<D, V>(descriptor: D, value: Option<V>, setter: impl FnOnce(D, V) -> D) -> D {
    match value {
        Some(value) => setter(descriptor, value),
        None => descriptor,
    }
}

/// `Name(first=…, second=…)`, of the values that are there.
fn shown(name: &str, values: &[(&str, Option<String>)]) -> String {
    let values: Vec<String> = values
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect();
    format!("{name}({})", values.join(", "))
}

/// A text as Python writes it, near enough.
fn quoted(text: Option<&str>) -> Option<String> {
    text.map(|text| format!("{text:?}"))
}
