//! One framework on this machine, seen from outside: what `headcount status`, `preview`, `log` and `forget` show and do.

use std::io;
use std::path::{Path, PathBuf};

use crate::consent::{self, Decision};
use crate::erase::{self, Asked};
use crate::folders::{self, Folders};
use crate::ledger::{Entry, Fate, Ledger};
use crate::receipt::SentTo;
use crate::settings::Settings;
use crate::upload::Endpoint;
use crate::{random, settings, spool, upload};

/// What a framework left on this machine.
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

/// Bytes that wait to be sent: the body of one request, as it will leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The segment's name, as the ledger will call it.
    pub segment: String,
    /// How many events it holds.
    pub events: u64,
    /// An `ExportTraceServiceRequest` in protobuf (OTLP).
    pub body: Vec<u8>,
}

/// What became of every event that reached the disk: `recorded` is `delivered + pending + dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Events that the collector acknowledged.
    pub delivered: u64,
    /// Events that wait.
    pub pending: u64,
    /// Events that were given up, for any reason.
    pub dropped: u64,
}

impl Totals {
    /// All events.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.delivered + self.pending + self.dropped
    }
}

/// Version, endpoint, own switches, whether the framework tells its user, and which telemetry of its own is silent; a line
/// each.
const ABOUT: &str = "about";
const TOLD: &str = "told";

/// Notes what the commands show of a framework. Best effort: without it they show less.
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
        settings.version,
        endpoint,
        settings.switches.join(" "),
        if settings.told { TOLD } else { "" },
        settings.replaces.as_deref().unwrap_or_default(),
    );
    let path = folder.join(ABOUT);
    if folders::read_text(&path) == about {
        return;
    }
    let _best_effort = folders::replace(&path, about.as_bytes());
}

/// Its name in a framework's folder.
pub(crate) const SECRET: &str = "secret";

/// The installation's secret: made when it is first asked for, never sent. Where it cannot be kept it lasts as long as
/// the process.
pub(crate) fn secret(folder: Option<&Path>) -> [u8; 32] {
    folder
        .and_then(kept_secret)
        .unwrap_or_else(random::from_system)
}

/// The same; `None` where it cannot be kept.
pub(crate) fn kept_secret(folder: &Path) -> Option<[u8; 32]> {
    let path = folder.join(SECRET);
    let read = || -> Option<[u8; 32]> { folders::read(&path, 64).ok()?.try_into().ok() };
    if let Some(secret) = read() {
        return Some(secret);
    }
    if path.exists() {
        // Cut short by a power cut, or not ours: of no use to anybody.
        let _best_effort = std::fs::remove_file(&path);
    }
    let fresh: [u8; 32] = random::from_system();
    // Whichever of several processes comes first: a file is linked to its name once, and whole.
    let draft = folder.join(format!("secret.{}.new", random::Id::random().as_str()));
    let kept =
        folders::replace(&draft, &fresh).is_ok() && std::fs::hard_link(&draft, &path).is_ok();
    let _best_effort = std::fs::remove_file(&draft);
    match kept {
        true => Some(fresh),
        false => read(),
    }
}

/// Whether anything is kept in `folder` that somebody may want to see, send or delete; what nobody may look into is believed
/// to hold something.
fn is_of_a_framework(folder: &Path) -> bool {
    let kept = [ABOUT, SECRET, "spool", "ledger.tsv"];
    folders::is_closed(folder) || kept.iter().any(|name| folder.join(name).exists())
}

/// Whether anything waits in `folder` for the collector of this mark, what a running process holds not excepted, nor what only
/// tells of losses.
pub(crate) fn is_waiting(folder: &Path, mark: Option<&str>) -> bool {
    spool::list(&upload::spool_folder(folder))
        .iter()
        .filter(|found| found.is_for(mark))
        .filter_map(spool::Found::peek)
        .any(|bytes| !spool::read(&bytes).records.is_empty())
}

fn readable(folder: &Path) -> impl Iterator<Item = Pending> {
    spool::list(&upload::spool_folder(folder))
        .into_iter()
        .filter_map(|found| {
            // Without its lock: what a running process has written so far is there as well.
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
    /// Every framework that ever recorded anything on this machine for this person.
    #[must_use]
    pub fn all() -> Vec<Installation> {
        Self::under(Folders::find(|name| std::env::var_os(name)))
    }

    /// Every framework that was told to keep its things in `home` (see [`crate::Builder::home`]).
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
                // Of a file that is missing or spoiled as much is shown as there is; what waits beside it is there too.
                let about = folders::read(&folder.join(ABOUT), 4_096).unwrap_or_default();
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

    /// Where its events go, in words.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The framework's own telemetry that is silent while this one runs, so that nothing is sent twice; `None` if there is
    /// none, or both run. As it was when the framework ran last.
    #[must_use]
    pub fn replaces(&self) -> Option<&str> {
        Some(self.replaces.as_str()).filter(|replaces| !replaces.is_empty())
    }

    /// The folder that holds everything that is kept of it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What would be decided if it ran now, with this environment. What it says in code is not known here.
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
        let surroundings =
            consent::Surroundings::read(variable, &self.switches, &self.folders, sender);
        consent::resolve(&surroundings.inputs(false, self.told, false))
    }

    /// The very bytes that wait to be sent, oldest first (promise 6).
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        readable(&self.folder).collect()
    }

    /// How many segments wait that this user may not open, so that they are neither shown nor sent: a run as another user, such
    /// as one under `sudo`, left them.
    #[must_use]
    pub fn forbidden(&self) -> usize {
        let all = spool::list(&upload::spool_folder(&self.folder));
        all.iter().filter(|found| !found.is_allowed()).count()
    }

    /// What left, and what was given up, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        Ledger::new(&self.folder).entries()
    }

    /// The books of everything that reached the disk.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let entries = self.log();
        for entry in entries.iter().filter(|entry| entry.fate.is_final()) {
            match entry.fate {
                Fate::Delivered => totals.delivered += entry.events,
                _ => totals.dropped += entry.events,
            }
            totals.dropped += entry.dropped;
        }
        // Dealt with, and the line is not yet written.
        for (fate, found) in upload::settled(&self.folder) {
            if Ledger::final_fate(&entries, &found.name).is_none() {
                let bytes = found.peek().unwrap_or_default();
                let content = spool::read(&bytes);
                match fate {
                    Fate::Delivered => totals.delivered += content.events(),
                    _ => totals.dropped += content.events(),
                }
                totals.dropped += content.dropped();
            }
        }
        for found in spool::list(&upload::spool_folder(&self.folder)) {
            let bytes = found.peek().unwrap_or_default();
            let content = spool::read(&bytes);
            totals.pending += content.events();
            totals.dropped += content.dropped();
        }
        totals
    }

    /// Asks every collector that something was sent to since receipts are sent, to erase what this installation sent. A person
    /// asks for that: so it is done whether or not telemetry is on.
    #[must_use]
    pub fn ask_to_erase(&self) -> Vec<Asked> {
        erase::ask(&self.folder)
    }

    /// Deletes what is kept of it on this machine: what waits, the ledger, the secret. Keys that are made after this have
    /// nothing in common with those before, but for a program that is running: it goes on with the old secret to its end.
    ///
    /// What a collector asked for stays: that it be left alone, or that this version be quiet; and that the notice was
    /// shown.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        self.remove_all_but(&[])?;
        // Gone if nothing of that is there.
        let _left = std::fs::remove_dir(&self.folder);
        Ok(())
    }

    /// Deletes the same but for what is needed to ask a collector again: the secret, and where something was sent.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget_what_waits(&self) -> io::Result<()> {
        self.remove_all_but(&[ABOUT, SECRET, SentTo::FILE, upload::Trust::FILE])
    }

    fn remove_all_but(&self, needed: &[&str]) -> io::Result<()> {
        const KEPT: [&str; 3] = [consent::GONE, consent::SHOWN, upload::Circuit::FILE];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_a_spoiled_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("rig");
        let first = secret(Some(&inner));
        assert_eq!(secret(Some(&inner)), first);
        assert_ne!(secret(None), first);
        std::fs::write(inner.join("secret"), b"short").unwrap();
        let second = secret(Some(&inner));
        assert_ne!(second, first);
        assert_eq!(secret(Some(&inner)), second);
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1);
    }
}
