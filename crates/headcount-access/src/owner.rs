//! Files that belong to whoever owns the data folder.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

/// Gives an open file or folder to the owner of the folder `data`, if an administrator made it: `sudo headcount token new` must leave
/// nothing that the collector of another user cannot read.
pub(crate) fn give_to_owner_of(data: &Path, file: &File) -> io::Result<()> {
    let (owner, now) = (data.metadata()?, file.metadata()?);
    if owner.uid() == now.uid() {
        return Ok(());
    }
    fchown(file, Some(owner.uid()), Some(owner.gid()))
}
