//! Whether anything may be recorded and sent: one pure function, [`resolve`], of everything that has a say.
//!
//! | what says so | effect |
//! | --- | --- |
//! | `OTEL_SDK_DISABLED`, `HEADCOUNT_DISABLED`, `DO_NOT_TRACK`, the framework's own switches | off, if set to anything but no |
//! | the administrator's file, the person's file (`headcount off`) | off, if it says off or cannot be read |
//! | the framework, in code | off |
//! | the framework's folder, where this user may not look into it (a run under `sudo` made it) | off |
//! | the collector (HTTP 410) | off until the framework's next version, or another collector |
//! | nobody was told yet | local: recorded on this machine, nothing sent |
//! | the person said `headcount on`, or was told | on |
//!
//! Off wins over on, and what cannot be understood is off.

mod gather;
mod notice;

pub(crate) use gather::{GONE, OFF_UNTIL, Sender, Surroundings, last_off, note_gone, read_file};
pub(crate) use notice::{SHOWN, tell};

use std::fmt;

/// The switches of every framework.
pub(crate) const SWITCHES: [&str; 3] = ["OTEL_SDK_DISABLED", "HEADCOUNT_DISABLED", "DO_NOT_TRACK"];

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing: no file, no thread, no socket (promise 3).
    Off,
    /// Events are kept on this machine, where `headcount preview` shows them. Nothing is sent.
    Local,
    /// Events are kept and sent.
    On,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A switch says so.
    SwitchedOff,
    /// A switch or a file holds something that is neither yes nor no.
    NotUnderstood,
    /// A file is there and cannot be read, or the folder that may hold it belongs to somebody else.
    Unreadable,
    /// The collector answered that it wants no more of this version (HTTP 410).
    Gone,
    /// The notice was shown in this run.
    ToldJustNow,
    /// There is no terminal to show the notice on, and the framework did not say that it told its user.
    CannotTell,
    /// The person said so.
    SwitchedOn,
    /// The notice was shown in an earlier run, or the framework told its user.
    Told,
}

/// What was decided, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What may happen.
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
    /// What said so: a variable, a file, `code`, `collector` or `notice`.
    pub source: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        match self.reason {
            Reason::SwitchedOff => write!(formatter, "off: {source} says so"),
            Reason::NotUnderstood => write!(
                formatter,
                "off: {source} is not understood, and what cannot be understood counts as off"
            ),
            Reason::Unreadable => write!(formatter, "off: {source} cannot be read"),
            Reason::Gone => write!(
                formatter,
                "off: the collector wants no more of this version of the framework"
            ),
            Reason::ToldJustNow => write!(
                formatter,
                "local: the notice was shown in this run, so nothing is sent in it"
            ),
            Reason::CannotTell => write!(
                formatter,
                "local: nobody was told yet, so nothing is sent; `headcount on` allows it"
            ),
            Reason::SwitchedOn => write!(formatter, "on: {source} says so"),
            Reason::Told => write!(formatter, "on: the notice was given"),
        }
    }
}

/// What a switch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Switch {
    /// Unset or empty.
    Silent,
    /// Yes: off, please.
    Yes,
    /// No: not off.
    No,
    /// Anything else.
    Unclear,
}

impl Switch {
    /// All usual spellings, in any case.
    pub(crate) fn read(value: Option<&std::ffi::OsStr>) -> Self {
        let Some(value) = value else {
            return Switch::Silent;
        };
        let Some(text) = value.to_str() else {
            return Switch::Unclear;
        };
        let text = text.trim();
        let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if text.is_empty() {
            Switch::Silent
        } else if is_one_of(&["1", "true", "yes", "on", "y", "t"]) {
            Switch::Yes
        } else if is_one_of(&["0", "false", "no", "off", "n", "f"]) {
            Switch::No
        } else {
            Switch::Unclear
        }
    }
}

/// What a file of consent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    /// There is no such file.
    Absent,
    /// It begins with `on`.
    On,
    /// It begins with `off`.
    Off,
    /// It begins with something else, or with nothing.
    Unclear,
    /// It is there and cannot be read.
    Unreadable,
}

/// Whether the person was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    /// In an earlier run.
    Shown,
    /// By the framework, which says so in code.
    ByFramework,
    /// In this run.
    JustShown,
    /// Not yet.
    NotYet,
}

/// Everything that has a say. `N` names come with their values, so that a decision can name its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs<'a> {
    /// Variables that switch telemetry off, in the order in which they are asked.
    pub(crate) switches: Vec<(&'a str, Switch)>,
    pub(crate) system_file: (&'a str, Word),
    pub(crate) personal_file: (&'a str, Word),
    /// The framework says off in code.
    pub(crate) off_in_code: bool,
    /// The framework's folder, where this user may not look into it: nobody knows what is said there.
    pub(crate) closed_folder: Option<&'a str>,
    /// The collector answered 410 to this version.
    pub(crate) gone: bool,
    pub(crate) notice: Notice,
}

/// The decision. Every input is looked at in a fixed order; the first that says off is named.
pub(crate) fn resolve(inputs: &Inputs<'_>) -> Decision {
    let decide = |mode, reason, source: &str| Decision {
        mode,
        reason,
        source: source.to_owned(),
    };
    for (name, switch) in &inputs.switches {
        match switch {
            Switch::Yes => return decide(Mode::Off, Reason::SwitchedOff, name),
            Switch::Unclear => return decide(Mode::Off, Reason::NotUnderstood, name),
            Switch::Silent | Switch::No => {}
        }
    }
    for (name, word) in [inputs.system_file, inputs.personal_file] {
        match word {
            Word::Off => return decide(Mode::Off, Reason::SwitchedOff, name),
            Word::Unclear => return decide(Mode::Off, Reason::NotUnderstood, name),
            Word::Unreadable => return decide(Mode::Off, Reason::Unreadable, name),
            Word::Absent | Word::On => {}
        }
    }
    if inputs.off_in_code {
        return decide(Mode::Off, Reason::SwitchedOff, "code");
    }
    if let Some(folder) = inputs.closed_folder {
        return decide(Mode::Off, Reason::Unreadable, folder);
    }
    if inputs.gone {
        return decide(Mode::Off, Reason::Gone, "collector");
    }
    // An administrator cannot consent in a person's place: only the person's own file switches on.
    if inputs.personal_file.1 == Word::On {
        return decide(Mode::On, Reason::SwitchedOn, inputs.personal_file.0);
    }
    match inputs.notice {
        Notice::Shown => decide(Mode::On, Reason::Told, "notice"),
        Notice::ByFramework => decide(Mode::On, Reason::Told, "code"),
        Notice::JustShown => decide(Mode::Local, Reason::ToldJustNow, "notice"),
        Notice::NotYet => decide(Mode::Local, Reason::CannotTell, "notice"),
    }
}

#[cfg(test)]
mod tests;
