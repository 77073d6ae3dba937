//! The consent setting of the user and of the administrator: a file that begins with `on` or `off`.

use std::io;
use std::path::{Path, PathBuf};

use crate::platform::{Folders, HOME_VARIABLE, clock, files};

/// The content of a consent file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ConsentSetting {
    /// There is no file.
    Absent,
    /// It begins with `on`.
    On,
    /// It begins with `off`.
    Off,
    /// It begins with anything else, or is empty.
    Unclear,
    /// It cannot be read.
    Unreadable,
}

impl ConsentSetting {
    /// Of several settings the strictest counts.
    pub(super) fn strictness(self) -> u8 {
        match self {
            ConsentSetting::Absent => 0,
            ConsentSetting::On => 1,
            ConsentSetting::Off => 2,
            ConsentSetting::Unclear => 3,
            ConsentSetting::Unreadable => 4,
        }
    }
}

/// Reads a consent file. Its first word decides; the rest is for people.
pub(crate) fn read_file(path: &Path) -> ConsentSetting {
    let bytes = match files::read(path, 4_096) {
        Ok(bytes) => bytes,
        // A dangling link counts as unreadable: its target, on a volume that is not mounted, may say off.
        Err(error) if files::is_absence(&error) && std::fs::symlink_metadata(path).is_err() => {
            return ConsentSetting::Absent;
        }
        Err(_) => return ConsentSetting::Unreadable,
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return ConsentSetting::Unreadable;
    };
    match text.split_whitespace().next() {
        Some(word) if word.eq_ignore_ascii_case("on") => ConsentSetting::On,
        Some(word) if word.eq_ignore_ascii_case("off") => ConsentSetting::Off,
        _ => ConsentSetting::Unclear,
    }
}

/// Begins a line of a file that says on: the end of the off before it.
const OFF_UNTIL: &str = "off until ";

/// The end of the user's last off, in milliseconds since 1970 UTC, if a file states it. Events recorded before it are never
/// sent, although telemetry is on again.
pub(crate) fn last_off(folders: &Folders) -> Option<u64> {
    let texts = folders.consents().map(|path| files::read_text(&path));
    let untils = texts.filter_map(|text| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            let until = line.strip_prefix(OFF_UNTIL)?;
            until.split_whitespace().next()?.parse::<u64>().ok()
        })
    });
    untils.max()
}

/// Writes the user's consent setting, which counts for every framework. `empty_spools` removes the events that wait: for an
/// off, and for an on that ends one.
///
/// # Errors
/// There is no folder for settings on this machine, or it is not writable.
pub(crate) fn save(folders: &Folders, is_on: bool, empty_spools: impl Fn()) -> io::Result<PathBuf> {
    let path = folders.consents().next().ok_or_else(|| {
        io::Error::other(format!(
            "no folder for settings; set HOME, or set {HOME_VARIABLE} to a folder of your choice"
        ))
    })?;
    let millis = clock::now_millis();
    let now = clock::utc(millis);
    if !is_on {
        let text = format!("off since {now}\n");
        let saved = files::replace_durably(&path, text.as_bytes());
        empty_spools();
        // On a full disk the removed events make room for the setting.
        saved.or_else(|_| files::replace_durably(&path, text.as_bytes()))?;
        return Ok(path);
    }
    // Events recorded before or during an off are never sent: neither those of a program that was running, nor those in a
    // folder that only its framework knows.
    let was_on = matches!(
        read_file(&path),
        ConsentSetting::On | ConsentSetting::Absent
    );
    let off_until = match was_on {
        true => last_off(folders),
        false => {
            empty_spools();
            Some(millis)
        }
    };
    let off = off_until.map(|until| {
        let time = clock::utc(until);
        format!("{OFF_UNTIL}{until} ({time})\n")
    });
    let text = format!("on since {now}\n{}", off.unwrap_or_default());
    files::replace_durably(&path, text.as_bytes())?;
    Ok(path)
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
        assert_eq!(
            read_file(&folder.path().join("consent")),
            ConsentSetting::On
        );
    }

    #[test]
    fn a_file_says_on_or_off_or_counts_as_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consent");
        assert_eq!(read_file(&path), ConsentSetting::Absent);
        for (text, word) in [
            ("on\n", ConsentSetting::On),
            ("OFF since 2026", ConsentSetting::Off),
            ("", ConsentSetting::Unclear),
            ("maybe", ConsentSetting::Unclear),
            ("on\u{0}", ConsentSetting::Unclear),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_file(&path), word, "{text:?}");
        }
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_file(&path), ConsentSetting::Unreadable);
        assert_eq!(read_file(folder.path()), ConsentSetting::Unreadable);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consent");
        std::os::unix::fs::symlink(folder.path().join("missing"), &path).unwrap();
        assert_eq!(read_file(&path), ConsentSetting::Unreadable);
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
        assert_eq!(read_file(&path), ConsentSetting::Unreadable);
    }
}
