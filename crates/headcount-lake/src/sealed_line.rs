//! Small files of the data folder: one line of JSON, and behind it the CRC-32 of that line as eight hexadecimal digits
//! (`docs/formats/tables.md`).

use std::io;
use std::path::Path;

use headcount_log::disk::Disk;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{LakeError, is_bad_medium};

/// Such a file as it was found.
#[derive(Debug)]
pub(crate) enum Found<T> {
    Whole(T),
    /// It does not exist.
    None,
    /// It cannot be read, for this reason.
    Damaged(String),
}

impl<T> Found<T> {
    /// The content of a whole file.
    pub(crate) fn whole(self) -> Option<T> {
        match self {
            Self::Whole(content) => Some(content),
            Self::None | Self::Damaged(_) => None,
        }
    }
}

/// Reads the file `path`.
///
/// # Errors
///
/// The operating system refuses to read it. A bad sector is damage.
pub(crate) fn read<T: DeserializeOwned>(
    disk: &dyn Disk,
    path: &Path,
) -> Result<Found<T>, LakeError> {
    match disk.read(path) {
        Ok(bytes) => Ok(match parse(&bytes) {
            Some(content) => Found::Whole(content),
            None => Found::Damaged("it does not match its checksum".to_owned()),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::None),
        Err(error) if is_bad_medium(&error) => Ok(Found::Damaged(error.to_string())),
        Err(error) => Err(LakeError::io("read", path)(error)),
    }
}

/// The content of a file's bytes; `None` where they are not as they were written.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (line, checksum) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let is_whole = checksum.trim_end() == format!("{:08x}", crc32fast::hash(line.as_bytes()));
    serde_json::from_str(line).ok().filter(|_| is_whole)
}

/// The text of a file with this content.
///
/// # Errors
///
/// The content has no form in JSON, which is a defect.
pub(crate) fn text<T: Serialize>(path: &Path, content: &T) -> Result<String, LakeError> {
    let line = serde_json::to_string(content);
    let line = line.map_err(|error| LakeError::io("write", path)(error.into()))?;
    let checksum = crc32fast::hash(line.as_bytes());
    Ok(format!("{line}\n{checksum:08x}\n"))
}

/// Writes the file `path`, durably.
///
/// # Errors
///
/// It cannot be written; the one that was there before stays.
pub(crate) fn write<T: Serialize>(
    disk: &dyn Disk,
    path: &Path,
    content: &T,
) -> Result<(), LakeError> {
    let text = text(path, content)?;
    disk.replace(path, text.as_bytes())
        .map_err(LakeError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_no_other_is() {
        let content = vec![3_u64, 5];
        let text = text(Path::new("numbers"), &content).unwrap();
        assert_eq!(parse(text.as_bytes()), Some(content));
        for (at, _) in text.char_indices().filter(|(_, letter)| *letter != '\n') {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(parse::<Vec<u64>>(&bytes), None, "byte {at}");
        }
        for cut in 0..text.len() - 1 {
            assert_eq!(parse::<Vec<u64>>(&text.as_bytes()[..cut]), None, "{cut}");
        }
    }
}
