//! The notice of the first run: what is collected, how to see it, and how to turn it off.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use crate::platform::{self, clock, files};

/// The file in a framework's folder that names the process which showed the notice: its id, its start, and the boot id.
pub(crate) const SHOWN: &str = "notice-shown";

/// Shows the notice once, on standard error and only on a terminal; returns whether it did. The marker file is written
/// first: without it the notice would be shown in every run.
pub(crate) fn show(framework: &str, folder: &Path) -> bool {
    let mut stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return false;
    }
    let marker = folder.join(SHOWN);
    let remembered = files::create(folder).and_then(|()| {
        let mut file = files::open(&marker, files::private_file().write(true).create_new(true))?;
        let process = std::process::id();
        let began = platform::began(process).unwrap_or_else(|| "-".to_owned());
        file.write_all(format!("{process} {began}\n").as_bytes())
    });
    if remembered.is_err() {
        return false;
    }
    if stderr.write_all(text(framework).as_bytes()).is_err() {
        let _best_effort = std::fs::remove_file(&marker);
        return false;
    }
    true
}

/// Whether the notice was shown in an earlier run. A run ends with the process that showed the notice; everything that this
/// process starts, directly or not, belongs to the same run.
pub(super) fn was_shown(folder: &Path) -> bool {
    let marker = folder.join(SHOWN);
    if !marker.exists() {
        return false;
    }
    let text = files::read_text(&marker);
    let mut words = text.split_whitespace();
    let Some(process) = words.next().and_then(|word| word.parse::<u32>().ok()) else {
        return true;
    };
    let began: Vec<&str> = words.collect();
    !is_still_alive(process, &began.join(" "), &marker)
}

/// Whether the process with this id is the one that showed the notice: ids are used again, and the first process of a
/// container always has id 1.
fn is_still_alive(process: u32, began: &str, marker: &Path) -> bool {
    if let Some(actual) = platform::began(process) {
        return actual == began;
    }
    // The system does not tell when a process began: after a day a process with this id is taken for another one.
    let age = std::fs::metadata(marker).and_then(|metadata| metadata.modified());
    let age = age.map_or(u64::MAX, |shown| {
        clock::now_nanos().saturating_sub(clock::nanos_of(shown))
    });
    platform::is_alive(process) && age < 86_400 * 1_000_000_000
}

/// At most ten lines of eighty characters.
fn text(framework: &str) -> String {
    format!(
        "\n{framework} counts how it is used: which tools, models and settings crews have.\n\
         Names of roles and tools are sent, without addresses, secrets and paths. Prompts, goals,\n\
         inputs and outputs are not, unless a crew is built with share_crew. Nothing is sent in this run.\n\
         \u{20} See it:      headcount preview\n\
         \u{20} Turn it off: headcount off     (or HEADCOUNT_DISABLED=1, DO_NOT_TRACK=1)\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_fits_a_terminal_and_says_how_to_turn_telemetry_off() {
        let text = text("a-framework-of-a-long-name");
        assert!(text.lines().count() <= 10);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.contains("headcount off") && text.contains("headcount preview"));
    }

    #[test]
    fn a_run_ends_with_the_process_that_showed_the_notice() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join(SHOWN);
        assert!(!was_shown(folder.path()));
        let ours = std::process::id();
        let began = platform::began(ours).unwrap_or_else(|| "-".to_owned());
        std::fs::write(&marker, format!("{ours} {began}\n")).unwrap();
        assert!(!was_shown(folder.path()));
        // No process has this number.
        std::fs::write(&marker, format!("4194305 {began}\n")).unwrap();
        assert!(was_shown(folder.path()));
        if cfg!(target_os = "linux") {
            std::fs::write(&marker, format!("{ours} 1{began}\n")).unwrap();
            assert!(was_shown(folder.path()));
        }
        std::fs::write(&marker, "").unwrap();
        assert!(was_shown(folder.path()));
    }

    #[test]
    fn without_a_terminal_nothing_is_shown_and_nothing_is_written() {
        // Tests usually run with their output captured or piped. On a terminal this test does not apply.
        if std::io::stderr().is_terminal() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("rig");
        assert!(!show("rig", &inner));
        assert!(!inner.exists());
    }
}
