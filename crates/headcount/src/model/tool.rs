use std::sync::Arc;

/// A tool, by its name (catalog category `tool_usage`). Its arguments and results are never recorded.
///
/// ```
/// let search = headcount::Tool::new("search_the_internet_with_serper");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub(crate) name: Arc<str>,
}

impl Tool {
    /// The tool's name. Free text of at most 128 characters (`tool_usage.tool_name`).
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into() }
    }
}

impl From<&str> for Tool {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<&Tool> for Tool {
    fn from(tool: &Tool) -> Self {
        tool.clone()
    }
}
