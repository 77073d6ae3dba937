//! Why something that a sender sent is not kept.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// Why something is not kept: the column `reason` of the table `refusals`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: [Reason; [$($word),*].len()] = [$(Reason::$name),*];

            /// The reason's word in the table `refusals` and in dialects.
            pub fn name(self) -> &'static str {
                match self {
                    $(Reason::$name => $word,)*
                }
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
    /// A word that is none of the catalog's.
    NotInVocabulary = "not_in_vocabulary";
    /// A text that is not of the catalog's form (a token, a version) or longer than it may be.
    MalformedText = "malformed_text";
    /// JSON in a string that was cut or is none; what was complete before that is kept.
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
    /// Whatever a user wrote into a free dictionary.
    UserMetadata = "user_metadata";
}

impl Reason {
    /// Whether the sender hears of it (`docs/formats/http.md`): whatever was lost, or must not be sent. Not what its
    /// framework sends with every span and nobody misses: a warning at each export would hide the others.
    pub fn is_told(self) -> bool {
        !matches!(self, Reason::NotNeeded | Reason::Repeated)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        Reason::ALL
            .into_iter()
            .find(|reason| reason.name() == word)
            .ok_or_else(|| {
                let all = Reason::ALL.map(Reason::name).join(", ");
                serde::de::Error::custom(format!("`{word}` is no reason; the reasons are: {all}"))
            })
    }
}
