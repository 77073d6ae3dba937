//! Files of the data folder, replaced by intact copies.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headcount_log::disk::Disk;

use crate::error::LakeError;

/// Where intact copies of a data folder's files may be found: a backup of it.
pub trait IntactFiles {
    /// The names of the copies of the file that is `path` in the data folder (with `/` between its parts), the newest first.
    fn copies(&self, path: &str) -> Vec<String>;

    /// Writes one of them to `to`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`]: the copy itself is damaged, or not there. Else the operating system refused.
    fn write(&self, copy: &str, to: &mut dyn io::Write) -> io::Result<()>;
}

/// Copies of the files of one data folder.
pub(super) struct Copies<'a> {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    backup: Option<&'a dyn IntactFiles>,
}

impl<'a> Copies<'a> {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        root: PathBuf,
        backup: Option<&'a dyn IntactFiles>,
    ) -> Self {
        Self { disk, root, backup }
    }

    /// Replaces the file `path` by the newest copy that `is_intact` takes; returns whether there is one. A crash leaves the old file or the
    /// whole new one.
    pub(super) fn replace(
        &self,
        path: &Path,
        is_intact: impl Fn(&Path) -> bool,
    ) -> Result<bool, LakeError> {
        let Some(backup) = self.backup else {
            return Ok(false);
        };
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let mut name = path.as_os_str().to_owned();
        name.push(".restored.tmp");
        let unfinished = Path::new(&name);
        for copy in backup.copies(&relative.to_string_lossy()) {
            let is_whole = self.write(backup, &copy, unfinished)?;
            if is_whole && is_intact(unfinished) {
                self.disk
                    .rename_durably(unfinished, path)
                    .map_err(LakeError::io("replace", path))?;
                return Ok(true);
            }
            self.disk
                .remove(unfinished)
                .map_err(LakeError::io("remove", unfinished))?;
        }
        Ok(false)
    }

    /// Writes a copy to a new file; returns whether it is as it was backed up.
    fn write(
        &self,
        backup: &dyn IntactFiles,
        copy: &str,
        unfinished: &Path,
    ) -> Result<bool, LakeError> {
        let failed = |action| LakeError::io(action, unfinished);
        if let Some(folder) = unfinished.parent() {
            self.disk.create_folder(folder).map_err(failed("create"))?;
        }
        if self.disk.exists(unfinished) {
            self.disk.remove(unfinished).map_err(failed("remove"))?;
        }
        let mut file = self.disk.create(unfinished).map_err(failed("create"))?;
        match backup.write(copy, &mut file) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(failed("restore")(error)),
        }
        file.sync().map_err(failed("sync"))?;
        Ok(true)
    }
}
