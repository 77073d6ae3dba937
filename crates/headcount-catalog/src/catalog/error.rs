//! Errors of reading a catalog.

/// The format of the file that this code reads.
pub(super) const VERSION: u32 = 1;

/// The reasons why a text is not a catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not YAML, or not of the shape that the file's header describes. The cause names the line.
    #[error("the catalog cannot be read; see the header of catalog/crew.yaml for its form")]
    Form(#[from] Box<serde_saphyr::Error>),
    /// A format that this program does not know.
    #[error("the catalog has version {found}; this program reads version {VERSION}")]
    Version {
        /// The version that the file states.
        found: u32,
    },
    /// A field whose kind cannot be enforced as it is written.
    #[error("catalog category `{category}`, field `{field}`: {rule}")]
    Field {
        /// The category's id.
        category: String,
        /// The field's name.
        field: String,
        /// The rule that it breaks.
        rule: FieldRule,
    },
    /// More tables, or more columns in a table, than a row can name.
    #[error("the catalog has more than 255 tables, or a table of more than 256 columns")]
    TooLarge,
}

/// Rules without which a field's values cannot be checked. A catalog that breaks one is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldRule {
    /// An `enum` without values admits nothing.
    #[error("an enum names its `values`")]
    EnumWithoutValues,
    /// A `key` without a domain would compare equal to keys of other things.
    #[error("a key names its `domain`: crew, agent, task or project")]
    KeyWithoutDomain,
    /// A number's limits are not numbers that the column can hold.
    #[error("`min` and `max` of an integer are whole numbers of 64 bits")]
    IntegerLimits,
}
