//! What a framework says when it starts telemetry.

use std::path::PathBuf;

use headcount_scrub::{Scrubber, is_plain};
use headcount_wire::RequestEncoder;

use crate::field::is_token;
use crate::fields::{execution_environment, versions};
use crate::folders::Folders;
use crate::model::{Keyer, Runtime};
use crate::surroundings::Surroundings;
use crate::upload::{Endpoint, EndpointError, Trust, Uploader};

/// Fixed for the life of one [`crate::Telemetry`].
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) framework: String,
    pub(crate) version: String,
    pub(crate) runtime: Runtime,
    pub(crate) runtime_version: Option<String>,
    pub(crate) switches: Vec<String>,
    /// The framework's own telemetry that is silent meanwhile, in a line of text.
    pub(crate) replaces: Option<String>,
    /// The framework says that it told its user.
    pub(crate) told: bool,
    pub(crate) endpoint: Result<Endpoint, Option<EndpointError>>,
    pub(crate) trust: Trust,
    pub(crate) folders: Folders,
    pub(crate) surroundings: Surroundings,
    pub(crate) keyer: Keyer,
}

impl Settings {
    /// The framework's folder, where there is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.folders.framework(&self.framework)
    }

    /// The mark of the collector, where there is one.
    pub(crate) fn collector(&self) -> Option<String> {
        self.endpoint.as_ref().ok().map(Endpoint::mark)
    }

    /// What sends this process's events, where there is somewhere to send them to.
    pub(crate) fn uploader(&self) -> Option<Uploader> {
        Some(Uploader {
            folder: self.folder().unwrap_or_default(),
            endpoint: self.endpoint.clone().ok()?,
            trust: self.trust.clone(),
            version: self.version.clone(),
        })
    }

    /// Begins a request: the resource that says which framework speaks, and our scope.
    pub(crate) fn begin(&self, request: &mut RequestEncoder) {
        let _ = request
            .resource(|attributes| {
                attributes.string("service.name", "headcount");
                attributes.string(versions::FRAMEWORK.key, &self.framework);
                if !self.version.is_empty() {
                    attributes.string(versions::FRAMEWORK_VERSION.key, &self.version);
                }
                attributes.string(versions::RUNTIME.key, self.runtime.as_str());
                if let Some(version) = &self.runtime_version {
                    attributes.string(versions::RUNTIME_VERSION.key, version);
                }
                if let Some(agent) = self.surroundings.coding_agent {
                    attributes.string(execution_environment::CODING_AGENT.key, agent);
                }
                let context = self.surroundings.runtime_context;
                attributes.string(execution_environment::RUNTIME_CONTEXT.key, context);
                let band = self.surroundings.cpu_band;
                attributes.string(execution_environment::CPU_BAND.key, band);
            })
            .scope("headcount", env!("CARGO_PKG_VERSION"));
    }
}

/// Whether a framework may be called `name`: its folder is. One that looks like a secret no collector takes.
pub(crate) fn is_framework_name(name: &str) -> bool {
    is_token(name, versions::FRAMEWORK.max_length)
        && !name.starts_with('.')
        && !name.contains(['/', ':', '+'])
        && (is_plain(name) || Scrubber::new().scrub(name, name.len()).found.is_empty())
}

/// A version as the collector will take it: cut at what is not a release number's character, empty if nothing is left.
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

/// A text as a line of a file and of a terminal: without what would end the line or steer the terminal, and not too long.
pub(crate) fn clean_line(text: &str) -> String {
    let is_shown = |character: &char| !character.is_control();
    text.chars().filter(is_shown).take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frameworks_name_is_a_folders_name() {
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
    fn a_local_label_does_not_leave() {
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
