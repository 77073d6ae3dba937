//! The rules that a catalog may break.

/// A rule that the catalog breaks, and its place. `at` is `category.field`, or a table's or a category's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// Nobody can judge a collection without a purpose.
    #[error("category `{at}` states no purpose: fill in `why`")]
    CategoryWithoutPurpose {
        /// The category's id.
        at: String,
    },
    /// Neither the field nor its category states a purpose.
    #[error("`{at}` has no purpose: its `why` is empty, or neither it nor its category has one")]
    FieldWithoutPurpose {
        /// Category and field.
        at: String,
    },
    /// A text of any length can carry anything.
    #[error(
        "`{at}` is text without a limit: state `max_length`, and `max_items` of at least 1 for a list"
    )]
    TextWithoutLimit {
        /// Category and field.
        at: String,
    },
    /// Content is never collected by default.
    #[error("`{at}` is content in the default tier: move it to a category of the shared tier")]
    ContentInDefaultTier {
        /// Category and field.
        at: String,
    },
    /// The tiers have their own retention and access rights, so they never share a table.
    #[error("table `{at}` holds both tiers: give the shared category a table of its own")]
    TableOfBothTiers {
        /// The table's name.
        at: String,
    },
    /// Two fields would be one column.
    #[error("`{at}` occurs twice in table `{table}`: remove or rename one")]
    DuplicateName {
        /// Category and field of the second.
        at: String,
        /// The table.
        table: String,
    },
    /// Names that a reader confuses.
    #[error("table `{table}` has `{first}` and `{second}`, which look alike: rename one")]
    LookAlikeNames {
        /// The table.
        table: String,
        /// The name that comes first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A number means nothing without its unit.
    #[error("`{at}` is a number without a unit: state `unit` (`\"1\"` for a ratio)")]
    NumberWithoutUnit {
        /// Category and field.
        at: String,
    },
    /// A field that no report reads is not collected.
    #[error(
        "no report reads `{at}` of table `{table}`: use it in a report, say in `read_by` who reads it, or stop collecting it"
    )]
    UnusedField {
        /// Category and field.
        at: String,
        /// The table.
        table: String,
    },
    /// An example shows a reader what is meant.
    #[error("`{at}` has no `example` that fits its kind and limits")]
    NoFittingExample {
        /// Category and field.
        at: String,
    },
    /// The limits do not fit the kind.
    #[error("the limits of `{at}` contradict its kind: {what}")]
    Contradiction {
        /// Category and field.
        at: String,
        /// Which limits.
        what: &'static str,
    },
    /// A row that came with a receipt and has no column for it could not be erased.
    #[error("`{at}` is a receipt: set its `table` to `every_event_table`")]
    ReceiptElsewhere {
        /// Category and field.
        at: String,
    },
    /// Nobody can judge a change that is not written down.
    #[error(
        "the catalog collects something else than its last revision: add one to `history`, with the fingerprint {fingerprint}"
    )]
    ChangeWithoutRevision {
        /// The fingerprint of the catalog as it is.
        fingerprint: String,
    },
    /// A revision that a reader cannot follow.
    #[error("revision {at} of `history`: {what}")]
    UnclearRevision {
        /// The place of the revision, counted from 1.
        at: u32,
        /// The rule that it breaks.
        what: &'static str,
    },
    /// A list of switches that contradicts the order in which a client asks.
    #[error("the switch `{at}`: {what}")]
    UnclearSwitch {
        /// The switch's name.
        at: String,
        /// The rule that it breaks.
        what: &'static str,
    },
    /// Free text needs a statement on personal information.
    #[error("`{at}` does not say whether it may carry personal information: state `personal`")]
    PersonalNotStated {
        /// Category and field.
        at: String,
    },
}
