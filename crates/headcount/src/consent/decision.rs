//! Whether anything may be recorded and sent: one pure function, [`resolve`], of all inputs.
//!
//! | input | effect |
//! | --- | --- |
//! | `OTEL_SDK_DISABLED`, `HEADCOUNT_DISABLED`, `DO_NOT_TRACK`, the framework's own switches | off if set, unless set to no |
//! | the administrator's file, the user's file (`headcount off`) | off if it says off or cannot be read |
//! | the framework, in code | off |
//! | the framework's folder, if this user may not read it (a run under `sudo` created it) | off |
//! | the collector (HTTP 410) | off until the framework's next version, or another collector |
//! | nobody has informed the user yet | local: recorded on this machine, nothing sent |
//! | `headcount on`, the notice was shown in an earlier run, or the framework states that it informed its user | on |
//!
//! Off wins over on, and an input that cannot be understood means off.

use std::fmt;

use super::setting::ConsentSetting;

/// The switches of every framework.
pub(crate) const SWITCHES: [&str; 3] = ["OTEL_SDK_DISABLED", "HEADCOUNT_DISABLED", "DO_NOT_TRACK"];

/// The source of a decision that the notice of the first run made.
const NOTICE: &str = "notice";

/// How much telemetry may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing: no file, no thread, no socket (promise 3).
    Off,
    /// Events are kept on this machine, where `headcount preview` shows them. Nothing is sent.
    Local,
    /// Events are kept and sent.
    On,
}

/// Why a decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsentReason {
    /// A switch, a file or code says off.
    SwitchedOff,
    /// A switch or a file holds a value that is neither yes nor no.
    NotUnderstood,
    /// A file cannot be read, or its folder belongs to another user.
    Unreadable,
    /// The collector no longer accepts this version (HTTP 410).
    Gone,
    /// The notice was shown in this run.
    ToldJustNow,
    /// There is no terminal for the notice, and the framework does not say that it informed its user.
    CannotTell,
    /// The user ran `headcount on`.
    SwitchedOn,
    /// The notice was shown in an earlier run, or the framework informed its user.
    Told,
}

/// A decision, and the input that decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How much telemetry may do.
    pub mode: Mode,
    /// Why.
    pub reason: ConsentReason,
    /// The input that decided: a variable, a file, `code`, `collector` or `notice`.
    pub source: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        match self.reason {
            ConsentReason::SwitchedOff => write!(formatter, "off: {source} says so"),
            ConsentReason::NotUnderstood => write!(
                formatter,
                "off: {source} is not understood, which counts as off"
            ),
            ConsentReason::Unreadable => write!(formatter, "off: cannot read {source}"),
            ConsentReason::Gone => write!(
                formatter,
                "off: the collector no longer accepts this version of the framework"
            ),
            ConsentReason::ToldJustNow => write!(
                formatter,
                "local: the notice was shown in this run; sending starts with the next one"
            ),
            ConsentReason::CannotTell => write!(
                formatter,
                "local: you have not seen the notice yet, so nothing is sent; `headcount on` allows sending"
            ),
            ConsentReason::SwitchedOn => write!(formatter, "on: {source} says so"),
            ConsentReason::Told if source == NOTICE => {
                write!(formatter, "on: you have seen the notice")
            }
            ConsentReason::Told => write!(
                formatter,
                "on: the framework states that it has informed you"
            ),
        }
    }
}

/// The value of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Switch {
    /// Unset or empty.
    Silent,
    /// Yes: telemetry is off.
    Yes,
    /// No: this switch does not turn telemetry off.
    No,
    /// Anything else.
    Unclear,
}

impl Switch {
    /// Reads a value: all usual spellings, in any case.
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

/// Whether the user was informed: by the notice, or by the framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    /// Shown in an earlier run.
    Shown,
    /// The framework informed its user, as it says in code.
    ByFramework,
    /// Shown in this run.
    JustShown,
    /// Not shown yet.
    NotYet,
}

/// All inputs. Each comes with its name, so that a decision can name its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs<'a> {
    /// Variables that switch telemetry off, in the order in which they are checked.
    pub(crate) switches: Vec<(&'a str, Switch)>,
    pub(crate) system_file: (&'a str, ConsentSetting),
    pub(crate) personal_file: (&'a str, ConsentSetting),
    /// The framework says off in code.
    pub(crate) off_in_code: bool,
    /// The framework's state folder, if this user may not read it: a collector's 410 in it would be unknown.
    pub(crate) closed_folder: Option<&'a str>,
    /// The collector answered 410 to this version.
    pub(crate) gone: bool,
    pub(crate) notice: Notice,
}

/// Decides. Inputs are checked in a fixed order; the first that says off is the source.
pub(crate) fn resolve(inputs: &Inputs<'_>) -> Decision {
    let decide = |mode, reason, source: &str| Decision {
        mode,
        reason,
        source: source.to_owned(),
    };
    for (name, switch) in &inputs.switches {
        match switch {
            Switch::Yes => return decide(Mode::Off, ConsentReason::SwitchedOff, name),
            Switch::Unclear => return decide(Mode::Off, ConsentReason::NotUnderstood, name),
            Switch::Silent | Switch::No => {}
        }
    }
    for (name, setting) in [inputs.system_file, inputs.personal_file] {
        match setting {
            ConsentSetting::Off => return decide(Mode::Off, ConsentReason::SwitchedOff, name),
            ConsentSetting::Unclear => {
                return decide(Mode::Off, ConsentReason::NotUnderstood, name);
            }
            ConsentSetting::Unreadable => {
                return decide(Mode::Off, ConsentReason::Unreadable, name);
            }
            ConsentSetting::Absent | ConsentSetting::On => {}
        }
    }
    if inputs.off_in_code {
        return decide(Mode::Off, ConsentReason::SwitchedOff, "code");
    }
    if let Some(folder) = inputs.closed_folder {
        return decide(Mode::Off, ConsentReason::Unreadable, folder);
    }
    if inputs.gone {
        return decide(Mode::Off, ConsentReason::Gone, "collector");
    }
    // An administrator cannot consent for a user: only the user's own file switches on.
    if inputs.personal_file.1 == ConsentSetting::On {
        return decide(Mode::On, ConsentReason::SwitchedOn, inputs.personal_file.0);
    }
    match inputs.notice {
        Notice::Shown => decide(Mode::On, ConsentReason::Told, NOTICE),
        Notice::ByFramework => decide(Mode::On, ConsentReason::Told, "code"),
        Notice::JustShown => decide(Mode::Local, ConsentReason::ToldJustNow, NOTICE),
        Notice::NotYet => decide(Mode::Local, ConsentReason::CannotTell, NOTICE),
    }
}

#[cfg(test)]
mod tests;
