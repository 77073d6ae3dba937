//! The settings of one [`crate::Telemetry`]: what the framework said when it started telemetry, cleaned.

use std::path::PathBuf;
use std::sync::Arc;

use headcount_scrub::{Scrubber, is_plain};

use crate::consent::{self, Decision, Mode};
use crate::fields::versions;
use crate::model::Keyer;
use crate::platform::Folders;
use crate::record::{Resource, is_identifier};
use crate::spool::{Removed, discard_before};
use crate::upload::{Endpoint, EndpointError, IngestToken, Trust, Uploader};

/// The settings. They do not change during the life of one [`crate::Telemetry`].
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) resource: Arc<Resource>,
    /// The framework's own variables that switch telemetry off.
    pub(crate) switches: Vec<String>,
    /// The framework's own telemetry that is silent meanwhile, as a line of text.
    pub(crate) replaces: Option<String>,
    /// The framework informed its user.
    pub(crate) told: bool,
    pub(crate) endpoint: Result<Endpoint, Option<EndpointError>>,
    /// What the collector asks of a sender.
    pub(crate) ingest_token: Option<IngestToken>,
    pub(crate) trust: Trust,
    pub(crate) folders: Folders,
    pub(crate) keyer: Keyer,
}

impl Settings {
    /// The framework's folder, if there is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.folders.framework(&self.resource.framework)
    }

    /// The collector's mark, if there is one.
    pub(crate) fn collector(&self) -> Option<String> {
        self.endpoint.as_ref().ok().map(Endpoint::mark)
    }

    /// The uploader; `None` without a usable endpoint.
    pub(crate) fn uploader(&self) -> Option<Uploader> {
        Some(Uploader {
            folder: self.folder().unwrap_or_default(),
            endpoint: self.endpoint.clone().ok()?,
            ingest_token: self.ingest_token.clone(),
            trust: self.trust.clone(),
            version: self.resource.version.clone(),
        })
    }

    /// Removes segments from before the user's last off: their events must not be sent after an on, even if no program was
    /// running during the off.
    pub(crate) fn discard_before_last_off(&self) -> Removed {
        match (self.folder(), consent::last_off(&self.folders)) {
            (Some(folder), Some(off_until)) => discard_before(&folder, off_until),
            _ => Removed::new(),
        }
    }

    /// The decision from the files as they are now. The environment is left out: only the host's own threads may read it, in
    /// the calls of [`crate::Telemetry`].
    pub(crate) fn decision_now(&self) -> Decision {
        let collector = self.collector();
        let sender = consent::Sender {
            framework: &self.resource.framework,
            version: &self.resource.version,
            collector: collector.as_deref(),
        };
        let sources = consent::Sources::read(|_| None, &self.switches, &self.folders, sender);
        // Whether the user was informed was settled at the start.
        consent::resolve(&sources.inputs(false, true, false))
    }

    /// The mode by [`decision_now`](Self::decision_now).
    pub(crate) fn still_allowed(&self) -> Mode {
        self.decision_now().mode
    }
}

/// Whether `name` can be the name of a framework and of its folder. No collector accepts one that looks like a secret.
pub(crate) fn is_framework_name(name: &str) -> bool {
    is_identifier(name, versions::FRAMEWORK.max_length)
        && !name.starts_with('.')
        && !name.contains(['/', ':', '+'])
        && (is_plain(name) || Scrubber::new().scrub(name, name.len()).found.is_empty())
}

/// A version as collectors accept it: cut at the first character that release numbers do not have; perhaps empty.
pub(crate) fn clean_version(version: &str) -> String {
    let is_allowed =
        |character: &char| character.is_ascii_alphanumeric() || ".-_".contains(*character);
    let clean: String = version
        .chars()
        .take_while(is_allowed)
        .take(versions::FRAMEWORK_VERSION.max_length - 1)
        .collect();
    match clean.starts_with(|character: char| character.is_ascii_digit()) {
        true => clean,
        false => String::new(),
    }
}

/// A text as one line of a file or terminal: without control characters, and not too long.
pub(crate) fn clean_line(text: &str) -> String {
    let is_shown = |character: &char| !character.is_control();
    text.chars().filter(is_shown).take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frameworks_name_can_be_the_name_of_a_folder() {
        for name in [
            "rig",
            "crew-ai",
            "my_framework.2",
            "a-framework-of-2026-with-a-name",
        ] {
            assert!(is_framework_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "C:",
            "two words",
            "ü",
            "sk-proj-Ab3dEf6hIj9lMn2pQr5t",
        ] {
            assert!(!is_framework_name(name), "{name}");
        }
    }

    #[test]
    fn a_local_version_label_is_cut_off() {
        assert_eq!(clean_version("1.2.3+acme.internal"), "1.2.3");
        assert_eq!(clean_version("v1"), "");
        assert_eq!(clean_version("1.0 of Anna"), "1.0");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(
            clean_line("Their\nown\u{1b}[2J client"),
            "Theirown[2J client"
        );
        assert_eq!(clean_line(&"x".repeat(1000)).len(), 128);
    }
}
