//! Small files that several processes share: private to their owner, replaced atomically, never written through a link.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

use super::own::OwnFile;
use super::{os, random};

/// Creates a folder that only its owner may read.
pub(crate) fn create(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Options that create a file that only its owner may read.
pub(crate) fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "other systems have no modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Opens a file of the client.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> std::io::Result<OwnFile> {
    OwnFile::new(options.open(path)?)
}

/// Opens a file that several processes share. Replaces anything in its place that cannot be used: a link, a folder, a file
/// of another user (as after a run under `sudo`).
pub(crate) fn open_shared(path: &Path, options: &OpenOptions) -> std::io::Result<OwnFile> {
    let mut options = options.clone();
    os::only_plain(&mut options);
    match open(path, &options) {
        Err(error) if !is_usable(path) => {
            // A folder that is not empty cannot be removed, so it is renamed.
            let moved = std::fs::remove_file(path)
                .or_else(|_| std::fs::remove_dir(path))
                .or_else(|_| {
                    let name: random::Text<16> = random::hex(random::from_system::<8>());
                    std::fs::rename(path, path.with_extension(name.as_str()))
                });
            match moved {
                Ok(()) => open(path, &options),
                Err(_) => Err(error),
            }
        }
        result => result,
    }
}

/// Whether `path` is a plain file of this user, or does not exist.
fn is_usable(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.is_file() && os::is_ours(&metadata),
        Err(_) => true,
    }
}

/// Whether an error says that there is no file.
pub(crate) fn is_absence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Whether this user may not read `folder`, for example after a run under `sudo` created it.
pub(crate) fn is_closed(folder: &Path) -> bool {
    let inside = std::fs::symlink_metadata(folder.join("."));
    inside.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// The first `limit` bytes of a plain file. Anything else at `path`, such as a pipe or a folder, is an error; it is not
/// opened, which could block.
pub(crate) fn read(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    let file = open(path, OpenOptions::new().read(true))?;
    let _length = file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a small file; empty if there is none, or it cannot be read.
pub(crate) fn read_text(path: &Path) -> String {
    let bytes = read(path, 4_096).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Replaces `path` atomically: a reader sees the old content or the new one. After a power cut it may be the old one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    put(path, content, |_| Ok(()))
}

/// Replaces `path` atomically and durably: the content is on the medium before this returns.
pub(crate) fn replace_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    put(path, content, File::sync_all)?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes the names in a folder durable, if the system supports it.
fn sync(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    open(folder, OpenOptions::new().read(true))?
        .get()?
        .sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn put(
    path: &Path,
    content: &[u8],
    settle: impl FnOnce(&File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create(folder)?;
    let suffix: random::Text<16> = random::hex(random::from_system::<8>());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!("{name}.{}.new", suffix.as_str()));
    let written = open(&draft, private_file().write(true).create_new(true))
        .and_then(|mut file| {
            file.write_all(content)?;
            settle(file.get()?)
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

    #[test]
    fn anything_unusable_in_place_of_a_shared_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.tsv");
        let mut options = private_file();
        options.append(true).create(true);
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
