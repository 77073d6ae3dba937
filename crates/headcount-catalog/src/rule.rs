//! The kinds of values that the catalog's header describes, with their limits.

use crate::schema::ColumnType;

/// The catalog's `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// True or false.
    Boolean,
    /// A whole number within limits.
    Integer,
    /// A number within limits.
    Double,
    /// Microseconds since 1970 UTC.
    Timestamp,
    /// Seconds, within limits.
    Duration,
    /// A UUID, kept; anything else becomes a keyed hash.
    Id,
    /// Always a keyed hash.
    Key,
    /// A release number.
    Version,
    /// One of a fixed list of values.
    Enum,
    /// An identifier without spaces.
    Token,
    /// A built-in label from this project's own files.
    OwnWord,
    /// Text that people write: scrubbed and cut.
    FreeText,
    /// A crew's own content: cut; shared tier only.
    Content,
    /// Lets the sender of a row have it erased: written by admission, from a header of the request.
    Receipt,
}

impl Kind {
    /// The kind's name in the catalog.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Timestamp => "timestamp",
            Kind::Duration => "duration",
            Kind::Id => "id",
            Kind::Key => "key",
            Kind::Version => "version",
            Kind::Enum => "enum",
            Kind::Token => "token",
            Kind::OwnWord => "own_word",
            Kind::FreeText => "free_text",
            Kind::Content => "content",
            Kind::Receipt => "receipt",
        }
    }

    /// Whether a value is text of no fixed length, so that the catalog must limit its length.
    pub fn needs_length(self) -> bool {
        use Kind::{Content, FreeText, OwnWord, Token, Version};
        matches!(self, Version | Token | OwnWord | FreeText | Content)
    }

    /// Whether a value is a number, so that the catalog must name its unit and may limit its range.
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Integer | Kind::Double | Kind::Duration)
    }
}

/// The kind of thing that a key names. Equal texts in different domains have different hashes, so that they never compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyDomain {
    /// A crew's key.
    Crew,
    /// An agent's key.
    Agent,
    /// A task's key.
    Task,
    /// A project's id.
    Project,
    /// An id of any kind that is not a UUID (not a domain that the catalog may name).
    #[serde(skip)]
    Id,
}

impl KeyDomain {
    /// The domain's name in the catalog.
    pub fn name(self) -> &'static str {
        match self {
            KeyDomain::Crew => "crew",
            KeyDomain::Agent => "agent",
            KeyDomain::Task => "task",
            KeyDomain::Project => "project",
            KeyDomain::Id => "id",
        }
    }
}

/// How long a text may be, and how many of them a list may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLimit {
    /// The longest text, in characters. 0 admits none but the empty text.
    pub max_length: usize,
    /// `Some` makes the column a list of at most this many texts.
    pub max_items: Option<usize>,
}

/// The rule that admission checks a value against: one for each column of the schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer {
        /// The least value admitted.
        min: i64,
        /// The greatest value admitted.
        max: i64,
    },
    /// A finite number; also for durations, in seconds.
    Double {
        /// The least value admitted.
        min: f64,
        /// The greatest value admitted.
        max: f64,
    },
    /// Microseconds since 1970 UTC.
    Timestamp,
    /// A UUID is kept as lower-case text, anything else becomes a keyed hash in [`KeyDomain::Id`]; `""` stays `""`.
    Id,
    /// Always a keyed hash; `""` stays `""`.
    Key(KeyDomain),
    /// [`crate::release_number`] of at most `max_length` characters.
    Version {
        /// The longest version, in characters.
        max_length: usize,
    },
    /// One of these values, exactly.
    Enum(Vec<String>),
    /// [`crate::is_token`] of at most `max_length` characters; longer ones are refused, not cut.
    Token(TextLimit),
    /// A built-in label from this project's own files.
    OwnWord(TextLimit),
    /// Scrubbed, then cut.
    FreeText(TextLimit),
    /// Cut; shared tier only.
    Content(TextLimit),
    /// A keyed hash that admission writes; no sender's text.
    Receipt,
}

impl Rule {
    /// The type of the column that holds the values.
    pub fn column_type(&self) -> ColumnType {
        match self {
            Rule::Boolean => ColumnType::Boolean,
            Rule::Integer { .. } => ColumnType::Integer,
            Rule::Double { .. } => ColumnType::Double,
            Rule::Timestamp => ColumnType::Timestamp,
            Rule::Id | Rule::Key(_) | Rule::Version { .. } | Rule::Enum(_) | Rule::Receipt => {
                ColumnType::Text
            }
            Rule::Token(limit)
            | Rule::OwnWord(limit)
            | Rule::FreeText(limit)
            | Rule::Content(limit) => match limit.max_items {
                Some(_) => ColumnType::TextList,
                None => ColumnType::Text,
            },
        }
    }
}

/// Whether `text` is an identifier: one or more ASCII letters, digits and `_ . : + / -`.
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:+/-".contains(&byte))
}

/// The public part of a release number, or `None` where `text` is not one.
///
/// A release number is groups of digits separated by dots, then any of the usual suffixes (`a1`, `rc2`, `.dev3`, `-beta.1`,
/// `.post1`). A local label after `+` is written by people: it is cut off.
pub fn release_number(text: &str) -> Option<&str> {
    let public = text.split_once('+').map_or(text, |(public, _local)| public);
    let is_release = public.bytes().next()?.is_ascii_digit()
        && public
            .split(['.', '-', '_'])
            .all(|part| is_release_part(part.as_bytes()));
    is_release.then_some(public)
}

/// Digits; or digits (or none), a known suffix, digits (or none).
fn is_release_part(part: &[u8]) -> bool {
    const SUFFIXES: [&str; 12] = [
        "a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "dev", "post", "nightly", "final",
    ];
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let letters_from = part.iter().position(|byte| !is_digit(byte));
    let Some(start) = letters_from else {
        return !part.is_empty();
    };
    let letters = part[start..].iter().take_while(|byte| !is_digit(byte));
    let end = start + letters.count();
    SUFFIXES
        .iter()
        .any(|suffix| part[start..end].eq_ignore_ascii_case(suffix.as_bytes()))
        && part[end..].iter().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_numbers_of_pypi_and_cargo_are_kept() {
        for version in [
            "1.15.30",
            "0.5.5",
            "3.13.0rc2",
            "3.12",
            "1.0.0a1",
            "1.0.0.dev3",
            "2.0.0-beta.1",
            "1.2.post1",
            "2026",
            "1.0.0-rc.1",
            "1.2rc",
        ] {
            assert_eq!(release_number(version), Some(version));
        }
    }

    #[test]
    fn a_local_label_is_cut_off() {
        assert_eq!(release_number("1.2.3+acme.internal"), Some("1.2.3"));
        assert_eq!(release_number("3.12.4+"), Some("3.12.4"));
    }

    #[test]
    fn other_text_is_no_release_number() {
        for text in [
            "", "v1", "latest", "1..2", "1.2.acme", "1.2 3", "+x", "1.", "a@b.c", "1.2-anna",
        ] {
            assert_eq!(release_number(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_token_has_no_spaces_and_only_ascii() {
        assert!(is_token("hooks:pre_model_call"));
        for text in ["", "two words", "ü", "a@b", "a?b", "a\n"] {
            assert!(!is_token(text), "{text:?}");
        }
    }
}
