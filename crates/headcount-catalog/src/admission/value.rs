//! One value: what the sender sent, and what the catalog's rule makes of it.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use headcount_wire::Value;

use super::program::{SlotRule, Take};
use crate::dialect::{Reason, Version};
use crate::rule::{KeyDomain, Rule, TextLimit, is_token, release_number};
use crate::secret::{KeyHash, Secret};
use headcount_scrub::Scrubber;

/// The longest list that a column may hold, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListLimit(pub(super) usize);

/// A value as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw<'a> {
    /// Nothing, or `null`: not a value, so that nothing is counted.
    Absent,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(Cow<'a, str>),
    /// The texts stand in [`Texts::raw`]; beside them there may have been something else.
    List {
        has_others: bool,
    },
    /// An object, bytes, a list where none is wanted.
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

    /// What `rule` makes of `raw`. What is refused, whole or in part, is reported to `refuse`.
    pub(super) fn clean<'a>(
        &self,
        take: &Take,
        slot: &SlotRule,
        raw: Raw<'a>,
        texts: &mut Texts<'a>,
        refuse: &mut impl FnMut(Reason),
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
                    .ok_or(Reason::OutOfRange)
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
                    .ok_or(Reason::OutOfRange)
            }),
            (rule, Raw::Text(text)) => self.clean_text(rule, text),
            _ => Err(Reason::WrongType),
        };
        cleaned.unwrap_or_else(|reason| {
            refuse(reason);
            Clean::Absent
        })
    }

    fn clean_text<'a>(&self, rule: &Rule, text: Cow<'a, str>) -> Result<Clean<'a>, Reason> {
        match rule {
            Rule::Id if text.is_empty() || is_uuid(&text) => Ok(Clean::Text(lower(text))),
            Rule::Id => Ok(Clean::Hash(self.secret.key(KeyDomain::Id, &text))),
            Rule::Key(_) if text.is_empty() => Ok(Clean::Text(text)),
            Rule::Key(domain) => Ok(Clean::Hash(self.secret.key(*domain, &text))),
            Rule::Version { max_length } => clean_version(text, *max_length).map(Clean::Text),
            Rule::Enum(words) if words.iter().any(|word| *word == text) => Ok(Clean::Text(text)),
            Rule::Enum(_) => Err(Reason::NotInVocabulary),
            Rule::Token(limit)
                if text.is_empty() || fits_token(&text, limit) && self.is_harmless(&text) =>
            {
                Ok(Clean::Text(text))
            }
            Rule::Token(_) => Err(Reason::MalformedText),
            Rule::FreeText(limit) => Ok(Clean::Text(self.free_text(text, limit))),
            Rule::Content(limit) => Ok(Clean::Text(cut(text, limit.max_length))),
            // Not a sender's to write.
            Rule::OwnWord(_) | Rule::Timestamp | Rule::Receipt => Err(Reason::WrongType),
            Rule::Boolean | Rule::Integer { .. } | Rule::Double { .. } => Err(Reason::WrongType),
        }
    }

    fn clean_list<'a>(
        &self,
        rule: &Rule,
        limit: &TextLimit,
        raw: &Raw<'a>,
        texts: &mut Texts<'a>,
        refuse: &mut impl FnMut(Reason),
    ) -> Clean<'a> {
        let &Raw::List { has_others } = raw else {
            refuse(Reason::WrongType);
            return Clean::Absent;
        };
        if has_others {
            refuse(Reason::WrongType);
            if texts.raw.is_empty() {
                // Not the empty list, which says that there is nothing.
                return Clean::Absent;
            }
        }
        let start = texts.clean.len();
        let most = limit.max_items.unwrap_or(0);
        if texts.raw.len() > most {
            refuse(Reason::TooManyItems);
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

    /// A framework's or runtime's name; `None` where the value says nothing. Looks at no more of the text than the rule allows.
    pub(super) fn read_name<'a>(
        &self,
        rule: &Rule,
        value: Value<'a>,
    ) -> Result<Option<&'a str>, Reason> {
        match (rule, value) {
            (_, Value::Empty | Value::String("")) => Ok(None),
            (Rule::Enum(words), Value::String(text)) => {
                match words.iter().any(|word| *word == text) {
                    true => Ok(Some(text)),
                    false => Err(Reason::NotInVocabulary),
                }
            }
            (Rule::Token(limit), Value::String(text)) => {
                match fits_token(text, limit) && self.is_harmless(text) {
                    true => Ok(Some(text)),
                    false => Err(Reason::MalformedText),
                }
            }
            _ => Err(Reason::WrongType),
        }
    }

    /// Whether the scrubber would take nothing out. A token is not scrubbed: half of a machine's word is no word.
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
            // A beginning of the text itself, as opposed to a marker that replaces it.
            Cow::Borrowed(kept) if text.starts_with(kept) => kept.len(),
            Cow::Borrowed(marker) => return Cow::Owned(marker.to_owned()),
        };
        if kept == text.len() {
            self.known_clean.insert(&text);
        }
        shorten(text, kept)
    }
}

/// What a mark says. Only a plain yes is one, since consent may hang on it (promise 2).
pub(super) fn read_mark(value: Value<'_>) -> Result<bool, Reason> {
    let is_one_of =
        |words: [&str; 4], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match value {
        Value::Boolean(value) => Ok(value),
        Value::Integer(1) => Ok(true),
        Value::Integer(0) | Value::Empty | Value::String("") => Ok(false),
        Value::String(text) if is_one_of(["true", "1", "yes", "on"], text) => Ok(true),
        Value::String(text) if is_one_of(["false", "0", "no", "off"], text) => Ok(false),
        _ => Err(Reason::WrongType),
    }
}

/// The public part of a version that can be compared. Looks at no more of the text than a version may have: a resource's
/// is read again for each of its spans.
pub(super) fn clean_version(text: Cow<'_, str>, max_length: usize) -> Result<Cow<'_, str>, Reason> {
    let label = text
        .bytes()
        .take(max_length + 1)
        .position(|byte| byte == b'+');
    let length = label.unwrap_or(text.len());
    let is_version = length <= max_length
        && release_number(&text[..length]).is_some_and(|text| Version::parse(text).is_some());
    if !is_version {
        return Err(Reason::MalformedText);
    }
    Ok(shorten(text, length))
}

fn read_boolean(raw: &Raw<'_>) -> Result<bool, Reason> {
    match raw {
        Raw::Boolean(value) => Ok(*value),
        Raw::Text(text) => match text.as_ref() {
            "true" | "True" => Ok(true),
            "false" | "False" => Ok(false),
            _ => Err(Reason::WrongType),
        },
        _ => Err(Reason::WrongType),
    }
}

fn read_integer(raw: &Raw<'_>) -> Result<i64, Reason> {
    let whole = |value: f64| {
        // Beyond 2^53 a double no longer says which integer was meant.
        let is_whole = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
        is_whole.then_some(value as i64).ok_or(Reason::WrongType)
    };
    match raw {
        Raw::Integer(value) => Ok(*value),
        Raw::Double(value) => whole(*value),
        Raw::Text(text) => match text.trim().parse::<i64>() {
            Ok(value) => Ok(value),
            Err(_) => whole(read_double(raw)?),
        },
        _ => Err(Reason::WrongType),
    }
}

fn read_double(raw: &Raw<'_>) -> Result<f64, Reason> {
    match raw {
        Raw::Integer(value) => Ok(*value as f64),
        Raw::Double(value) => Ok(*value),
        Raw::Text(text) => text.trim().parse().map_err(|_| Reason::WrongType),
        _ => Err(Reason::WrongType),
    }
}

fn fits_token(text: &str, limit: &TextLimit) -> bool {
    text.len() <= limit.max_length && is_token(text)
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
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

/// Remembers which texts the scrubber found nothing in, as hashes keyed with a number that dies with the process. The
/// same few roles, tools and models come again and again. A slot is simply overwritten: nothing grows.
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
