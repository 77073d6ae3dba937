//! A framework's files on this machine, as the commands `headcount status`, `on`, `off`, `preview`, `log` and `forget` show
//! and change them.

mod facts;

use std::io;
use std::path::{Path, PathBuf};

use crate::activity;
use crate::consent::{self, Decision};
use crate::erasure::{self, ErasureAnswer, ErasureOutcome, SECRET, SENT_TO};
use crate::platform::{Folders, files};
use crate::settings::{self, Settings};
use crate::spool::{self, DeliveryStatus, Entry, Ledger, spool_folder};
use crate::upload::{self, Answer, Circuit, Endpoint, Trust};

pub use facts::{LastFailure, Pending, Totals};

/// The files of one framework on this machine.
#[derive(Debug, Clone)]
pub struct Installation {
    framework: String,
    version: String,
    switches: Vec<String>,
    told: bool,
    endpoint: String,
    replaces: String,
    folder: PathBuf,
    folders: Folders,
}

/// The file that holds, one per line: version, endpoint, the framework's switches, whether it informs its user, and the
/// telemetry that this one replaces.
const ABOUT: &str = "about";
const TOLD: &str = "told";

/// Saves the facts that the commands show about a framework. Best effort: without them they show less.
pub(crate) fn remember(settings: &Settings) {
    let Some(folder) = settings.folder() else {
        return;
    };
    let endpoint = match &settings.endpoint {
        Ok(endpoint) => endpoint.to_string(),
        Err(Some(error)) => format!("none: {error}"),
        Err(None) => "none".to_owned(),
    };
    let about = format!(
        "{}\n{}\n{}\n{}\n{}\n",
        settings.resource.version,
        endpoint,
        settings.switches.join(" "),
        if settings.told { TOLD } else { "" },
        settings.replaces.as_deref().unwrap_or_default(),
    );
    let path = folder.join(ABOUT);
    if files::read_text(&path) == about {
        return;
    }
    let _best_effort = files::replace(&path, about.as_bytes());
}

/// Whether `folder` holds files of a framework. A folder that this user may not read counts as one.
fn is_of_a_framework(folder: &Path) -> bool {
    let kept = [ABOUT, SECRET, "spool", "ledger.tsv"];
    files::is_closed(folder) || kept.iter().any(|name| folder.join(name).exists())
}

fn readable(folder: &Path) -> impl Iterator<Item = Pending> {
    spool::list_all(&spool_folder(folder))
        .into_iter()
        .filter_map(|found| {
            // Without its lock, so that events of a running process are included.
            let bytes = found.peek()?;
            let content = spool::read(&bytes);
            if content.records.is_empty() {
                return None;
            }
            Some(Pending {
                segment: found.name,
                events: content.events(),
                body: content.body(),
            })
        })
}

impl Installation {
    /// All frameworks that recorded anything on this machine for this user.
    #[must_use]
    pub fn all() -> Vec<Installation> {
        Self::under(Folders::find(|name| std::env::var_os(name)))
    }

    /// All frameworks that keep their files in `home` (see [`crate::Builder::home`]).
    #[must_use]
    pub fn all_in(home: &Path) -> Vec<Installation> {
        Self::under(Folders::find(|name| std::env::var_os(name)).within(home))
    }

    fn under(folders: Folders) -> Vec<Installation> {
        let Some(state) = &folders.state else {
            return Vec::new();
        };
        let mut all: Vec<Installation> = std::fs::read_dir(state)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let folder = entry.ok()?.path();
                let framework = folder.file_name()?.to_str()?.to_owned();
                if !is_of_a_framework(&folder) {
                    return None;
                }
                // A missing or damaged file must not hide the events that wait.
                let about = files::read(&folder.join(ABOUT), 4_096).unwrap_or_default();
                let about = String::from_utf8_lossy(&about);
                let mut lines = about.lines();
                let mut line = || settings::clean_line(lines.next().unwrap_or_default());
                Some(Installation {
                    framework,
                    version: line(),
                    endpoint: line(),
                    switches: line().split_whitespace().map(str::to_owned).collect(),
                    told: line() == TOLD,
                    replaces: line(),
                    folder,
                    folders: folders.clone(),
                })
            })
            .collect();
        all.sort_by(|a, b| a.framework.cmp(&b.framework));
        all
    }

    /// The framework's name.
    #[must_use]
    pub fn framework(&self) -> &str {
        &self.framework
    }

    /// The version that ran last.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The address that its events are sent to, or `none` with a reason.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The framework's own telemetry that is silent while this one runs, so that nothing is sent twice; `None` if there is none,
    /// or both run. As of the framework's last run.
    #[must_use]
    pub fn replaces(&self) -> Option<&str> {
        Some(self.replaces.as_str()).filter(|replaces| !replaces.is_empty())
    }

    /// The folder that holds all its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The decision if it ran now, in this environment. Settings in its code are not known here.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let collector = Endpoint::parse(&self.endpoint).ok();
        let collector = collector.as_ref().map(Endpoint::mark);
        let sender = consent::Sender {
            framework: &self.framework,
            version: &self.version,
            collector: collector.as_deref(),
        };
        let variable = |name: &str| std::env::var_os(name);
        let sources = consent::Sources::read(variable, &self.switches, &self.folders, sender);
        consent::resolve(&sources.inputs(false, self.told, false))
    }

    /// Exactly what is queued, oldest first (promise 6).
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        readable(&self.folder).collect()
    }

    /// How many segments this user may not open, so that they are neither shown nor sent: they belong to another user, for
    /// example after a run under `sudo`.
    #[must_use]
    pub fn forbidden(&self) -> usize {
        let all = spool::list(&spool_folder(&self.folder));
        all.iter().filter(|found| !found.is_allowed()).count()
    }

    /// The last failed attempt to send to its collector; `None` if the last attempt succeeded, or none was made.
    #[must_use]
    pub fn last_failure(&self) -> Option<LastFailure> {
        let collector = Endpoint::parse(&self.endpoint).ok()?.mark();
        let circuit = Circuit::read(&self.folder, &collector);
        Some(LastFailure {
            failure: circuit.failure?,
            time_millis: circuit.found_millis,
            next_attempt_millis: circuit.closed_until_millis,
        })
    }

    /// Whether its folder is on a file system without locks that exclude other processes, as some network homes are. Then each
    /// process keeps its events in files of its own.
    #[must_use]
    pub fn lacks_locks(&self) -> bool {
        let path = self.folder.join(ABOUT);
        let Ok(file) = files::open(&path, std::fs::File::options().read(true)) else {
            return false;
        };
        match spool::Held::lock(file) {
            Ok(held) => !held.is_locked() || spool::locks_exclude(&path) == Some(false),
            // Another process asks the same question.
            Err(_) => false,
        }
    }

    /// The ledger: requests that were sent and segments that were removed, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        Ledger::new(&self.folder).entries()
    }

    /// The counters of all events that reached the disk.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let entries = self.log();
        for entry in entries
            .iter()
            .filter(|entry| entry.delivery_status.is_final())
        {
            match entry.delivery_status {
                DeliveryStatus::Delivered => totals.delivered += entry.events,
                _ => totals.dropped += entry.events,
            }
            totals.dropped += entry.dropped;
        }
        // Retired, but not yet in the ledger.
        for (status, found) in spool::retired(&self.folder) {
            if Ledger::final_status(&entries, &found.name).is_none() {
                let bytes = found.peek().unwrap_or_default();
                let content = spool::read(&bytes);
                match status {
                    DeliveryStatus::Delivered => totals.delivered += content.events(),
                    _ => totals.dropped += content.events(),
                }
                totals.dropped += content.dropped();
            }
        }
        for found in spool::list_all(&spool_folder(&self.folder)) {
            let bytes = found.peek().unwrap_or_default();
            let content = spool::read(&bytes);
            totals.pending += content.events();
            totals.dropped += content.dropped();
        }
        totals
    }

    /// Asks every collector to erase what this installation sent to it, whether or not telemetry is on. Requests from before
    /// receipts existed cannot be erased.
    #[must_use]
    pub fn request_erasure(&self) -> Vec<ErasureOutcome> {
        // An upload that is under way may be the first to a collector, which must be asked too.
        let _no_upload = upload::lock_within(&self.folder, upload::EXCHANGE_LIMIT);
        let trust = Trust::saved(&self.folder);
        erasure::request(&self.folder, |endpoint, body| {
            let Ok(endpoint) = Endpoint::parse(endpoint) else {
                return ErasureAnswer::Unreachable;
            };
            match upload::post_tokens(&endpoint, &trust, body) {
                Answer::Status(200..=299, _) => ErasureAnswer::Accepted,
                Answer::Status(status, _) => ErasureAnswer::Refused(status),
                Answer::NotACollector(status) => ErasureAnswer::NotACollector(status),
                Answer::NotSent(_) | Answer::Unanswered => ErasureAnswer::Unreachable,
            }
        })
    }

    /// Former name of [`request_erasure`](Self::request_erasure).
    #[deprecated(note = "renamed to `request_erasure`")]
    #[must_use]
    pub fn ask_to_erase(&self) -> Vec<ErasureOutcome> {
        self.request_erasure()
    }

    /// Deletes its files on this machine: queued events, the ledger, the secret. Keys that are made from now on are unrelated
    /// to earlier ones, except in a program that is running: it uses the old secret until it ends.
    ///
    /// Three facts stay: the pause that a collector asked for, the versions that it no longer accepts, and that the notice
    /// was shown.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        self.remove_all_but(&[])?;
        // Fails if one of those files is there, which is fine.
        let _best_effort = std::fs::remove_dir(&self.folder);
        Ok(())
    }

    /// Deletes the same files, except those that are needed to ask a collector again: the secret, and the collectors' addresses.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget_pending(&self) -> io::Result<()> {
        self.remove_all_but(&[ABOUT, SECRET, SENT_TO, Trust::FILE])
    }

    /// Former name of [`forget_pending`](Self::forget_pending).
    ///
    /// # Errors
    /// A file cannot be removed.
    #[deprecated(note = "renamed to `forget_pending`")]
    pub fn forget_what_waits(&self) -> io::Result<()> {
        self.forget_pending()
    }

    fn remove_all_but(&self, needed: &[&str]) -> io::Result<()> {
        const KEPT: [&str; 3] = [consent::GONE, consent::SHOWN, Circuit::FILE];
        let is_kept = |name: &str| KEPT.iter().any(|kept| name.starts_with(kept));
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| is_kept(name) || needed.contains(&name)) {
                continue;
            }
            match path.is_dir() {
                true => std::fs::remove_dir_all(&path)?,
                false => std::fs::remove_file(&path)?,
            }
        }
        Ok(())
    }
}

/// Saves the user's consent setting, which counts for every framework: `headcount on` and `headcount off`. Off also empties
/// every spool.
///
/// # Errors
/// There is no folder for settings on this machine, or it is not writable.
pub fn set_consent(is_on: bool) -> io::Result<PathBuf> {
    let folders = Folders::find(|name| std::env::var_os(name));
    consent::save(&folders, is_on, || {
        for installation in Installation::all() {
            spool::discard_all(installation.folder(), DeliveryStatus::TurnedOff);
            activity::forget(installation.folder());
        }
    })
}

/// The decision on this machine, in this environment, for a framework without files or switches of its own that informs its
/// user: the effect of the consent setting.
#[must_use]
pub fn decision_here() -> Decision {
    let variable = |name: &str| std::env::var_os(name);
    let folders = Folders::find(variable);
    // No framework has an empty name, so no framework's folder is read.
    let no_framework = consent::Sender {
        framework: "",
        version: "",
        collector: None,
    };
    let sources = consent::Sources::read(variable, &[], &folders, no_framework);
    consent::resolve(&sources.inputs(false, true, false))
}
