//! The folders for the client's files. They are created only when there is a file to write.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that replaces both folders, for tests and for machines without a home folder.
pub const HOME_VARIABLE: &str = "HEADCOUNT_HOME";

/// The folders of one user on one machine. Each may be missing: a container may have no home folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Folders {
    /// The folders of the file `consent`. There are several if a framework has its own folder: the strictest setting counts.
    pub(crate) settings: Vec<PathBuf>,
    /// Holds a folder for each framework: spool, ledger, secret.
    pub(crate) state: Option<PathBuf>,
    /// The folder of the administrator's consent setting.
    pub(crate) system: Option<PathBuf>,
}

impl Folders {
    /// Reads the environment through `variable`.
    pub(crate) fn find(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // A relative path would depend on the working directory.
        let folder = |name: &str| {
            let path = PathBuf::from(variable(name)?);
            path.is_absolute().then_some(path)
        };
        let system = system_folder(&folder);
        if let Some(home) = folder(HOME_VARIABLE) {
            return Self {
                settings: vec![home.clone()],
                state: Some(home.join("state")),
                system,
            };
        }
        let (settings, state) = personal_folders(&folder);
        Self {
            settings: Vec::from_iter(settings.map(|folder| folder.join("headcount"))),
            state: state.map(|folder| folder.join("headcount")),
            system,
        }
    }

    /// Moves everything into `home`, which a framework chose. The user's consent setting still counts.
    #[must_use]
    pub(crate) fn within(mut self, home: &Path) -> Self {
        if home.is_absolute() {
            self.settings.insert(0, home.to_owned());
            self.state = Some(home.join("state"));
        }
        self
    }

    /// The files with the user's consent setting; the first is the one that is written.
    pub(crate) fn consents(&self) -> impl Iterator<Item = PathBuf> {
        self.settings.iter().map(|folder| folder.join("consent"))
    }

    /// The file with the administrator's consent setting.
    pub(crate) fn system_consent(&self) -> Option<PathBuf> {
        Some(self.system.as_ref()?.join("consent"))
    }

    /// The folder of one framework.
    pub(crate) fn framework(&self, name: &str) -> Option<PathBuf> {
        Some(self.state.as_ref()?.join(name))
    }
}

type Find<'f> = &'f dyn Fn(&str) -> Option<PathBuf>;

#[cfg(windows)]
fn system_folder(folder: Find<'_>) -> Option<PathBuf> {
    Some(folder("ProgramData")?.join("headcount"))
}

#[cfg(not(windows))]
fn system_folder(_folder: Find<'_>) -> Option<PathBuf> {
    Some(Path::new("/etc/headcount").to_owned())
}

#[cfg(windows)]
fn personal_folders(folder: Find<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let or_home = |folder: Option<PathBuf>| folder.or_else(super::os::home);
    (or_home(folder("APPDATA")), or_home(folder("LOCALAPPDATA")))
}

#[cfg(target_os = "macos")]
fn personal_folders(folder: Find<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let home = folder("HOME").or_else(super::os::home);
    let support = home.map(|home| home.join("Library/Application Support"));
    (support.clone(), support)
}

/// XDG Base Directory Specification 0.8.
#[cfg(not(any(windows, target_os = "macos")))]
fn personal_folders(folder: Find<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let home = folder("HOME").or_else(super::os::home);
    let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
    (
        folder("XDG_CONFIG_HOME").or_else(|| under_home(".config")),
        folder("XDG_STATE_HOME").or_else(|| under_home(".local/state")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Folders {
        Folders::find(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn folders_are_those_of_the_xdg_specification() {
        let folders = find(&[("HOME", "/home/anna")]);
        assert_eq!(
            folders.consents().next(),
            Some("/home/anna/.config/headcount/consent".into())
        );
        assert_eq!(
            folders.framework("rig"),
            Some("/home/anna/.local/state/headcount/rig".into())
        );
        let folders = find(&[("HOME", "/home/anna"), ("XDG_STATE_HOME", "/var/state")]);
        assert_eq!(
            folders.framework("rig"),
            Some("/var/state/headcount/rig".into())
        );
    }

    #[test]
    fn without_a_variable_the_home_folder_comes_from_the_user_database() {
        let known = crate::platform::os::home();
        assert_eq!(find(&[]).state.is_some(), known.is_some());
        if let Some(home) = known {
            assert!(find(&[]).state.unwrap().starts_with(home));
        }
    }

    #[test]
    fn a_relative_home_is_no_home() {
        assert_eq!(find(&[("HOME", "anna"), (HOME_VARIABLE, ".")]), find(&[]));
        assert_eq!(find(&[]).within(Path::new("anna")), find(&[]));
    }

    #[test]
    fn a_folder_that_a_framework_chose_does_not_hide_the_users_setting() {
        let folders = find(&[("HOME", "/home/anna")]).within(Path::new("/srv/x"));
        let consents: Vec<PathBuf> = folders.consents().collect();
        assert_eq!(consents[0], Path::new("/srv/x/consent"));
        assert_eq!(
            consents[1..],
            find(&[("HOME", "/home/anna")])
                .consents()
                .collect::<Vec<_>>()
        );
        assert_eq!(folders.framework("rig"), Some("/srv/x/state/rig".into()));
    }
}
