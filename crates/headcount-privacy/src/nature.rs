//! What a value is in the sense of the GDPR.

use headcount_catalog::{Category, Field, Kind, TableKind};

/// What a value is by itself. Beside it in its row stand others: a row of the default tier that names a crew's key is a pseudonymous row as
/// a whole, which the pack says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Nature {
    /// A sum, or a word of ours, in a row without any id.
    Anonymous,
    /// Says something of a program or a machine, and names nobody.
    Technical,
    /// A keyed hash or a random id (Art. 4(5)).
    Pseudonym,
    /// Words that people choose, scrubbed: personal data where they name somebody all the same.
    ScrubbedText,
    /// Content that people shared, as they wrote it.
    Content,
}

impl Nature {
    pub(crate) fn of(category: &Category, field: &Field) -> Self {
        match field.kind {
            Kind::Id | Kind::Key | Kind::Receipt => Nature::Pseudonym,
            Kind::FreeText => Nature::ScrubbedText,
            Kind::Content if field.personal == Some(false) => Nature::Technical,
            Kind::Content => Nature::Content,
            _ if category.rows == TableKind::Counter => Nature::Anonymous,
            _ => Nature::Technical,
        }
    }

    /// As the pack's tables say it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Nature::Anonymous => "anonymous",
            Nature::Technical => "technical",
            Nature::Pseudonym => "pseudonym",
            Nature::ScrubbedText => "scrubbed text; may name a person",
            Nature::Content => "content; may name anybody",
        }
    }
}
