//! The crews of an order to erase, as an order keeps them: no value itself, but a hash of it under a key of the order's own.
//!
//! So the order can find the rows, in the store and in any copy of it, and names nobody to those who read it. What remains on disk of
//! an order that was carried out holds none of the values that it erased.

use std::hash::Hasher as _;

use hashbrown::{HashMap, HashSet};
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::crew_selection::{CrewSelection, is_hash, is_uuid};

/// A keyed hash of a value, 128 bits of SipHash-2-4: no row of a large store matches by accident.
pub(super) type Imprint = u128;

/// Stands for a run whose rows name no crew's key.
const NO_KEY: Imprint = 0;

/// The crews that an order names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrewNames {
    pub(super) hash_key: [u8; 16],
    pub(super) crew_keys: HashSet<Imprint>,
    pub(super) crew_ids: HashSet<Imprint>,
    pub(super) projects: HashSet<Imprint>,
    /// The runs of these crews: by the crew's id, the keys that rows with it name. They are found in the rows with a key or project, and
    /// find those without.
    runs: HashMap<Imprint, HashSet<Imprint>>,
}

/// A run of an order's crew: the imprints of its id, and of the key that a row with it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    id: Imprint,
    key: Imprint,
}

/// What a row says of its crew. A text that is empty counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct CrewOfRow<'a> {
    /// The crew's key.
    pub key: Option<&'a str>,
    /// The crew's id.
    pub id: Option<&'a str>,
    /// The project's key.
    pub project: Option<&'a str>,
}

/// The kind of a value, so that equal texts of two kinds have different imprints.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Key = b'k',
    Id = b'i',
    Project = b'p',
}

impl CrewNames {
    /// The crews of `selection`, whose runs are not known yet, under a new random key.
    ///
    /// # Errors
    ///
    /// The operating system gives no random bytes.
    pub fn new(selection: &CrewSelection) -> std::io::Result<Self> {
        let mut hash_key = [0; 16];
        getrandom::fill(&mut hash_key).map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut names = Self::empty(hash_key);
        let imprints = |kind, values: &[String]| -> HashSet<Imprint> {
            let values = values.iter();
            values
                .map(|value| imprint(&hash_key, kind, value))
                .collect()
        };
        names.crew_keys = imprints(Kind::Key, &selection.crew_keys);
        names.crew_ids = imprints(Kind::Id, &selection.crew_ids);
        names.projects = imprints(Kind::Project, &selection.projects);
        Ok(names)
    }

    pub(super) fn empty(hash_key: [u8; 16]) -> Self {
        Self {
            hash_key,
            crew_keys: HashSet::new(),
            crew_ids: HashSet::new(),
            projects: HashSet::new(),
            runs: HashMap::new(),
        }
    }

    /// Whether rows are found by a crew's key, and their runs by it.
    pub fn has_keys(&self) -> bool {
        !self.crew_keys.is_empty()
    }

    /// Whether rows are found by a project, and its runs by it.
    pub fn has_projects(&self) -> bool {
        !self.projects.is_empty()
    }

    /// Whether rows are found by their run.
    pub fn has_runs(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Whether a row may be found by its crew's id alone: among rows that all name a crew's key, or among rows of which some name none.
    pub fn needs_ids(&self, all_have_keys: bool) -> bool {
        let is_found_by_key = |keys: &HashSet<Imprint>| keys.is_subset(&self.crew_keys);
        !self.crew_ids.is_empty()
            || self.has_runs() && !(all_have_keys && self.runs.values().all(is_found_by_key))
    }

    /// Whether the order is for the row.
    pub fn matches(&self, row: CrewOfRow<'_>) -> bool {
        let key = self.imprint_of(Kind::Key, row.key, self.has_keys() || self.has_runs());
        if self.names_by_key_or_project(key, row.project) {
            return true;
        }
        let has_ids = self.has_runs() || !self.crew_ids.is_empty();
        let Some(id) = self.imprint_of(Kind::Id, row.id, has_ids) else {
            return false;
        };
        // A row that names another crew is that crew's, whatever its id: senders choose ids.
        self.crew_ids.contains(&id)
            || self
                .runs
                .get(&id)
                .is_some_and(|keys| key.is_none_or(|key| keys.contains(&key)))
    }

    /// The run of a row that the order finds by its key or project, unless it is known.
    pub fn unknown_run(&self, row: CrewOfRow<'_>) -> Option<Run> {
        let key = self.imprint_of(Kind::Key, row.key, true);
        if !self.names_by_key_or_project(key, row.project) {
            return None;
        }
        let id = self.imprint_of(Kind::Id, row.id, true)?;
        let key = key.unwrap_or(NO_KEY);
        let known = self.runs.get(&id);
        let is_known = known.is_some_and(|keys| key == NO_KEY || keys.contains(&key));
        (!is_known).then_some(Run { id, key })
    }

    /// Notes a run.
    pub fn note(&mut self, run: Run) {
        self.add_run(run.id, run.key);
    }

    fn names_by_key_or_project(&self, key: Option<Imprint>, project: Option<&str>) -> bool {
        let project = self.imprint_of(Kind::Project, project, self.has_projects());
        key.is_some_and(|key| self.crew_keys.contains(&key))
            || project.is_some_and(|project| self.projects.contains(&project))
    }

    pub(super) fn add_run(&mut self, id: Imprint, key: Imprint) {
        let keys = self.runs.entry(id).or_default();
        if key != NO_KEY {
            keys.insert(key);
        }
    }

    /// Each run's id with each of its keys, or with [`NO_KEY`].
    pub(super) fn runs(&self) -> impl Iterator<Item = (Imprint, Imprint)> {
        self.runs.iter().flat_map(|(id, keys)| {
            let none = keys.is_empty().then_some(NO_KEY);
            keys.iter().copied().chain(none).map(|key| (*id, key))
        })
    }

    /// The runs that are known.
    pub fn known_runs(&self) -> Vec<Run> {
        self.runs().map(|(id, key)| Run { id, key }).collect()
    }

    /// The number of runs that are known; one whose rows name several crews counts for each.
    pub fn run_count(&self) -> usize {
        self.runs.values().map(|keys| keys.len().max(1)).sum()
    }

    /// Whether a text is one of the values that the order names, of whatever kind.
    pub fn names(&self, text: &str) -> bool {
        self.selects(text) || self.has_run(text, None)
    }

    /// Whether a text is one of the keys, ids and projects that were selected, of whatever kind.
    pub fn selects(&self, text: &str) -> bool {
        let is_named = |kind, among: &HashSet<Imprint>| {
            !among.is_empty() && among.contains(&imprint(&self.hash_key, kind, text))
        };
        is_named(Kind::Key, &self.crew_keys)
            || is_named(Kind::Id, &self.crew_ids)
            || is_named(Kind::Project, &self.projects)
    }

    /// Whether `id` is that of a run which is known, and `key`, if there is one, that of a crew whose run it is.
    pub fn has_run(&self, id: &str, key: Option<&str>) -> bool {
        let id = self.imprint_of(Kind::Id, Some(id), self.has_runs());
        let Some(keys) = id.and_then(|id| self.runs.get(&id)) else {
            return false;
        };
        let key = self.imprint_of(Kind::Key, key, true);
        key.is_none_or(|key| keys.contains(&key))
    }

    /// The first place in `bytes`, which need not be whole records, where a value stands that the order names.
    pub fn find_in(&self, bytes: &[u8]) -> Option<usize> {
        let is_named = |text: &[u8]| std::str::from_utf8(text).is_ok_and(|text| self.names(text));
        (0..bytes.len()).find(|&at| {
            let digits = bytes[at..].iter().take(UUID);
            let digits = digits.take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'-');
            let length = digits.count();
            let text = |length| &bytes[at..at + length];
            let has_form = |length, is_one: fn(&str) -> bool| {
                std::str::from_utf8(text(length)).is_ok_and(is_one) && is_named(text(length))
            };
            length >= HASH && has_form(HASH, is_hash) || length == UUID && has_form(UUID, is_uuid)
        })
    }

    fn imprint_of(&self, kind: Kind, value: Option<&str>, is_needed: bool) -> Option<Imprint> {
        let value = value.filter(|value| is_needed && !value.is_empty())?;
        Some(imprint(&self.hash_key, kind, value))
    }
}

/// The digits of a keyed hash, and the characters of a UUID.
const HASH: usize = 16;
const UUID: usize = 36;

fn imprint(hash_key: &[u8; 16], kind: Kind, value: &str) -> Imprint {
    let mut hasher = SipHasher24::new_with_key(hash_key);
    hasher.write_u8(kind as u8);
    hasher.write(value.as_bytes());
    // 0 stands for no key.
    hasher.finish128().as_u128().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f0c9a52-7d41-4c8e-9b1f-52f6c0a7d913";

    fn names(keys: &[&str], ids: &[&str], projects: &[&str]) -> CrewNames {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        CrewNames::new(&CrewSelection {
            crew_keys: owned(keys),
            crew_ids: owned(ids),
            projects: owned(projects),
        })
        .unwrap()
    }

    fn row<'a>(key: &'a str, id: &'a str, project: &'a str) -> CrewOfRow<'a> {
        CrewOfRow {
            key: Some(key),
            id: Some(id),
            project: Some(project),
        }
    }

    #[test]
    fn a_key_finds_its_rows_and_those_of_its_runs_that_name_no_key() {
        let mut names = names(&["5d41a2c8e0b7f319"], &[], &[]);
        assert!(!names.matches(row("", ID, "")), "the run is not known yet");
        let run = names.unknown_run(row("5d41a2c8e0b7f319", ID, ""));
        names.note(run.unwrap());
        assert_eq!(names.unknown_run(row("5d41a2c8e0b7f319", ID, "")), None);
        assert_eq!(names.unknown_run(row("another", "its id", "")), None);
        assert_eq!(names.run_count(), 1);
        assert!(names.matches(row("5d41a2c8e0b7f319", "whatever", "")));
        assert!(names.matches(row("", ID, "")));
        assert!(
            !names.matches(row("another", ID, "")),
            "it is another crew's"
        );
        assert!(!names.matches(row("", "", "5d41a2c8e0b7f319")));
        assert!(!names.needs_ids(true) && names.needs_ids(false));
    }

    #[test]
    fn a_project_finds_the_runs_of_its_crews_and_not_those_of_other_projects() {
        let mut names = names(&[], &[], &["9b1c42d07e5af386"]);
        let run = names.unknown_run(row("5d41a2c8e0b7f319", ID, "9b1c42d07e5af386"));
        names.note(run.unwrap());
        assert!(names.matches(row("", "", "9b1c42d07e5af386")));
        assert!(names.matches(row("5d41a2c8e0b7f319", ID, "")));
        assert!(!names.matches(row("5d41a2c8e0b7f319", "another run", "")));
        assert!(!names.matches(row("another", ID, "")));
        assert!(names.needs_ids(true));
    }

    #[test]
    fn an_id_finds_its_rows_whatever_their_key() {
        let names = names(&[], &[ID], &[]);
        assert!(names.matches(row("any", ID, "")) && !names.matches(row(ID, "", ID)));
    }

    #[test]
    fn a_value_is_found_anywhere_in_bytes() {
        let names = names(&["5d41a2c8e0b7f319"], &[ID], &[]);
        let with = |text: &str| [b"\x10\xffa9", text.as_bytes(), b"0e"].concat();
        assert_eq!(names.find_in(&with(ID)), Some(4));
        assert_eq!(names.find_in(&with("5d41a2c8e0b7f319")), Some(4));
        assert_eq!(names.find_in(&with("5d41a2c8e0b7f31")), None);
        assert_eq!(names.find_in(b"5d41a2c8e0b7f319"), Some(0));
    }
}
