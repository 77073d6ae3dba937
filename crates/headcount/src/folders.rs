//! Where files are kept. Nothing is created here: a folder is made when there is something to put in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Replaces both folders, for tests and for machines without a home.
pub const HOME_VARIABLE: &str = "HEADCOUNT_HOME";

/// The folders of one person on one machine. Either may be missing: a container need not have a home.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Folders {
    /// What the person decided: `consent`. More than one where a framework was given a folder of its own: the stricter
    /// word counts.
    pub(crate) settings: Vec<PathBuf>,
    /// One folder a framework: spool, ledger, secret.
    pub(crate) state: Option<PathBuf>,
    /// What this machine's administrator decided.
    pub(crate) system: Option<PathBuf>,
}

impl Folders {
    /// Reads the environment through `variable`.
    pub(crate) fn find(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // A relative path would put files wherever the program was started.
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

    /// The same, with everything in `home`, which a framework chose. The person's own word still counts.
    #[must_use]
    pub(crate) fn within(mut self, home: &Path) -> Self {
        if home.is_absolute() {
            self.settings.insert(0, home.to_owned());
            self.state = Some(home.join("state"));
        }
        self
    }

    /// The files that hold the person's word; the first is the one that is written.
    pub(crate) fn consents(&self) -> impl Iterator<Item = PathBuf> {
        self.settings.iter().map(|folder| folder.join("consent"))
    }

    /// The file that holds the administrator's word.
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
    let or_home = |folder: Option<PathBuf>| folder.or_else(crate::platform::home);
    (or_home(folder("APPDATA")), or_home(folder("LOCALAPPDATA")))
}

#[cfg(target_os = "macos")]
fn personal_folders(folder: Find<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let home = folder("HOME").or_else(crate::platform::home);
    let support = home.map(|home| home.join("Library/Application Support"));
    (support.clone(), support)
}

/// XDG Base Directory Specification 0.8.
#[cfg(not(any(windows, target_os = "macos")))]
fn personal_folders(folder: Find<'_>) -> (Option<PathBuf>, Option<PathBuf>) {
    let home = folder("HOME").or_else(crate::platform::home);
    let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
    (
        folder("XDG_CONFIG_HOME").or_else(|| under_home(".config")),
        folder("XDG_STATE_HOME").or_else(|| under_home(".local/state")),
    )
}

/// Creates a folder, for its owner's eyes only.
pub(crate) fn create(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    let _ = builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        let _ = builder.mode(0o700);
    }
    builder.create(folder)
}

/// Options that create a file for its owner's eyes only.
pub(crate) fn private_file() -> std::fs::OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no modes"))]
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let _ = options.mode(0o600);
    }
    options
}

/// Opens a file of ours that many processes share, and replaces what cannot be used: what another user left in a folder
/// that is not his (one run under sudo is enough), a link, a folder.
pub(crate) fn open_shared(
    path: &Path,
    options: &std::fs::OpenOptions,
) -> std::io::Result<std::fs::File> {
    let mut options = options.clone();
    crate::platform::only_plain(&mut options);
    match options.open(path) {
        Err(error) if !is_usable(path) => {
            // What cannot be removed, a folder with something in it, is moved out of the way.
            let moved = std::fs::remove_file(path)
                .or_else(|_| std::fs::remove_dir(path))
                .or_else(|_| {
                    let name: crate::random::Text<16> =
                        crate::random::hex(crate::random::from_system::<8>());
                    std::fs::rename(path, path.with_extension(name.as_str()))
                });
            match moved {
                Ok(()) => options.open(path),
                Err(_) => Err(error),
            }
        }
        result => result,
    }
}

/// Whether what is at `path` is a plain file of this user's, or nothing.
fn is_usable(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_file() && crate::platform::is_ours(&metadata),
        Err(_) => true,
    }
}

/// Whether this user may not look into `folder`, as into one that a run under sudo made.
pub(crate) fn is_closed(folder: &Path) -> bool {
    let inside = std::fs::symlink_metadata(folder.join("."));
    inside.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// The first `limit` bytes of a plain file. Whatever else may stand in its place (a pipe, a folder) is an error and is not
/// waited for.
pub(crate) fn read(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    let _length = std::fs::File::open(path)?
        .take(limit)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a small file of ours; empty where there is none, or none that can be read.
pub(crate) fn read_text(path: &Path) -> String {
    let bytes = read(path, 4_096).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Puts `content` in the place of `path` at once: a reader sees the old file or the new one. A power cut may bring the old
/// one back.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    put(path, content, |_| Ok(()))
}

/// The same for a person's word: it is on the medium before this returns.
pub(crate) fn replace_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    put(path, content, std::fs::File::sync_all)?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes the names in a folder durable, where the system lets a program ask for that.
fn sync(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn put(
    path: &Path,
    content: &[u8],
    settle: impl FnOnce(&std::fs::File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    create(folder)?;
    let suffix: crate::random::Text<16> = crate::random::hex(crate::random::from_system::<8>());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!("{name}.{}.new", suffix.as_str()));
    let written = private_file()
        .write(true)
        .create_new(true)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(content)?;
            settle(&file)
        })
        .and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _best_effort = std::fs::remove_file(&draft);
    }
    written
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
    fn without_a_variable_the_home_is_the_one_that_the_system_knows() {
        let known = crate::platform::home();
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
    fn a_folder_that_a_framework_chose_does_not_hide_the_persons_word() {
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

    #[test]
    fn what_stands_in_the_place_of_a_shared_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.tsv");
        let mut options = private_file();
        let _ = options.append(true).create(true);
        std::fs::create_dir_all(path.join("with/something")).unwrap();
        assert!(open_shared(&path, &options).is_ok());
        assert!(path.is_file());
        #[cfg(unix)]
        {
            let elsewhere = folder.path().join("elsewhere");
            std::fs::write(&elsewhere, "the host's").unwrap();
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
            let mut file = open_shared(&path, &options).unwrap();
            std::io::Write::write_all(&mut file, b"ours").unwrap();
            assert_eq!(std::fs::read(&elsewhere).unwrap(), b"the host's");
            assert!(!std::fs::symlink_metadata(&path).unwrap().is_symlink());
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/consent");
        replace(&path, b"on\n").unwrap();
        replace(&path, b"off\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"off\n");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
