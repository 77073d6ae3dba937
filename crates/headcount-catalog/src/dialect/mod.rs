//! Dialects: how a framework's spans map to the catalog's tables. One file of `catalog/dialects` each; adding a
//! framework is adding a file. The head of `catalog/dialects/crewai.yaml` describes the form.

mod file;
mod form;
mod kind_form;
mod pattern;
mod refusal_reason;
mod version;

pub use refusal_reason::RefusalReason;
pub use version::{RangeError, Version, VersionRange};

pub(crate) use form::{Attribute, Consent, Detailed, Each, Fact, Span, Unit};
pub(crate) use kind_form::{
    Kind as SpanKind, NamePlace, Patterns, Relation, Role, Sender, VersionOf, When,
};
pub(crate) use pattern::{Pattern, Template};

/// The name and the text of each dialect that is built into this program.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

/// How one framework's spans map to the catalog's tables, as its file says. Whether the catalog has those tables is
/// checked where [`crate::Admission`] is made.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub(crate) file: file::File,
}

/// Why a dialect cannot be used. `span` and `key` are where in the file.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// Not YAML, or not of the form that the head of `catalog/dialects/crewai.yaml` describes. The cause names the line.
    #[error(
        "the dialect cannot be read; see the head of catalog/dialects/crewai.yaml for the form"
    )]
    Form(#[from] Box<serde_saphyr::Error>),
    /// A span, an attribute or a constant that the catalog or the dialect itself contradicts.
    #[error("dialect `{framework}`, span `{span}`, `{key}`: {problem}")]
    Rule {
        /// The dialect's framework.
        framework: String,
        /// The span's name in the file; `common` for attributes of every span.
        span: String,
        /// The attribute or column.
        key: String,
        /// The problem and the way out.
        problem: String,
    },
}

impl Dialect {
    /// Reads a dialect's file.
    ///
    /// # Errors
    /// Not YAML of the form that the head of `catalog/dialects/crewai.yaml` describes.
    pub fn parse(yaml: &str) -> Result<Dialect, DialectError> {
        let file =
            serde_saphyr::from_str(yaml).map_err(|error| DialectError::Form(Box::new(error)))?;
        Ok(Dialect { file })
    }

    /// The dialects that are built into this program: every file of `catalog/dialects`.
    ///
    /// # Errors
    /// Never in a program whose tests passed: they read the same files.
    pub fn embedded() -> Result<Vec<Dialect>, DialectError> {
        let texts = EMBEDDED.iter().map(|(_, text)| text);
        texts.map(|text| Dialect::parse(text)).collect()
    }

    /// The files of the dialects that are built into this program: the name without its ending, and the text.
    pub fn embedded_files() -> &'static [(&'static str, &'static str)] {
        EMBEDDED
    }

    /// The framework's name, as rows carry it.
    pub fn framework(&self) -> &str {
        &self.file.framework
    }

    /// The names of the spans that the dialect knows, in the file's order; of one that tells spans apart by what they say, its kinds.
    pub fn span_names(&self) -> impl Iterator<Item = &str> {
        let spans = self.file.spans.iter().map(|(name, _)| name.as_str());
        spans.chain(self.file.kinds.iter().map(|(kind, _)| kind.as_str()))
    }
}
