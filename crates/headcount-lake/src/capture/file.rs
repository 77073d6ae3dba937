//! One file of a capture.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use headcount_catalog::Table;
use headcount_log::disk::{Disk, RealDisk};
use parquet::file::reader::ChunkReader as _;

use crate::check::Finding;
use crate::damage::GONE;
use crate::delta::log::{ActiveFile, TableLog};
use crate::error::{LakeError, is_bad_medium};
use crate::parquet_file::is_ours;
use crate::table_file;

/// A file of a captured data folder.
#[derive(Debug)]
pub struct CapturedFile {
    /// Relative to the data folder, with `/` between its parts.
    pub path: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Read(Bytes),
    /// Other parts of the program change it, or remove it, by themselves.
    Plain(PathBuf),
    OfTable(Box<OfTable>),
}

/// A Parquet file that belongs to its table at the moment of the capture.
#[derive(Debug)]
struct OfTable {
    folder: PathBuf,
    table: Table,
    file: ActiveFile,
}

/// Why a file cannot be copied.
#[derive(Debug)]
pub enum Unreadable {
    /// It was removed by whoever it belongs to, and a copy does without it.
    Removed,
    /// It left its table since, and was removed: the capture is too old, and another one names the files that replaced it.
    Replaced,
    /// It is damaged, or missing although its table has it.
    Damaged(Finding),
}

impl CapturedFile {
    pub(super) fn read(path: String, bytes: Vec<u8>) -> Self {
        let content = Content::Read(bytes.into());
        Self { path, content }
    }

    pub(super) fn plain(path: String, file: PathBuf) -> Self {
        let content = Content::Plain(file);
        Self { path, content }
    }

    pub(super) fn of_table(path: String, folder: &Path, table: &Table, file: ActiveFile) -> Self {
        let content = Content::OfTable(Box::new(OfTable {
            folder: folder.to_path_buf(),
            table: table.clone(),
            file,
        }));
        Self { path, content }
    }

    /// The bytes of one that was read already.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Read(bytes) => bytes,
            _ => &[],
        }
    }

    /// A number that is another one, but for a chance of 1 in 2³², where a file of the same path has other bytes; `None` for a file
    /// that may change under its path. A file with one need not be read again by whoever has copied it.
    pub fn identity(&self) -> Option<u32> {
        let Content::OfTable(of_table) = &self.content else {
            return None;
        };
        let file = &of_table.file;
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let checksums = file.checksums.as_ref().filter(|_| is_ours(name))?;
        let text = format!("{}:{checksums}", file.size);
        Some(crc32fast::hash(text.as_bytes()))
    }

    /// Its bytes. An error, also one of a later read, is to be given to [`CapturedFile::judge`]; a block that does not match
    /// its checksum is one.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or is damaged.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        let disk = RealDisk::default();
        match &self.content {
            Content::Read(bytes) => Ok(Box::new(bytes.clone().reader())),
            Content::Plain(path) => Ok(Box::new(disk.open(path)?)),
            Content::OfTable(of_table) => of_table.open(&disk),
        }
    }

    /// Tells what an error in opening or reading the file means.
    ///
    /// # Errors
    ///
    /// The operating system refused: another attempt may succeed.
    pub fn judge(&self, error: io::Error) -> Result<Unreadable, LakeError> {
        use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
        let is_gone = error.kind() == NotFound;
        // A bad sector: the other files can be read.
        let is_bad = is_bad_medium(&error);
        match &self.content {
            Content::Plain(_) if is_bad => Ok(Unreadable::Damaged(Finding {
                path: PathBuf::from(&self.path),
                table: None,
                rows: None,
                problem: error.to_string(),
            })),
            Content::Plain(_) if is_gone => Ok(Unreadable::Removed),
            Content::OfTable(of_table) if is_gone => match of_table.is_current() {
                true => Ok(Unreadable::Damaged(of_table.finding(&self.path, GONE))),
                false => Ok(Unreadable::Replaced),
            },
            Content::OfTable(of_table)
                if is_bad || matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) =>
            {
                let problem = error.to_string();
                Ok(Unreadable::Damaged(of_table.finding(&self.path, &problem)))
            }
            _ => Err(LakeError::io("read", &self.path)(error)),
        }
    }
}

impl OfTable {
    fn open(&self, disk: &dyn Disk) -> io::Result<Box<dyn Read>> {
        let path = self.folder.join(&self.file.path);
        let checksums = self.file.checksums.as_ref();
        if checksums.is_none() {
            // Without checksums, decoding it is all that can be compared.
            table_file::check(disk, &self.folder, &self.file).map_err(into_io)?;
        }
        let file = table_file::verified(disk, &path, checksums).map_err(into_io)?;
        Ok(Box::new(file.get_read(0).map_err(io::Error::other)?))
    }

    /// Whether the table's log, as it is now, has the file.
    fn is_current(&self) -> bool {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
        let log = TableLog::open(&disk, &self.folder, &self.table, "");
        log.is_ok_and(|log| log.contains(&self.file))
    }

    fn finding(&self, path: &str, problem: &str) -> Finding {
        Finding {
            path: PathBuf::from(path),
            table: Some(self.table.name.clone()),
            rows: self.file.rows,
            problem: problem.to_owned(),
        }
    }
}

fn into_io(error: LakeError) -> io::Error {
    match error {
        LakeError::Io { source, .. } => source,
        LakeError::UnreadableFile { source, .. } => {
            io::Error::new(io::ErrorKind::InvalidData, source.to_string())
        }
        other => io::Error::other(other),
    }
}
