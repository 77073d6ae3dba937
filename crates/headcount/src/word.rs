//! The person's own word about every framework: `headcount on` and `headcount off`.

use std::io;
use std::path::PathBuf;

use crate::consent::{self, Decision};
use crate::folders::{self, Folders};
use crate::ledger::Fate;
use crate::{Installation, clock, upload};

/// Writes the person's own word, which counts for every framework: `headcount on` and `headcount off`. Off also empties
/// every spool.
///
/// # Errors
/// There is no folder for settings on this machine, or it cannot be written to.
pub fn set_consent(is_on: bool) -> io::Result<PathBuf> {
    let folders = Folders::find(|name| std::env::var_os(name));
    let path = folders.consents().next().ok_or_else(|| {
        io::Error::other(format!(
            "no folder for settings: set HOME, or {} to a folder of your choice",
            folders::HOME_VARIABLE
        ))
    })?;
    let millis = clock::now_millis();
    let now = clock::utc(millis);
    if !is_on {
        let text = format!("off since {now}\n");
        let kept = folders::replace_durably(&path, text.as_bytes());
        empty_all();
        // On a full disk what was deleted makes room for the word.
        kept.or_else(|_| folders::replace_durably(&path, text.as_bytes()))?;
        return Ok(path);
    }
    // What was recorded before an off does not leave after an on: neither what escaped it because a program was running,
    // nor what is in a folder that nobody but its framework knows.
    let was_on = matches!(
        consent::read_file(&path),
        consent::Word::On | consent::Word::Absent
    );
    let off_until = match was_on {
        true => consent::last_off(&folders),
        false => {
            empty_all();
            Some(millis)
        }
    };
    let off = off_until.map(|until| {
        let time = clock::utc(until);
        format!("{}{until} ({time})\n", consent::OFF_UNTIL)
    });
    let text = format!("on since {now}\n{}", off.unwrap_or_default());
    folders::replace_durably(&path, text.as_bytes())?;
    Ok(path)
}

fn empty_all() {
    for installation in Installation::all() {
        let _given_up = upload::empty(installation.folder(), Fate::TurnedOff);
    }
}

/// What this machine and this environment decide for a framework of which nothing is kept yet, that told its user and has
/// no switches of its own: what a person's word comes to.
#[must_use]
pub fn decision_here() -> Decision {
    let variable = |name: &str| std::env::var_os(name);
    let folders = Folders::find(variable);
    // No framework has this name, so that none's folder is asked.
    let nobody = consent::Sender {
        framework: "",
        version: "",
        collector: None,
    };
    let surroundings = consent::Surroundings::read(variable, &[], &folders, nobody);
    consent::resolve(&surroundings.inputs(false, true, false))
}
