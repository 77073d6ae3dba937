//! One value: as it was sent, and as the catalog's rule lets it be stored.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use headcount_wire::Value;
use headcount_wire::uuid::is_uuid;

use super::program::{SlotRule, Take};
use crate::dialect::{RefusalReason, Version};
use crate::rule::{KeyDomain, Rule, TextLimit, is_token, release_number};
use crate::secret::{KeyHash, Secret};
use headcount_scrub::Scrubber;

/// The longest version that is read, in characters.
pub(super) const VERSION_LENGTH: usize = 31;

/// A value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw<'a> {
    /// Nothing, or `null`: not a value, so that nothing is counted.
    Absent,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(Cow<'a, str>),
    /// The texts are in [`Texts::raw`]; the list may have held other values, too.
    List {
        has_others: bool,
    },
    /// An object, bytes, or an unexpected list.
    Other,
}

/// A value as it may be stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clean<'a> {
    Absent,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Hash(KeyHash),
    /// Positions in [`Texts::clean`].
    List(std::ops::Range<usize>),
}

/// The texts of lists.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    pub(super) raw: Vec<Cow<'a, str>>,
    pub(super) clean: Vec<Cow<'a, str>>,
}

/// Applies rules. Shared by all threads.
#[derive(Debug)]
pub(super) struct Cleaner {
    secret: Secret,
    scrubber: Scrubber,
    known_clean: KnownClean,
}

impl Cleaner {
    pub(super) fn new(secret: Secret) -> Self {
        Self {
            secret,
            scrubber: Scrubber::new(),
            known_clean: KnownClean::new(),
        }
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Applies the slot's rule to `raw`. A refusal of the value or a part of it is reported to `refuse`.
    pub(super) fn clean<'a>(
        &self,
        take: &Take,
        slot: &SlotRule,
        raw: Raw<'a>,
        texts: &mut Texts<'a>,
        refuse: &mut impl FnMut(RefusalReason),
    ) -> Clean<'a> {
        let cleaned = match (&slot.rule, raw) {
            (_, Raw::Absent) => return Clean::Absent,
            (_, Raw::Text(text)) if take.absent_if.iter().any(|none| *none == text) => {
                return Clean::Absent;
            }
            (
                Rule::FreeText(limit)
                | Rule::Content(limit)
                | Rule::Token(limit)
                | Rule::OwnWord(limit),
                raw,
            ) if limit.max_items.is_some() => {
                return self.clean_list(&slot.rule, limit, &raw, texts, refuse);
            }
            (Rule::Boolean, raw) => read_boolean(&raw).map(Clean::Boolean),
            (&Rule::Integer { min, max }, raw) => read_integer(&raw).and_then(|value| {
                let in_range = (min..=max).contains(&value);
                in_range
                    .then_some(Clean::Integer(value))
                    .ok_or(RefusalReason::OutOfRange)
            }),
            (&Rule::Double { min, max }, raw) => read_double(&raw).and_then(|value| {
                let value = if take.milliseconds {
                    value / 1e3
                } else {
                    value
                };
                let in_range = (min..=max).contains(&value);
                in_range
                    .then_some(Clean::Double(value))
                    .ok_or(RefusalReason::OutOfRange)
            }),
            (rule, Raw::Text(text)) => self.clean_text(rule, text),
            _ => Err(RefusalReason::WrongType),
        };
        cleaned.unwrap_or_else(|reason| {
            refuse(reason);
            Clean::Absent
        })
    }

    fn clean_text<'a>(&self, rule: &Rule, text: Cow<'a, str>) -> Result<Clean<'a>, RefusalReason> {
        match rule {
            Rule::Id if text.is_empty() || is_uuid(text.as_bytes()) => Ok(Clean::Text(lower(text))),
            Rule::Id => Ok(Clean::Hash(self.secret.key(KeyDomain::Id, &text))),
            Rule::Key(_) if text.is_empty() => Ok(Clean::Text(text)),
            Rule::Key(domain) => Ok(Clean::Hash(self.secret.key(*domain, &text))),
            Rule::Version { max_length } => clean_version(text, *max_length).map(Clean::Text),
            Rule::Enum(words) if words.iter().any(|word| *word == text) => Ok(Clean::Text(text)),
            Rule::Enum(_) => Err(RefusalReason::NotInVocabulary),
            Rule::Token(limit)
                if text.is_empty() || fits_token(&text, limit) && self.is_harmless(&text) =>
            {
                Ok(Clean::Text(text))
            }
            Rule::Token(_) => Err(RefusalReason::MalformedText),
            Rule::FreeText(limit) => Ok(Clean::Text(self.free_text(text, limit))),
            Rule::Content(limit) => Ok(Clean::Text(cut(text, limit.max_length))),
            // A sender may not write it.
            Rule::OwnWord(_) | Rule::Timestamp | Rule::Receipt => Err(RefusalReason::WrongType),
            Rule::Boolean | Rule::Integer { .. } | Rule::Double { .. } => {
                Err(RefusalReason::WrongType)
            }
        }
    }

    fn clean_list<'a>(
        &self,
        rule: &Rule,
        limit: &TextLimit,
        raw: &Raw<'a>,
        texts: &mut Texts<'a>,
        refuse: &mut impl FnMut(RefusalReason),
    ) -> Clean<'a> {
        let &Raw::List { has_others } = raw else {
            refuse(RefusalReason::WrongType);
            return Clean::Absent;
        };
        if has_others {
            refuse(RefusalReason::WrongType);
            if texts.raw.is_empty() {
                // Not the empty list, which is a value of its own.
                return Clean::Absent;
            }
        }
        let start = texts.clean.len();
        let most = limit.max_items.unwrap_or(0);
        if texts.raw.len() > most {
            refuse(RefusalReason::TooManyItems);
        }
        for text in texts.raw.iter().take(most) {
            match self.clean_text(rule, text.clone()) {
                Ok(Clean::Text(text)) => texts.clean.push(text),
                Ok(_) => {}
                Err(reason) => refuse(reason),
            }
        }
        Clean::List(start..texts.clean.len())
    }

    /// A framework's or runtime's name; `None` where the value is empty. Looks at no more of the text than the rule allows.
    pub(super) fn read_name<'a>(
        &self,
        rule: &Rule,
        value: Value<'a>,
    ) -> Result<Option<&'a str>, RefusalReason> {
        match (rule, value) {
            (_, Value::Empty | Value::String("")) => Ok(None),
            (Rule::Enum(words), Value::String(text)) => {
                match words.iter().any(|word| *word == text) {
                    true => Ok(Some(text)),
                    false => Err(RefusalReason::NotInVocabulary),
                }
            }
            (Rule::Token(limit), Value::String(text)) => {
                match fits_token(text, limit) && self.is_harmless(text) {
                    true => Ok(Some(text)),
                    false => Err(RefusalReason::MalformedText),
                }
            }
            _ => Err(RefusalReason::WrongType),
        }
    }

    /// Whether the scrubber would remove nothing. A token is not scrubbed: half of an identifier is not an identifier.
    fn is_harmless(&self, token: &str) -> bool {
        if headcount_scrub::is_plain(token) || self.known_clean.contains(token) {
            return true;
        }
        let is_harmless = self.scrubber.scrub(token, token.len()).found.is_empty();
        if is_harmless {
            self.known_clean.insert(token);
        }
        is_harmless
    }

    fn free_text<'a>(&self, text: Cow<'a, str>, limit: &TextLimit) -> Cow<'a, str> {
        if text.len() <= limit.max_length && self.known_clean.contains(&text) {
            return text;
        }
        let kept = match self.scrubber.scrub(&text, limit.max_length).text {
            Cow::Owned(scrubbed) => return Cow::Owned(scrubbed),
            // The beginning of the text, not of a marker that replaces it.
            Cow::Borrowed(kept) if text.starts_with(kept) => kept.len(),
            Cow::Borrowed(marker) => return Cow::Owned(marker.to_owned()),
        };
        if kept == text.len() {
            self.known_clean.insert(&text);
        }
        shorten(text, kept)
    }
}

/// The public part of a version that can be compared. Looks at no more of the text than a version may have: a resource's
/// is read again for each of its spans.
pub(super) fn clean_version(
    text: Cow<'_, str>,
    max_length: usize,
) -> Result<Cow<'_, str>, RefusalReason> {
    let label = text
        .bytes()
        .take(max_length + 1)
        .position(|byte| byte == b'+');
    let length = label.unwrap_or(text.len());
    let is_version = length <= max_length
        && release_number(&text[..length]).is_some_and(|text| Version::parse(text).is_some());
    if !is_version {
        return Err(RefusalReason::MalformedText);
    }
    Ok(shorten(text, length))
}

fn read_boolean(raw: &Raw<'_>) -> Result<bool, RefusalReason> {
    match raw {
        Raw::Boolean(value) => Ok(*value),
        Raw::Text(text) => match text.as_ref() {
            "true" | "True" => Ok(true),
            "false" | "False" => Ok(false),
            _ => Err(RefusalReason::WrongType),
        },
        _ => Err(RefusalReason::WrongType),
    }
}

fn read_integer(raw: &Raw<'_>) -> Result<i64, RefusalReason> {
    let whole = |value: f64| {
        // Beyond 2^53 a double no longer says which integer was meant.
        let is_whole = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
        is_whole
            .then_some(value as i64)
            .ok_or(RefusalReason::WrongType)
    };
    match raw {
        Raw::Integer(value) => Ok(*value),
        Raw::Double(value) => whole(*value),
        Raw::Text(text) => match text.trim().parse::<i64>() {
            Ok(value) => Ok(value),
            Err(_) => whole(read_double(raw)?),
        },
        _ => Err(RefusalReason::WrongType),
    }
}

fn read_double(raw: &Raw<'_>) -> Result<f64, RefusalReason> {
    match raw {
        Raw::Integer(value) => Ok(*value as f64),
        Raw::Double(value) => Ok(*value),
        Raw::Text(text) => text.trim().parse().map_err(|_| RefusalReason::WrongType),
        _ => Err(RefusalReason::WrongType),
    }
}

fn fits_token(text: &str, limit: &TextLimit) -> bool {
    text.len() <= limit.max_length && is_token(text)
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    text
}

/// At most `max` characters of `text`.
fn cut(text: Cow<'_, str>, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text;
    }
    let end = text
        .char_indices()
        .nth(max)
        .map_or(text.len(), |(end, _)| end);
    shorten(text, end)
}

fn shorten(text: Cow<'_, str>, length: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..length]),
        Cow::Owned(mut text) => {
            text.truncate(length);
            Cow::Owned(text)
        }
    }
}

/// Remembers the texts in which the scrubber found nothing, as hashes with a random key of this process. The same few roles,
/// tools and models occur again and again. A slot is simply overwritten, so memory is bounded.
#[derive(Debug)]
struct KnownClean {
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
}

impl KnownClean {
    const SLOTS: usize = 1 << 15;

    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            slots: (0..Self::SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Never zero, which is an empty slot.
    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text) | 1 << 63
    }

    fn slot(&self, hash: u64) -> &AtomicU64 {
        &self.slots[hash as usize % Self::SLOTS]
    }

    fn contains(&self, text: &str) -> bool {
        let hash = self.hash(text);
        // Relaxed: the value alone is the message.
        self.slot(hash).load(Ordering::Relaxed) == hash
    }

    fn insert(&self, text: &str) {
        let hash = self.hash(text);
        self.slot(hash).store(hash, Ordering::Relaxed);
    }
}
