//! The inputs of the decision, read from this machine.

use std::ffi::OsString;
use std::path::PathBuf;

use super::decision::{Inputs, Notice, SWITCHES, Switch};
use super::gone::is_gone;
use super::notice;
use super::setting::{ConsentSetting, read_file};
use crate::platform::{Folders, files};

/// The framework that wants to record and send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'s> {
    pub(crate) framework: &'s str,
    pub(crate) version: &'s str,
    /// The mark of its collector, if it has one.
    pub(crate) collector: Option<&'s str>,
}

/// All inputs but those from code, as they were read.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    switches: Vec<(String, Switch)>,
    system: (String, ConsentSetting),
    personal: (String, ConsentSetting),
    closed_folder: Option<String>,
    gone: bool,
    shown: bool,
}

impl Sources {
    /// Reads the switches through `variable`, then the files. If a switch says off, no file is read.
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
        let mut sources = Self {
            switches,
            system: (String::new(), ConsentSetting::Absent),
            personal: (String::new(), ConsentSetting::Absent),
            closed_folder: None,
            gone: false,
            shown: false,
        };
        if sources
            .switches
            .iter()
            .all(|(_, switch)| matches!(switch, Switch::Silent | Switch::No))
        {
            sources.read_files(folders, sender);
        }
        sources
    }

    /// Reads the files again; the switches stay as they were.
    pub(crate) fn read_files(&mut self, folders: &Folders, sender: Sender<'_>) {
        let read = |path: PathBuf| (path.display().to_string(), read_file(&path));
        let absent = || (String::new(), ConsentSetting::Absent);
        self.system = folders.system_consent().map_or_else(absent, read);
        // Off in one of them is off.
        let personal = folders.consents().map(read);
        self.personal = personal
            .max_by_key(|(_, setting)| setting.strictness())
            .unwrap_or_else(absent);
        let Some(folder) = folders.framework(sender.framework) else {
            return;
        };
        self.closed_folder = files::is_closed(&folder).then(|| folder.display().to_string());
        self.gone = sender
            .collector
            .is_some_and(|collector| is_gone(&folder, collector, sender.version));
        self.shown = notice::was_shown(&folder);
    }

    /// Whether the user's file or the administrator's was read and says off.
    pub(crate) fn is_off_in_a_file(&self) -> bool {
        let settings = [self.system.1, self.personal.1];
        settings
            .into_iter()
            .any(|setting| !matches!(setting, ConsentSetting::Absent | ConsentSetting::On))
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
