//! Versions of a framework that a collector no longer accepts (HTTP 410).

use std::path::{Path, PathBuf};

use crate::platform::files;

/// The prefix of a file in a framework's folder; a collector's mark follows. It lists the versions to which that collector
/// answered 410, one per line.
pub(crate) const GONE: &str = "gone-";

/// How many versions the file lists at most.
const MAX_VERSIONS: usize = 32;

/// Whether a collector no longer accepts `version`. A file that cannot be read may list any version.
pub(super) fn is_gone(folder: &Path, collector: &str, version: &str) -> bool {
    match files::read(&path(folder, collector), 4_096).map(String::from_utf8) {
        Ok(Ok(text)) => text.lines().any(|line| line.trim() == version),
        Ok(Err(_)) => true,
        Err(error) => !files::is_absence(&error),
    }
}

fn path(folder: &Path, collector: &str) -> PathBuf {
    folder.join(format!("{GONE}{collector}"))
}

/// Adds `version` to the versions that a collector no longer accepts. Best effort.
pub(crate) fn note_gone(folder: &Path, collector: &str, version: &str) {
    let path = path(folder, collector);
    let text = files::read_text(&path);
    let others = text.lines().filter(|line| line.trim() != version);
    let mut versions: Vec<&str> = others.collect();
    versions.push(version);
    let first = versions.len().saturating_sub(MAX_VERSIONS);
    let text = versions[first..].join("\n") + "\n";
    let _best_effort = files::replace(&path, text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_versions_can_be_gone_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let gone = |collector, version| is_gone(folder.path(), collector, version);
        assert!(!gone("00112233", "1"));
        for version in ["1", "2", "1", ""] {
            note_gone(folder.path(), "00112233", version);
        }
        assert!(gone("00112233", "1") && gone("00112233", "2") && gone("00112233", ""));
        assert!(!gone("00112233", "3"));
        for version in 10..100 {
            note_gone(folder.path(), "00112233", &version.to_string());
        }
        assert!(gone("00112233", "99") && !gone("00112233", "2"));
        assert!(!gone("44556677", "99"));
    }
}
