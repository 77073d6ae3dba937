//! The values of single events, as a caller hands them over.

use headcount as client;

use crate::descriptors::Tool;
use crate::reading::{Given, Reader};

/// A tool's name: of a tool, or a text.
fn tool_name<'a>(reader: &mut Reader, given: Given<'a, '_>) -> Option<&'a str> {
    if let Some(tool) = given.and_then(|given| given.cast::<Tool>().ok()) {
        reader.refuse(tool.get().refused);
        return tool.get().name.as_deref();
    }
    reader.needed_text(given)
}

/// Who wrote a flow; its builder if nothing is said.
pub(crate) fn origin(reader: &mut Reader, given: Given<'_, '_>) -> Option<client::FlowOrigin> {
    match given {
        Some(_) => reader.word(given),
        None => Some(client::FlowOrigin::User),
    }
}

/// The values of one tool call; it is the first attempt if nothing is said.
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
