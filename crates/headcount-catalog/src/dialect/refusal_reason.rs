//! The reasons for not keeping something that a sender sent.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal;)*) => {
        /// The reason for not keeping something: the column `reason` of the table `refusals`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum RefusalReason {
            $($(#[doc = $doc])* $name,)*
        }

        impl RefusalReason {
            /// Every reason.
            pub const ALL: [RefusalReason; [$($word),*].len()] = [$(RefusalReason::$name),*];

            /// The reason's name in the table `refusals` and in dialects.
            pub fn name(self) -> &'static str {
                match self {
                    $(RefusalReason::$name => $word,)*
                }
            }

            /// The reason in a sentence.
            pub fn description(self) -> &'static str {
                let text = match self {
                    $(RefusalReason::$name => concat!($($doc),*),)*
                };
                text.trim_start()
            }
        }
    };
}

reasons! {
    /// No dialect knows the sender's service or scope; the whole span.
    UnknownFramework = "unknown_framework";
    /// The dialect does not know the span's name; the whole span.
    UnknownSpan = "unknown_span";
    /// The dialect does not know the attribute, or the member of a JSON object.
    UnknownAttribute = "unknown_attribute";
    /// The span's bytes are not a span; the whole span.
    MalformedSpan = "malformed_span";
    /// The span begins before 2023 or more than a day after it arrived; the whole span.
    TimeOutOfRange = "time_out_of_range";
    /// The span ends before it begins; its end and duration.
    EndBeforeStart = "end_before_start";
    /// A key that the span already had; the first value counts.
    DuplicateKey = "duplicate_key";
    /// A value of another type than the catalog's.
    WrongType = "wrong_type";
    /// A number beyond the catalog's limits.
    OutOfRange = "out_of_range";
    /// A value that is not in the catalog's enum.
    NotInVocabulary = "not_in_vocabulary";
    /// A text that is not of the catalog's form (a token, a version) or longer than it may be.
    MalformedText = "malformed_text";
    /// JSON in a string that was cut or is invalid; everything complete before that is kept.
    TruncatedJson = "truncated_json";
    /// A list longer than the catalog allows; its beginning is kept.
    TooManyItems = "too_many_items";
    /// Content of a crew that is not proven to share itself (promise 2).
    WithoutConsent = "without_consent";
    /// A second report of the same event, by releases that send it twice; the whole span.
    Repeated = "repeated";
    /// Known, harmless and of no use to the catalog's purposes, or a duplicate of what is kept.
    NotNeeded = "not_needed";
    /// Content that the catalog has no place for, in either tier.
    Content = "content";
    /// Names the machine or what runs on it.
    Machine = "machine";
    /// A network address.
    Address = "address";
    /// Names of a builder's own methods.
    MethodNames = "method_names";
    /// Entries of a free dictionary that a user filled.
    UserMetadata = "user_metadata";
}

impl RefusalReason {
    /// Whether the sender is told (`docs/formats/http.md`) of anything that was lost, or must not be sent. Attributes that a
    /// framework sends with every span and nobody misses are left out: a warning at each export would hide the others.
    pub fn is_told(self) -> bool {
        !matches!(self, RefusalReason::NotNeeded | RefusalReason::Repeated)
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for RefusalReason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        RefusalReason::ALL
            .into_iter()
            .find(|reason| reason.name() == word)
            .ok_or_else(|| serde::de::Error::custom(unknown(&word)))
    }
}

/// The text of the error. Not part of the generic function, and without an array of names: unrolled and inlined there, it kept
/// LLVM's constraint elimination busy for minutes.
#[cold]
#[inline(never)]
fn unknown(word: &str) -> String {
    let mut text = format!("`{word}` is not a reason; the reasons are: ");
    for (index, reason) in RefusalReason::ALL.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(reason.name());
    }
    text
}
