//! A crew's own content: goals, descriptions, inputs, outputs.

use std::fmt;
use std::sync::Arc;

/// A text that is a crew's content.
///
/// Only the recorder can read it, and only with the grant of a crew that was built with
/// [`share_crew(true)`](crate::Crew::share_crew) (promise 2). `Debug` does not show it either.
///
/// ```
/// let goal = headcount::Content::from("Find what was published this week");
/// assert_eq!(format!("{goal:?}"), "Content(33 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Content(Arc<str>);

/// Proof that a crew shares its content. It exists only in crews that were built with `share_crew(true)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharingGrant(());

impl SharingGrant {
    /// Only [`crate::Crew::share_crew`] may call this.
    pub(super) fn from_crew(shares: bool) -> Option<Self> {
        shares.then_some(Self(()))
    }
}

impl Content {
    /// The text, for code that holds a grant.
    pub(crate) fn reveal(&self, _grant: &SharingGrant) -> &str {
        &self.0
    }

    /// Feeds the text to a keyed hash, which reveals nothing of it (promise 7).
    pub(super) fn hash_into(&self, hash: &mut super::key::PartHash) {
        hash.part(&self.0);
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.0.len())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Content {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<Arc<str>> for Content {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}
