//! Reading a table's Parquet files, with errors that name the file and tell damage from a disk that refuses.

use std::io;
use std::path::Path;

use arrow::error::ArrowError;
use headcount_log::disk::Disk;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use crate::checksum::BlockChecksums;
use crate::delta::log::ActiveFile;
use crate::error::{LakeError, is_bad_medium};
use crate::verified_file::VerifiedFile;

/// Opens a file and reads its footer. What is read is compared with `checksums`, if the file's log has some.
pub(crate) fn open(
    disk: &dyn Disk,
    path: &Path,
    checksums: Option<&BlockChecksums>,
) -> Result<ParquetRecordBatchReaderBuilder<VerifiedFile>, LakeError> {
    let file = verified(disk, path, checksums)?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable(path))
}

/// Opens a file, to read it as it is.
pub(crate) fn verified(
    disk: &dyn Disk,
    path: &Path,
    checksums: Option<&BlockChecksums>,
) -> Result<VerifiedFile, LakeError> {
    let file = disk
        .open(path)
        .map_err(|error| match is_bad_medium(&error) {
            true => unreadable(path)(error),
            false => LakeError::io("open", path)(error),
        })?;
    VerifiedFile::new(file, checksums).map_err(unreadable(path))
}

/// Reads the whole of an active file of the table in `folder`: compares it with its checksums, or decodes it where it has none.
pub(crate) fn check(disk: &dyn Disk, folder: &Path, file: &ActiveFile) -> Result<(), LakeError> {
    let path = folder.join(&file.path);
    if file.checksums.is_some() {
        let opened = verified(disk, &path, file.checksums.as_ref())?;
        return opened.verify().map_err(unreadable(&path));
    }
    for batch in open(disk, &path, None)?
        .build()
        .map_err(unreadable(&path))?
    {
        batch.map_err(unreadable(&path))?;
    }
    Ok(())
}

/// An error met in reading the file `path`: damage, unless the operating system refused.
pub(crate) fn unreadable<E>(path: &Path) -> impl FnOnce(E) -> LakeError
where
    E: Into<ReadError>,
{
    let path = path.to_path_buf();
    move |error| match error.into() {
        ReadError::System(source) => LakeError::Io {
            action: "read",
            path,
            source,
        },
        ReadError::Content(source) => LakeError::UnreadableFile { path, source },
    }
}

/// The cause of a failed read.
pub(crate) enum ReadError {
    /// The operating system refused, for example because no descriptor is left: another attempt may succeed.
    System(io::Error),
    /// The bytes are not those of a Parquet file that this version can read, or the medium does not give them.
    Content(Box<dyn std::error::Error + Send + Sync>),
}

impl From<ParquetError> for ReadError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(source) => Self::from(*source),
                Err(source) => Self::Content(source),
            },
            other => Self::Content(Box::new(other)),
        }
    }
}

impl From<ArrowError> for ReadError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::from(source),
            other => Self::Content(Box::new(other)),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(source: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match source.kind() {
            // These come from the content: an offset behind the end, or text that is not UTF-8.
            UnexpectedEof | InvalidData | InvalidInput => Self::Content(Box::new(source)),
            // A bad sector costs the file that is on it, as other damage does: the other files can be read.
            _ if is_bad_medium(&source) => Self::Content(Box::new(source)),
            _ => Self::System(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_sector_is_damage_and_a_refusal_is_none_whoever_reads() {
        const EIO: i32 = 5;
        const EMFILE: i32 = 24;
        let path = Path::new("a.parquet");
        let system = io::Error::from_raw_os_error;
        let by_all = |code: i32| -> [LakeError; 3] {
            [
                unreadable(path)(system(code)),
                unreadable(path)(ParquetError::External(Box::new(system(code)))),
                unreadable(path)(ArrowError::IoError(String::new(), system(code))),
            ]
        };
        let is_damage = |error: &LakeError| matches!(error, LakeError::UnreadableFile { .. });
        assert!(by_all(EIO).iter().all(is_damage));
        assert!(!by_all(EMFILE).iter().any(is_damage));
    }
}
