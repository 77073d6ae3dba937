//! The history of what may be collected.

use serde::Deserialize;

/// One change of what may be collected.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Its number, counted from 1.
    pub revision: u32,
    /// The day of the change: `YYYY-MM-DD`.
    pub date: String,
    /// What changed, in a sentence for people.
    pub what: String,
    /// [`Catalog::fingerprint`](super::Catalog::fingerprint) after the change; `None` for the revisions that are older than fingerprints.
    pub fingerprint: Option<String>,
}
