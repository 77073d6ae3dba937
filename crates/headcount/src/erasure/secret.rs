//! The installation's secret: 32 random bytes under which keys and erasure tokens are made.

use std::path::Path;

use crate::platform::{files, random};

/// The name of the file in a framework's folder.
pub(crate) const SECRET: &str = "secret";

/// The installation's secret: created on first use, never sent. If it cannot be saved, it lasts as long as the process.
pub(crate) fn secret(folder: Option<&Path>) -> [u8; 32] {
    folder
        .and_then(saved_secret)
        .unwrap_or_else(random::from_system)
}

/// The secret, created on first use; `None` if it cannot be saved.
pub(crate) fn saved_secret(folder: &Path) -> Option<[u8; 32]> {
    let path = folder.join(SECRET);
    let read = || -> Option<[u8; 32]> { files::read(&path, 64).ok()?.try_into().ok() };
    if let Some(secret) = read() {
        return Some(secret);
    }
    if path.exists() {
        // Truncated by a power cut, or not ours: of no use.
        let _best_effort = std::fs::remove_file(&path);
    }
    let fresh: [u8; 32] = random::from_system();
    // Several processes may do this at once: only one link succeeds, and the file is complete when it appears.
    let draft = folder.join(format!("secret.{}.new", random::Id::random().as_str()));
    let is_saved =
        files::replace(&draft, &fresh).is_ok() && std::fs::hard_link(&draft, &path).is_ok();
    let _best_effort = std::fs::remove_file(&draft);
    match is_saved {
        true => Some(fresh),
        false => read(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_created_once_and_a_damaged_one_is_replaced() {
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
