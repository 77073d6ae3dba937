//! The inputs of the decision, read from this machine.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Inputs, Notice, SWITCHES, Switch, Word, notice};
use crate::folders::{self, Folders};

/// Who asks whether it may send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'s> {
    pub(crate) framework: &'s str,
    pub(crate) version: &'s str,
    /// The mark of the collector that it sends to, if there is one.
    pub(crate) collector: Option<&'s str>,
}

/// What decides besides code, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    switches: Vec<(String, Switch)>,
    system: (String, Word),
    personal: (String, Word),
    closed_folder: Option<String>,
    gone: bool,
    shown: bool,
}

impl Surroundings {
    /// Reads the switches through `variable`, then the files. With a switch that says off, no file is looked at.
    pub(crate) fn read(
        variable: impl Fn(&str) -> Option<OsString>,
        own_switches: &[String],
        folders: &Folders,
        sender: Sender<'_>,
    ) -> Self {
        let names = SWITCHES
            .iter()
            .map(|name| (*name).to_owned())
            .chain(own_switches.iter().cloned());
        let switches: Vec<(String, Switch)> = names
            .map(|name| {
                let switch = Switch::read(variable(&name).as_deref());
                (name, switch)
            })
            .collect();
        let mut surroundings = Self {
            switches,
            system: (String::new(), Word::Absent),
            personal: (String::new(), Word::Absent),
            closed_folder: None,
            gone: false,
            shown: false,
        };
        if surroundings
            .switches
            .iter()
            .all(|(_, switch)| matches!(switch, Switch::Silent | Switch::No))
        {
            surroundings.read_files(folders, sender);
        }
        surroundings
    }

    /// Reads the files again; the switches stay as they were.
    pub(crate) fn read_files(&mut self, folders: &Folders, sender: Sender<'_>) {
        let read = |path: PathBuf| (path.display().to_string(), read_file(&path));
        let silent = || (String::new(), Word::Absent);
        self.system = folders.system_consent().map_or_else(silent, read);
        // Off in one of them is off.
        let personal = folders.consents().map(read);
        self.personal = personal
            .max_by_key(|(_, word)| strictness(*word))
            .unwrap_or_else(silent);
        let Some(folder) = folders.framework(sender.framework) else {
            return;
        };
        self.closed_folder = folders::is_closed(&folder).then(|| folder.display().to_string());
        self.gone = sender
            .collector
            .is_some_and(|collector| is_gone(&gone(&folder, collector), sender.version));
        self.shown = notice::was_shown(&folder);
    }

    /// Whether the person's word or the administrator's is off, and that was looked at.
    pub(crate) fn is_off_in_a_file(&self) -> bool {
        let words = [self.system.1, self.personal.1];
        words
            .into_iter()
            .any(|word| !matches!(word, Word::Absent | Word::On))
    }

    pub(crate) fn inputs(&self, off_in_code: bool, told: bool, just_shown: bool) -> Inputs<'_> {
        let switches = self.switches.iter();
        Inputs {
            switches: switches
                .map(|(name, switch)| (name.as_str(), *switch))
                .collect(),
            system_file: (&self.system.0, self.system.1),
            personal_file: (&self.personal.0, self.personal.1),
            off_in_code,
            closed_folder: self.closed_folder.as_deref(),
            gone: self.gone,
            notice: match (told, just_shown, self.shown) {
                (true, _, _) => Notice::ByFramework,
                (_, true, _) => Notice::JustShown,
                (_, _, true) => Notice::Shown,
                _ => Notice::NotYet,
            },
        }
    }
}

/// In a framework's folder begins a file's name with this and ends with a collector's mark: it names the versions to which that
/// collector answered 410, a line each.
pub(crate) const GONE: &str = "gone-";

/// In a framework's folder: how many versions it names at most.
const MOST_GONE: usize = 32;

/// Whether a collector wants no more of `version`: a file that cannot be read may name any.
fn is_gone(path: &Path, version: &str) -> bool {
    match folders::read(path, 4_096).map(String::from_utf8) {
        Ok(Ok(text)) => text.lines().any(|line| line.trim() == version),
        Ok(Err(_)) => true,
        Err(error) => !is_absence(&error),
    }
}

fn gone(folder: &Path, collector: &str) -> PathBuf {
    folder.join(format!("{GONE}{collector}"))
}

/// Notes that a collector wants no more of `version`, beside the other versions of which that is known. Best effort.
pub(crate) fn note_gone(folder: &Path, collector: &str, version: &str) {
    let path = gone(folder, collector);
    let text = folders::read_text(&path);
    let others = text.lines().filter(|line| line.trim() != version);
    let mut versions: Vec<&str> = others.collect();
    versions.push(version);
    let first = versions.len().saturating_sub(MOST_GONE);
    let text = versions[first..].join("\n") + "\n";
    let _best_effort = folders::replace(&path, text.as_bytes());
}

fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Which of two words counts.
fn strictness(word: Word) -> u8 {
    match word {
        Word::Absent => 0,
        Word::On => 1,
        Word::Off => 2,
        Word::Unclear => 3,
        Word::Unreadable => 4,
    }
}

/// The first word of a file decides; what follows is for people.
pub(crate) fn read_file(path: &Path) -> Word {
    let bytes = match folders::read(path, 4_096) {
        Ok(bytes) => bytes,
        // A link that leads nowhere is there: its other end, on a volume that is missing, may say off.
        Err(error) if is_absence(&error) && std::fs::symlink_metadata(path).is_err() => {
            return Word::Absent;
        }
        Err(_) => return Word::Unreadable,
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Word::Unreadable;
    };
    match text.split_whitespace().next() {
        Some(word) if word.eq_ignore_ascii_case("on") => Word::On,
        Some(word) if word.eq_ignore_ascii_case("off") => Word::Off,
        _ => Word::Unclear,
    }
}

/// Begins a line of the person's file that says on: an off came before it, and ended then.
pub(crate) const OFF_UNTIL: &str = "off until ";

/// Until when, in milliseconds since 1970 UTC, the person's last off counted, as far as a file tells: what was recorded
/// before that does not leave, though she has said on since.
pub(crate) fn last_off(folders: &Folders) -> Option<u64> {
    let texts = folders.consents().map(|path| folders::read_text(&path));
    let untils = texts.filter_map(|text| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            let until = line.strip_prefix(OFF_UNTIL)?;
            until.split_whitespace().next()?.parse::<u64>().ok()
        })
    });
    untils.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_off_is_known_after_an_on() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders {
            settings: vec![folder.path().to_owned()],
            ..Folders::default()
        };
        assert_eq!(last_off(&folders), None);
        let text =
            "on since 2026-03-02T09:15:05Z\noff until 1772442904000 (2026-03-02T09:15:04Z)\n";
        std::fs::write(folder.path().join("consent"), text).unwrap();
        assert_eq!(last_off(&folders), Some(1_772_442_904_000));
        assert_eq!(read_file(&folder.path().join("consent")), Word::On);
    }

    #[test]
    fn a_file_says_on_or_off_or_counts_as_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consent");
        assert_eq!(read_file(&path), Word::Absent);
        for (text, word) in [
            ("on\n", Word::On),
            ("OFF since 2026", Word::Off),
            ("", Word::Unclear),
            ("maybe", Word::Unclear),
            ("on\u{0}", Word::Unclear),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_file(&path), word, "{text:?}");
        }
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_file(&path), Word::Unreadable);
        assert_eq!(read_file(folder.path()), Word::Unreadable);
    }

    #[test]
    fn versions_side_by_side_are_gone_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let path = gone(folder.path(), "00112233");
        assert!(!is_gone(&path, "1"));
        for version in ["1", "2", "1", ""] {
            note_gone(folder.path(), "00112233", version);
        }
        assert!(is_gone(&path, "1") && is_gone(&path, "2") && is_gone(&path, ""));
        assert!(!is_gone(&path, "3"));
        for version in 10..100 {
            note_gone(folder.path(), "00112233", &version.to_string());
        }
        assert!(is_gone(&path, "99") && !is_gone(&path, "2"));
        assert!(!is_gone(&gone(folder.path(), "44556677"), "99"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consent");
        std::os::unix::fs::symlink(folder.path().join("missing"), &path).unwrap();
        assert_eq!(read_file(&path), Word::Unreadable);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_a_file_is_off_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consent");
        let made = std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        assert_eq!(read_file(&path), Word::Unreadable);
    }
}
