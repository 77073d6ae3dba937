//! Small files that only their owner may read, and that are made once: the collector's secret, its access token.

use std::io::{self, Write as _};
use std::path::Path;

use crate::disk::{Disk, RealDisk};

/// Reads the file `path`, or creates it with `content`: readable by its owner alone (mode 0600), and durable before this
/// returns. The flag says whether it was created. The folder is created if it is missing.
///
/// # Errors
///
/// The file cannot be read, or the folder cannot be written.
pub fn read_or_create(path: &Path, content: &[u8]) -> io::Result<(Vec<u8>, bool)> {
    read_or_create_on(&RealDisk::default(), path, content)
}

fn read_or_create_on(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<(Vec<u8>, bool)> {
    let path = std::path::absolute(path)?;
    if let Some(bytes) = read(disk, &path)? {
        return Ok((bytes, false));
    }
    if let Some(folder) = path.parent() {
        disk.create_root(folder)?;
    }
    match create(disk, &path, content) {
        Ok(()) => Ok((content.to_vec(), true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let bytes = read(disk, &path)?.ok_or(error)?;
            Ok((bytes, false))
        }
        Err(error) => Err(error),
    }
}

/// The content of the file, `None` if it does not exist.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match disk.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates the file `path`, an absolute path in a folder that exists, with the whole of `content` or not at all.
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`]: another process was faster, and its file stays. Else the folder cannot be written.
pub(crate) fn create(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let mut file = disk.create_private(&unfinished)?;
    let written = file.write_all(content).and_then(|()| file.sync());
    drop(file);
    // A link, not a rename: of two processes that start at once the second keeps the first one's file.
    let linked = written.and_then(|()| disk.link(&unfinished, path));
    disk.remove(&unfinished)?;
    linked?;
    match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::fs;

    use super::*;
    use crate::testing::SimulatedDisk;

    #[cfg(unix)]
    #[test]
    fn a_file_is_created_once_with_its_folder_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/token");
        let first = read_or_create(&path, b"first").unwrap();
        assert_eq!(first, (b"first".to_vec(), true));
        let second = read_or_create(&path, b"second").unwrap();
        assert_eq!(second, (b"first".to_vec(), false));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let names = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(names.count(), 1, "nothing unfinished is left");
    }
    #[test]
    fn after_a_loss_of_power_the_file_is_whole_and_what_was_returned_stays() {
        for seed in 0..40 {
            for operations in 0..12 {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("data/token");
                let disk = SimulatedDisk::new(seed);
                disk.lose_power_after(Some(operations));
                let returned = read_or_create_on(&disk, &path, b"first");
                disk.crash();
                let (content, _) = read_or_create_on(&disk, &path, b"second").unwrap();
                match returned {
                    Ok(_) => assert_eq!(content, b"first", "{seed} {operations}"),
                    Err(_) => assert!(
                        content == b"first" || content == b"second",
                        "{seed} {operations}: {content:?}"
                    ),
                }
            }
        }
    }
}
