//! The notice of the first run: what, why, how to see it, how to turn it off.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use crate::folders;

/// In a framework's folder: the process that showed the notice.
pub(crate) const SHOWN: &str = "notice-shown";

/// Shows the notice, once, to standard error and only on a terminal; says whether it did. That it was shown is
/// remembered first: what cannot be remembered would be shown in every run.
pub(crate) fn tell(framework: &str, folder: &Path) -> bool {
    let mut stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return false;
    }
    let marker = folder.join(SHOWN);
    let remembered = folders::create(folder).and_then(|()| {
        let mut file = folders::private_file()
            .write(true)
            .create_new(true)
            .open(&marker)?;
        file.write_all(std::process::id().to_string().as_bytes())
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

/// Whether the notice was shown in an earlier run: by a process that is neither this one nor the one that started it.
pub(super) fn was_shown(folder: &Path) -> bool {
    let marker = folder.join(SHOWN);
    let shown_by = folders::read_text(&marker).trim().parse::<u32>().ok();
    marker.exists() && !shown_by.is_some_and(is_this_run)
}

fn is_this_run(process: u32) -> bool {
    #[cfg(unix)]
    let starter = Some(std::os::unix::process::parent_id());
    #[cfg(not(unix))]
    let starter = None;
    process == std::process::id() || Some(process) == starter
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
    fn the_notice_fits_a_terminal_and_names_the_way_out() {
        let text = text("a-framework-of-a-long-name");
        assert!(text.lines().count() <= 10);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.contains("headcount off") && text.contains("headcount preview"));
    }

    #[test]
    fn without_a_terminal_nothing_is_shown_and_nothing_is_written() {
        // Tests run with their output captured or piped; on a terminal this test has nothing to say.
        if std::io::stderr().is_terminal() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("rig");
        assert!(!tell("rig", &inner));
        assert!(!inner.exists());
    }
}
