//! The collector's secret: 32 random bytes that key every stored hash, and never leave the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads the secret of the data folder `dir`, or makes it (mode 0600, durable before it is returned); says so in the log where
/// there are data that were keyed with another.
///
/// # Errors
///
/// The folder cannot be written, or `secret` exists and is not 32 bytes long: it is never replaced, because every key
/// stored so far depends on it.
pub fn load_or_create_secret(dir: &Path) -> io::Result<[u8; 32]> {
    fs::create_dir_all(dir)?;
    let path = dir.join("secret");
    if let Some(secret) = load(&path)? {
        return Ok(secret);
    }
    if crate::folder::holds_data(dir)? {
        tracing::warn!(
            folder = %dir.display(),
            "the data folder holds data but no secret, so a new one is made: crews that were seen before will count as new ones, \
             and what came before can no longer be erased by its senders; restore the file `secret` from a backup if there is one"
        );
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    let unfinished = dir.join(format!(".secret.{}", uuid::Uuid::new_v4().simple()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    // A link, not a rename: of two processes that start at once the second keeps the first one's secret.
    let linked = fs::hard_link(&unfinished, &path);
    fs::remove_file(&unfinished)?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return load(&path)?.ok_or(error);
        }
        Err(error) => return Err(error),
    }
    File::open(dir)?.sync_all()?;
    Ok(secret)
}

fn load(path: &Path) -> io::Result<Option<[u8; 32]>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::with_capacity(33);
    let _length = file.take(33).read_to_end(&mut bytes)?;
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
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_only_the_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_create_secret(dir.path()).unwrap();
        assert_eq!(load_or_create_secret(dir.path()).unwrap(), first);
        let mode = fs::metadata(dir.path().join("secret"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_folder_that_was_only_opened_holds_no_data() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!crate::is_data_folder(dir.path()));
        let schema = crate::promises::schema();
        let lake = crate::Lake::open(dir.path(), schema, crate::promises::by_hand());
        let lake = lake.await.unwrap();
        assert!(crate::is_data_folder(dir.path()));
        assert!(!crate::folder::holds_data(dir.path()).unwrap());
        let _stored = lake.append(crate::promises::batch([1])).await.unwrap();
        assert!(crate::folder::holds_data(dir.path()).unwrap());
        lake.close().await.unwrap();
        assert!(crate::folder::holds_data(dir.path()).unwrap());
    }

    #[test]
    fn a_damaged_secret_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), [1; 31]).unwrap();
        assert!(load_or_create_secret(dir.path()).is_err());
        assert_eq!(fs::read(dir.path().join("secret")).unwrap(), [1; 31]);
    }
}
