//! The proof of an erasure: reads every byte of a data folder, and tells where something is left. Changes nothing.
//!
//! It shares only the names of the crews with the erasure, and nothing of how that finds files and rows: it knows no log and no table, and
//! looks at each text of a row, in whatever column it stands.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use headcount_log::disk::{Disk, DiskEntry, RealDisk};
use headcount_log::erasure::{CrewNames, CrewOrders, CrewSelection};
use headcount_log::folder::check_format;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::erasure::CREW_ORDERS;
use crate::erasure::rows::BATCH_ROWS;
use crate::error::{LakeError, is_bad_medium};
use crate::row_texts::RowTexts;
use crate::table_file::{self, unreadable};
use crate::verified_file::VerifiedFile;

/// Bytes of a file that are searched at a time; what stands across two of them is searched again.
const WINDOW: usize = 1 << 20;
const OVERLAP: usize = 64;

/// The result of a proof.
#[derive(Debug, Default)]
pub struct Proof {
    /// The number of files that were read, each as a whole.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The rows of Parquet files that were decoded, also of files that belong to no table.
    pub rows: u64,
    /// The number of orders to erase crews whose names were looked for, besides the selection.
    pub orders: u64,
    /// Where something is left, and which files cannot be read.
    pub left: Vec<Left>,
}

/// A place where something is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The file, relative to the data folder.
    pub path: PathBuf,
    /// The offset of the first byte, or the number of the first row in a Parquet file, counted from 0; `None` for a file that cannot
    /// be read.
    pub place: Option<u64>,
    /// The number of rows, in a Parquet file.
    pub rows: Option<u64>,
    /// What it is, in one sentence.
    pub what: String,
}

/// Searches each file of the data folder `dir` for the crews of `selection`, and for those of all orders that were carried out.
///
/// It looks for the names anywhere in the bytes, and decodes each Parquet file and looks for the crews' rows.
///
/// # Errors
///
/// The folder does not exist, or the operating system refuses to read a file of it.
pub fn prove_erased(dir: &Path, selection: Option<&CrewSelection>) -> Result<Proof, LakeError> {
    let disk = RealDisk::default();
    let root = disk.canonical(dir).map_err(LakeError::io("open", dir))?;
    let _version = check_format(&disk, &root)?;
    let orders = CrewOrders::read_all(&disk, &root.join(CREW_ORDERS))?.orders;
    let done = orders.into_iter().filter(|order| order.is_done());
    let mut names: Vec<Arc<CrewNames>> = done.map(|order| order.names).collect();
    let orders = names.len() as u64;
    if let Some(selection) = selection {
        let of = CrewNames::new(selection);
        let of = of.map_err(LakeError::io("draw random bytes for", "a selection"))?;
        names.push(Arc::new(of));
    }
    let mut search = Search {
        disk,
        names,
        proof: Proof {
            orders,
            ..Proof::default()
        },
    };
    search.folder(&root)?;
    for left in &mut search.proof.left {
        if let Ok(below) = left.path.strip_prefix(&root) {
            left.path = below.to_path_buf();
        }
    }
    Ok(search.proof)
}

struct Search {
    disk: RealDisk,
    names: Vec<Arc<CrewNames>>,
    proof: Proof,
}

impl Search {
    fn folder(&mut self, folder: &Path) -> Result<(), LakeError> {
        let entries = match self.disk.list(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            listed => listed.map_err(LakeError::io("list", folder))?,
        };
        for DiskEntry { path, .. } in entries {
            if self.disk.is_folder(&path) {
                self.folder(&path)?;
                continue;
            }
            match self.file(&path) {
                // A running collector removed it.
                Err(LakeError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error @ LakeError::UnreadableFile { .. }) => {
                    let cause = std::error::Error::source(&error);
                    let reason = cause.map_or_else(|| error.to_string(), ToString::to_string);
                    let what = format!("cannot be decoded, so nobody knows: {reason}");
                    self.leave(&path, None, None, what);
                }
                Err(LakeError::Io { source, .. }) if is_bad_medium(&source) => {
                    let what = format!("cannot be read, so nobody knows: {source}");
                    self.leave(&path, None, None, what);
                }
                result => result?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), LakeError> {
        let begins_with = self.bytes(path)?;
        match begins_with.starts_with(b"PAR1") {
            true => self.rows(path),
            false => Ok(()),
        }
    }

    /// Searches the bytes as they are; returns the first ones.
    fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, LakeError> {
        let mut file = self.disk.open(path).map_err(LakeError::io("open", path))?;
        let mut window = Vec::new();
        let (mut offset, mut head) = (0, Vec::new());
        let mut is_found = false;
        loop {
            let before = window.len();
            let read = (&mut file).take(WINDOW as u64).read_to_end(&mut window);
            let read = read.map_err(LakeError::io("read", path))?;
            if head.is_empty() {
                head = window.iter().copied().take(4).collect();
            }
            if !is_found && let Some(at) = self.find(&window) {
                is_found = true;
                let what = "a name of an erased crew stands in the bytes".to_owned();
                self.leave(path, Some(offset + at as u64), None, what);
            }
            self.proof.bytes += read as u64;
            if read == 0 {
                self.proof.files += 1;
                return Ok(head);
            }
            let kept = (before + read).min(OVERLAP);
            offset += (before + read - kept) as u64;
            window.drain(..before + read - kept);
        }
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.names
            .iter()
            .filter_map(|names| names.find_in(bytes))
            .min()
    }

    /// Decodes a Parquet file, and searches its rows.
    fn rows(&mut self, path: &Path) -> Result<(), LakeError> {
        let file = table_file::verified(&self.disk, path, None)?;
        let reader = ParquetRecordBatchReaderBuilder::<VerifiedFile>::try_new(file);
        let reader = reader.map_err(unreadable(path))?;
        let reader = reader.with_batch_size(BATCH_ROWS).build();
        let (mut first, mut found, mut before) = (None, 0, 0);
        for batch in reader.map_err(unreadable(path))? {
            let batch: RecordBatch = batch.map_err(unreadable(path))?;
            let texts = RowTexts::of(&batch)?;
            for row in 0..batch.num_rows() {
                let texts = || texts.row(row);
                if self.names.iter().any(|names| is_of(names, texts)) {
                    first = first.or(Some(before + row as u64));
                    found += 1;
                }
            }
            before += batch.num_rows() as u64;
        }
        self.proof.rows += before;
        if found > 0 {
            let what = format!("{found} rows of an erased crew are in it");
            self.leave(path, first, Some(found), what);
        }
        Ok(())
    }

    fn leave(&mut self, path: &Path, place: Option<u64>, rows: Option<u64>, what: String) {
        self.proof.left.push(Left {
            path: path.to_path_buf(),
            place,
            rows,
            what,
        });
    }
}

/// The columns that may name a row's crew by its key, the ones that say so first: a copy of a file may lie anywhere, so its table is not known.
const KEYS: [&str; 2] = ["crew_key", "key"];

/// Whether a row with these texts, each with its column, is of one of the crews: one of them is a name that was given, or the id of a run of
/// theirs. Senders choose ids: a row with such an id and another crew's key is that crew's.
fn is_of<'t, Texts>(names: &CrewNames, texts: impl Fn() -> Texts) -> bool
where
    Texts: Iterator<Item = (&'t str, &'t str)>,
{
    if texts().any(|(_, text)| names.selects(text)) {
        return true;
    }
    let key_in = |wanted| {
        let mut named = texts().filter(|(column, text)| *column == wanted && !text.is_empty());
        named.next().map(|(_, text)| text)
    };
    let key = || KEYS.into_iter().find_map(key_in);
    names.has_runs()
        && texts().any(|(_, text)| names.has_run(text, None) && names.has_run(text, key()))
}
