//! The values of single events.

use headcount as client;

use crate::descriptors::Tool;
use crate::reading::{Given, Reader};

/// The most models that are read; the client cuts their names sooner.
const MOST_MODELS: usize = 1_000;

/// A tool's name: of a tool, or a text.
fn tool_name<'a>(reader: &mut Reader, given: Given<'a, '_>) -> Option<&'a str> {
    if let Some(tool) = given.and_then(|given| given.cast::<Tool>().ok()) {
        reader.refuse(tool.get().refused);
        return tool.get().name.as_deref();
    }
    reader.needed_text(given)
}

/// The name of a flow's class, and its author, by default the user.
pub(crate) fn flow<'a>(
    reader: &mut Reader,
    name: Given<'a, '_>,
    origin: Given<'_, '_>,
) -> (Option<&'a str>, Option<client::FlowOrigin>) {
    (
        reader.needed_text(name),
        match origin {
            Some(_) => reader.word(origin),
            None => Some(client::FlowOrigin::User),
        },
    )
}

/// The known values of an evaluation.
type Evaluation<'a> = (Option<&'a str>, Option<bool>, Option<Vec<String>>);

/// The values of one evaluation.
pub(crate) fn evaluation<'a>(
    reader: &mut Reader,
    feature: Given<'a, '_>,
    authenticated: Given<'_, '_>,
    models: Given<'_, '_>,
) -> Evaluation<'a> {
    (
        reader.needed_text(feature),
        reader.boolean(authenticated),
        reader.texts(models, MOST_MODELS),
    )
}

pub(crate) fn record_evaluation(
    telemetry: &client::Telemetry,
    (feature, authenticated, models): Evaluation<'_>,
) {
    let models: Option<Vec<&str>> = models
        .as_ref()
        .map(|models| models.iter().map(String::as_str).collect());
    telemetry
        .partial()
        .evaluation_used(feature, authenticated, models.as_deref());
}

/// The values of one tool call, by default of the first attempt.
pub(crate) fn call<'a>(
    reader: &mut Reader,
    tool: Given<'a, '_>,
    attempts: Given<'_, '_>,
    llm: Given<'a, '_>,
) -> (Option<&'a str>, Option<i64>, Option<&'a str>) {
    (
        tool_name(reader, tool),
        match attempts {
            Some(_) => reader.integer(attempts),
            None => Some(1),
        },
        reader.text(llm),
    )
}
