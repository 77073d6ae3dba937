//! The checksum of a checkpoint.
//!
//! It stands in the `tags` of `_last_checkpoint` (Delta protocol, "Last Checkpoint File"), since no part of a Parquet file covers the
//! file's own footer. The tag ends in a checksum of itself: `_last_checkpoint` is only a hint, and damage of the hint must not
//! make a sound checkpoint look damaged.

use std::path::Path;

use headcount_log::disk::Disk;
use serde_json::Value;

use super::{LAST_CHECKPOINT, name};
use crate::error::LakeError;

/// The name of the tag.
pub(super) const TAG: &str = "headcount.crc32";

/// The tag of the checkpoint of `version` with these bytes.
pub(super) fn of(version: u64, bytes: &[u8]) -> String {
    let sum = crc32fast::hash(bytes);
    let text = format!("{version}:{}:{sum:08x}", bytes.len());
    format!("{text}:{:08x}", crc32fast::hash(text.as_bytes()))
}

/// Fails where the checkpoint `file` is not as it was written. A checkpoint that `_last_checkpoint` has no tag of passes.
pub(super) fn check(disk: &dyn Disk, file: &Path) -> Result<(), LakeError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let Some(tag) = tag(disk, &folder.join(LAST_CHECKPOINT)) else {
        return Ok(());
    };
    let version = tag
        .split(':')
        .next()
        .and_then(|version| version.parse::<u64>().ok());
    let file_name = file.file_name().unwrap_or_default();
    let Some(version) = version.filter(|version| *file_name == *name(*version)) else {
        return Ok(());
    };
    let bytes = disk.read(file).map_err(LakeError::io("read", file))?;
    if of(version, &bytes) == tag {
        return Ok(());
    }
    Err(LakeError::Damaged {
        path: file.to_path_buf(),
        offset: 0,
        reason: "the checkpoint does not match its checksum".to_owned(),
    })
}

/// The tag of the newest checkpoint, if it is whole.
fn tag(disk: &dyn Disk, hint: &Path) -> Option<String> {
    let hint: Value = serde_json::from_slice(&disk.read(hint).ok()?).ok()?;
    let tag = hint["tags"][TAG].as_str()?;
    let (text, own) = tag.rsplit_once(':')?;
    (format!("{:08x}", crc32fast::hash(text.as_bytes())) == own).then(|| tag.to_owned())
}
