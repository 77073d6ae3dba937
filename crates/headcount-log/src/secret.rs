//! The collector's secret: 32 random bytes that key every stored hash, and never leave the folder.

use std::io;
use std::path::Path;

use crate::disk::{Disk, RealDisk};
use crate::folder::holds_data;
use crate::private_file;

/// Reads the secret of the data folder `dir`, or creates it (mode 0600, durable before it is returned). Logs a warning where
/// the folder already holds data, which were keyed with another secret.
///
/// # Errors
///
/// The folder cannot be written, or `secret` exists and is not 32 bytes long: it is never replaced, because every key
/// stored so far depends on it.
pub fn load_or_create_secret(dir: &Path) -> io::Result<[u8; 32]> {
    load_or_create_on(&RealDisk::default(), dir)
}

fn load_or_create_on(disk: &dyn Disk, dir: &Path) -> io::Result<[u8; 32]> {
    disk.create_root(&std::path::absolute(dir)?)?;
    let path = dir.join("secret");
    if let Some(secret) = load(disk, &path)? {
        return Ok(secret);
    }
    if holds_data(disk, dir)? {
        tracing::warn!(
            folder = %dir.display(),
            "the data folder holds data but no secret; creating a new one: known crews will count as new ones, and senders can \
             no longer erase earlier data; restore the file `secret` from a backup if there is one"
        );
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    match private_file::create(disk, &path, &secret) {
        Ok(()) => Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            load(disk, &path)?.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

fn load(disk: &dyn Disk, path: &Path) -> io::Result<Option<[u8; 32]>> {
    let Some(bytes) = private_file::read(disk, path)? else {
        return Ok(None);
    };
    let secret = bytes.try_into().map_err(|bytes: Vec<u8>| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{} holds {} bytes, not 32; restore it from a backup",
                path.display(),
                bytes.len()
            ),
        )
    })?;
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_created_once_and_only_the_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_create_secret(dir.path()).unwrap();
        assert_eq!(load_or_create_secret(dir.path()).unwrap(), first);
        let mode = fs::metadata(dir.path().join("secret"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_secret_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), [1; 31]).unwrap();
        assert!(load_or_create_secret(dir.path()).is_err());
        assert_eq!(fs::read(dir.path().join("secret")).unwrap(), [1; 31]);
    }
}
