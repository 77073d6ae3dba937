use std::sync::Arc;

use headcount as client;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{quoted, shown};
use crate::reading::{Given, Reader, Unknown, text_of};

/// The catalog's limit of one list.
const MOST_TOOLS: usize = 64;

/// A tool, by its name. Its arguments and results are never recorded.
///
/// A plain ``str`` is accepted wherever a tool is.
///
/// >>> import headcount
/// >>> search = headcount.Tool("search_the_internet")
/// >>> search.name
/// 'search_the_internet'
#[pyclass(frozen, weakref, module = "headcount")]
pub(crate) struct Tool {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) refused: u64,
}

#[pymethods]
impl Tool {
    #[new]
    #[pyo3(signature = (name=None, *extra, **unknown), text_signature = "(name)")]
    fn new(
        name: Given<'_, '_>,
        extra: &Bound<'_, PyTuple>,
        unknown: Option<Unknown<'_, '_>>,
    ) -> Self {
        let mut reader = Reader::new(extra, unknown);
        Self {
            name: reader.needed_text(name).map(Arc::from),
            refused: reader.refused(),
        }
    }

    /// The tool's name; ``None`` if it is invalid.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn __repr__(&self) -> String {
        shown("Tool", &[("name", quoted(self.name.as_deref()))])
    }
}

/// The tools of an agent or a task: tools, or their names.
pub(crate) fn tools(reader: &mut Reader, given: Given<'_, '_>) -> Vec<client::Tool> {
    let tools = reader.items(given, MOST_TOOLS, |reader, item| {
        if let Ok(tool) = item.cast::<Tool>() {
            let tool = tool.get();
            let is_named = tool.name.is_some();
            // Its missing name was counted when the tool was created.
            reader.refuse(tool.refused.saturating_sub(u64::from(!is_named)));
            return tool.name.clone().map(client::Tool::new);
        }
        text_of(item).map(client::Tool::new)
    });
    tools.unwrap_or_default()
}
