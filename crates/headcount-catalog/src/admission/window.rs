//! Memory of admission from one request to the next, bounded and never on disk: which version a crew's
//! spans have, whether the crew is proven to share itself, which reports of an event were paired, and which roles the spans inside
//! a span have that is yet to come.
//!
//! Crew and task ids are kept as hashes with a random key of this process. After a restart, or when more
//! crews than fit have passed, the memory is gone: a version is then absent and content is refused, never the reverse.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use super::inner::Inner;
use crate::record::Fingerprint;

/// The number of crews (and of paired events) that are remembered: between one and two times this many thousands.
const GENERATION: usize = 65_536;
const SHARDS: usize = 16;

/// A version of at most 31 bytes; a longer one, which no known release has, is as good as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct VersionText {
    length: u8,
    bytes: [u8; 31],
}

impl VersionText {
    pub(super) fn new(text: &str) -> Self {
        let mut version = Self::default();
        if let Some(bytes) = version.bytes.get_mut(..text.len()) {
            bytes.copy_from_slice(text.as_bytes());
            version.length = text.len() as u8;
        }
        version
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        let bytes = &self.bytes[..usize::from(self.length)];
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn is_none(&self) -> bool {
        self.length == 0
    }
}

/// The facts about a crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CrewFacts {
    pub(super) version: VersionText,
    pub(super) runtime_version: VersionText,
    pub(super) shares: bool,
}

impl CrewFacts {
    /// Fills the unknown facts from `other`.
    pub(super) fn merge(&mut self, other: &CrewFacts) {
        if self.version.is_none() {
            self.version = other.version;
        }
        if self.runtime_version.is_none() {
            self.runtime_version = other.runtime_version;
        }
        self.shares |= other.shares;
    }
}

/// A crew, or an event, of one dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity(u64);

#[derive(Debug)]
pub(super) struct Window {
    hasher: RandomState,
    crews: Generations<CrewFacts>,
    pairs: Generations<Pair>,
    /// What is inside spans that are yet to come.
    inner: Generations<Inner>,
}

/// A report that was kept, and the repetition of it that was dropped.
#[derive(Debug, Clone, Copy)]
struct Pair {
    start_us: i64,
    kept: Fingerprint,
    dropped: Option<Fingerprint>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            crews: Generations::new(),
            pairs: Generations::new(),
            inner: Generations::new(),
        }
    }

    pub(super) fn identity(&self, parts: impl Hash) -> Identity {
        Identity(self.hasher.hash_one(parts))
    }

    pub(super) fn crew(&self, crew: Identity) -> Option<CrewFacts> {
        self.crews.with(crew, |entries| entries.get(crew).copied())
    }

    pub(super) fn learn(&self, crew: Identity, facts: &CrewFacts) {
        self.crews.with(crew, |entries| match entries.get(crew) {
            Some(known) => known.merge(facts),
            None => entries.insert(crew, *facts),
        });
    }

    /// A hash of a name, for comparison with another one.
    pub(super) fn name_hash(&self, name: &str) -> u32 {
        self.hasher.hash_one(name) as u32
    }

    /// What earlier requests said is inside a span.
    pub(super) fn inner(&self, span: Identity) -> Inner {
        let found = self.inner.with(span, |entries| entries.get(span).copied());
        found.unwrap_or_default()
    }

    /// Remembers what is inside a span.
    pub(super) fn learn_inner(&self, span: Identity, inner: &Inner) {
        self.inner.with(span, |entries| match entries.get(span) {
            Some(known) => known.merge(inner),
            None => entries.insert(span, *inner),
        });
    }

    /// Whether this report repeats an earlier one: the second of a pair that began at most `within_us` apart. The third
    /// is a new event again. A report that is sent again gets the same answer as before.
    pub(super) fn is_repetition(
        &self,
        event: Identity,
        start_us: i64,
        fingerprint: Fingerprint,
        within_us: i64,
    ) -> bool {
        self.pairs.with(event, |entries| {
            if let Some(pair) = entries.get(event) {
                if pair.kept == fingerprint {
                    return false;
                }
                if let Some(dropped) = pair.dropped {
                    if dropped == fingerprint {
                        return true;
                    }
                } else if start_us.abs_diff(pair.start_us) <= within_us.unsigned_abs() {
                    pair.dropped = Some(fingerprint);
                    return true;
                }
            }
            let pair = Pair {
                start_us,
                kept: fingerprint,
                dropped: None,
            };
            entries.insert(event, pair);
            false
        })
    }
}

/// A map of bounded size: when the young half is full, the old half goes.
#[derive(Debug)]
struct Generations<T> {
    shards: Vec<Mutex<Halves<T>>>,
}

#[derive(Debug)]
struct Halves<T> {
    young: HashMap<Identity, T>,
    old: HashMap<Identity, T>,
}

impl<T: Copy> Generations<T> {
    fn new() -> Self {
        let halves = || Halves {
            young: HashMap::new(),
            old: HashMap::new(),
        };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(halves())).collect(),
        }
    }

    fn with<R>(&self, identity: Identity, act: impl FnOnce(&mut Halves<T>) -> R) -> R {
        let shard = &self.shards[(identity.0 >> 32) as usize % SHARDS];
        // A panic elsewhere leaves the map intact; a lost entry would only cost versions.
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Copy> Halves<T> {
    fn get(&mut self, identity: Identity) -> Option<&mut T> {
        if !self.young.contains_key(&identity) {
            let found = *self.old.get(&identity)?;
            self.insert(identity, found);
        }
        self.young.get_mut(&identity)
    }

    fn insert(&mut self, identity: Identity, value: T) {
        if self.young.len() >= GENERATION / SHARDS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(identity, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_four_reports_the_second_and_the_fourth_are_repetitions() {
        let window = Window::new();
        let event = window.identity("task");
        let answers = [1, 2, 3, 4].map(|report| {
            window.is_repetition(event, report * 1_000, Fingerprint(report as u64), 5_000_000)
        });
        assert_eq!(answers, [false, true, false, true]);
    }

    #[test]
    fn a_report_that_is_sent_again_gets_the_same_answer() {
        let window = Window::new();
        let event = window.identity("task");
        for _ in 0..3 {
            assert!(!window.is_repetition(event, 0, Fingerprint(1), 5_000_000));
            assert!(window.is_repetition(event, 9, Fingerprint(2), 5_000_000));
        }
    }

    #[test]
    fn reports_far_apart_are_two_events() {
        let window = Window::new();
        let event = window.identity("task");
        assert!(!window.is_repetition(event, 0, Fingerprint(1), 5_000_000));
        assert!(!window.is_repetition(event, 5_000_001, Fingerprint(2), 5_000_000));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let window = Window::new();
        for crew in 0..4 * GENERATION {
            window.learn(window.identity(crew), &CrewFacts::default());
        }
        let kept = (0..4 * GENERATION).filter(|crew| window.crew(window.identity(crew)).is_some());
        assert!(kept.count() <= 2 * GENERATION);
    }
}
