//! Deduplication: a span that is sent again is acknowledged but not stored again.
//!
//! In memory: two generations of hash sets. When the young one is full it replaces the old one, which is dropped. So the
//! index remembers between half of its limit and the whole of it, in about 20 bytes per span at worst.
//!
//! On disk: fingerprints live in the log's frames until their segment is removed, then in `seen/` (`docs/formats/wal.md`).

use std::io::ErrorKind::NotFound;
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::LogError;
use crate::identity_hash::HashedSet;
use crate::wal::quarantine;

const MAGIC: &[u8; 8] = b"HEADCFPR";
const HEADER: usize = 12;
/// More files than this are merged into one.
const FILES: usize = 16;

/// The fingerprints of the spans stored last, in memory.
#[derive(Debug)]
pub struct DedupIndex {
    young: HashedSet,
    old: HashedSet,
    generation: usize,
}

impl DedupIndex {
    /// Remembers at most `limit` spans.
    pub fn new(limit: usize) -> Self {
        Self {
            young: HashedSet::default(),
            old: HashedSet::default(),
            generation: (limit / 2).max(1),
        }
    }

    /// Adds a span; `false` if it was there already.
    pub fn insert(&mut self, fingerprint: u64) -> bool {
        if self.old.contains(&fingerprint) || !self.young.insert(fingerprint) {
            return false;
        }
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        true
    }

    /// Removes spans that were inserted and then could not be stored.
    pub fn forget(&mut self, fingerprints: &[u64]) {
        for fingerprint in fingerprints {
            self.young.remove(fingerprint);
            self.old.remove(fingerprint);
        }
    }
}

/// The files in `seen/`: fingerprints of segments that were removed.
#[derive(Debug)]
pub struct DedupFiles {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// First sequence number (the file's name) and number of fingerprints, oldest first.
    files: Vec<(u64, usize)>,
    limit: usize,
}

impl DedupFiles {
    /// Reads the files in `folder` into `index`; keeps about `limit` fingerprints from now on.
    ///
    /// A damaged file is set aside under the ending `.damaged` and reported: without it, spans that are sent again may be counted
    /// twice, which is no reason to store nothing.
    ///
    /// # Errors
    ///
    /// A file cannot be read or renamed.
    pub fn load(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        limit: usize,
        index: &mut DedupIndex,
    ) -> Result<Self, LogError> {
        let mut names = Vec::new();
        for entry in disk.list(&folder).map_err(LogError::io("list", &folder))? {
            let digits = entry.name.strip_suffix(".fingerprints");
            names.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        names.sort_unstable();
        let mut files = Self {
            disk,
            folder,
            files: Vec::new(),
            limit,
        };
        for name in names {
            let Some(fingerprints) = files.read_or_set_aside(name)? else {
                continue;
            };
            for &fingerprint in &fingerprints {
                index.insert(fingerprint);
            }
            files.files.push((name, fingerprints.len()));
        }
        Ok(files)
    }

    /// The damaged files in `folder` that are not set aside yet, with the reasons. Changes nothing.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed, or a file cannot be read.
    pub fn damaged(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
    ) -> Result<Vec<(PathBuf, String)>, LogError> {
        let files = Self {
            disk,
            folder,
            files: Vec::new(),
            limit: 0,
        };
        let entries = files.disk.list(&files.folder);
        let mut damaged = Vec::new();
        for entry in entries.map_err(LogError::io("list", &files.folder))? {
            let stem = entry.name.strip_suffix(".fingerprints");
            let number = stem.and_then(|digits| digits.parse::<u64>().ok());
            match number.map(|number| files.read(number)) {
                Some(Err(error @ LogError::Damaged { .. })) => {
                    damaged.push((entry.path, error.to_string()));
                }
                // The writer merges these files.
                Some(Err(LogError::Io { source, .. })) if source.kind() == NotFound => {}
                Some(read) => drop(read?),
                None => {}
            }
        }
        Ok(damaged)
    }

    /// Whether these are the bytes of such a file, as they were written.
    pub fn is_whole(bytes: &[u8]) -> bool {
        bytes.len() >= HEADER
            && &bytes[..8] == MAGIC
            && bytes.len().is_multiple_of(8) == HEADER.is_multiple_of(8)
            && crc32fast::hash(&bytes[HEADER..]).to_le_bytes() == bytes[8..HEADER]
    }

    /// The fingerprints of a file; `None` if it was damaged, and is set aside.
    fn read_or_set_aside(&self, name: u64) -> Result<Option<Vec<u64>>, LogError> {
        match self.read(name) {
            Err(error @ LogError::Damaged { .. }) => self.set_aside(name, &error).map(|()| None),
            read => read.map(Some),
        }
    }

    fn set_aside(&self, name: u64, error: &LogError) -> Result<(), LogError> {
        let aside = quarantine::set_aside(&*self.disk, &self.path(name))?;
        tracing::error!(
            error = error as &dyn std::error::Error,
            kept_as = %aside.display(),
            "spans that are sent again may be counted twice: a file that remembers spans is damaged"
        );
        Ok(())
    }

    /// Keeps the fingerprints of the segment that began with `first`, and of those removed with it, durably.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written.
    pub fn keep(&mut self, first: u64, fingerprints: &[u64]) -> Result<(), LogError> {
        self.add(first, fingerprints)?;
        let mut newer = 0;
        let mut expired = 0;
        for (index, (_, count)) in self.files.iter().enumerate().rev() {
            if newer >= self.limit {
                expired = index + 1;
                break;
            }
            newer += count;
        }
        for (name, _) in self.files.drain(..expired).collect::<Vec<_>>() {
            self.remove(name)?;
        }
        if self.files.len() > FILES {
            self.merge()?;
        }
        Ok(())
    }

    /// Writes fingerprints to the file `first`, beside those that it has. It has some if the segment could not be removed after an
    /// earlier call, or a crash came before that; and by then it may have become the one file into which older ones were merged.
    fn add(&mut self, first: u64, fingerprints: &[u64]) -> Result<(), LogError> {
        let known = self.files.iter().position(|(name, _)| *name == first);
        let mut all = match known {
            Some(_) => self.read_or_set_aside(first)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let there: HashedSet = all.iter().copied().collect();
        let new = fingerprints.iter().copied();
        all.extend(new.filter(|fingerprint| !there.contains(fingerprint)));
        self.write(first, &all)?;
        match known {
            Some(index) => self.files[index].1 = all.len(),
            None => self.files.push((first, all.len())),
        }
        Ok(())
    }

    /// Merges the files into one, under the newest one's name. A crash before the others are removed leaves
    /// duplicates, which a set tolerates.
    fn merge(&mut self) -> Result<(), LogError> {
        let Some(&(newest, _)) = self.files.last() else {
            return Ok(());
        };
        // Large files stay apart, so that what is rewritten stays small and expiry stays fine-grained.
        let from = self
            .files
            .iter()
            .rposition(|(_, count)| *count > self.limit / 8);
        let from = from.map_or(0, |large| large + 1);
        let mut merged = Vec::new();
        for (name, _) in &self.files[from..] {
            merged.extend(self.read_or_set_aside(*name)?.unwrap_or_default());
        }
        self.write(newest, &merged)?;
        let old = self.files.split_off(from);
        self.files.push((newest, merged.len()));
        for (name, _) in old.into_iter().filter(|(name, _)| *name != newest) {
            if self.disk.exists(&self.path(name)) {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}.fingerprints"))
    }

    fn remove(&self, first: u64) -> Result<(), LogError> {
        let path = self.path(first);
        self.disk
            .remove(&path)
            .map_err(LogError::io("remove", &path))
    }

    fn write(&self, first: u64, fingerprints: &[u64]) -> Result<(), LogError> {
        let mut bytes = Vec::with_capacity(HEADER + fingerprints.len() * 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        for fingerprint in fingerprints {
            bytes.extend_from_slice(&fingerprint.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[HEADER..]);
        bytes[8..HEADER].copy_from_slice(&checksum.to_le_bytes());
        let path = self.path(first);
        self.disk
            .replace(&path, &bytes)
            .map_err(LogError::io("write", &path))
    }

    fn read(&self, first: u64) -> Result<Vec<u64>, LogError> {
        let path = self.path(first);
        let bytes = self.disk.read(&path).map_err(LogError::io("read", &path))?;
        if !Self::is_whole(&bytes) {
            return Err(LogError::Damaged {
                path,
                offset: 0,
                reason: "the checksum differs".to_owned(),
            });
        }
        let fingerprints = bytes[HEADER..].chunks_exact(8);
        Ok(fingerprints
            .map(|eight| u64::from_le_bytes(eight.try_into().unwrap_or_default()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::path::Path;

    use super::*;

    use crate::disk::RealDisk;

    fn load(folder: &Path, limit: usize, index: &mut DedupIndex) -> Result<DedupFiles, LogError> {
        let disk = Arc::new(RealDisk::default());
        DedupFiles::load(disk, folder.to_path_buf(), limit, index)
    }

    #[test]
    fn a_span_is_remembered_until_as_many_others_came() {
        let mut index = DedupIndex::new(8);
        assert!(index.insert(1));
        assert!(!index.insert(1));
        for other in 2..5 {
            assert!(index.insert(other));
        }
        assert!(!index.insert(1), "still in the old generation");
        index.forget(&[1]);
        assert!(index.insert(1));
    }

    /// Found by killing servers: the segment's own fingerprints took the place of all that were merged into the file of its name.
    #[test]
    fn a_segment_that_is_kept_again_after_a_crash_takes_no_other_fingerprints_away() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = load(dir.path(), 1 << 20, &mut DedupIndex::new(1 << 20)).unwrap();
        let last = FILES as u64 + 1;
        for first in 1..=last {
            files.keep(first, &[first]).unwrap();
        }
        assert_eq!(files.files, [(last, FILES + 1)], "they were merged");
        // Several segments are removed at the same time, under the newest one's name.
        files.keep(last + 2, &[last + 1, last + 2]).unwrap();
        for again in [last, last + 2] {
            let mut index = DedupIndex::new(1 << 20);
            let mut files = load(dir.path(), 1 << 20, &mut index).unwrap();
            files.keep(again, &[again]).unwrap();
        }
        let mut index = DedupIndex::new(1 << 20);
        drop(load(dir.path(), 1 << 20, &mut index).unwrap());
        let forgotten: Vec<u64> = (1..=last + 2).filter(|span| index.insert(*span)).collect();
        assert_eq!(forgotten, [0; 0]);
    }

    #[test]
    fn fingerprints_survive_their_segment_and_expire_by_number() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = DedupIndex::new(1 << 20);
        let mut files = load(dir.path(), 1000, &mut index).unwrap();
        for first in 1..=200_u64 {
            let fingerprints: Vec<u64> = (0..10).map(|n| first * 100 + n).collect();
            files.keep(first, &fingerprints).unwrap();
        }
        let mut index = DedupIndex::new(1 << 20);
        let files = load(dir.path(), 1000, &mut index).unwrap();
        assert!(
            files.files.len() <= 2 * FILES,
            "{} files",
            files.files.len()
        );
        for first in 101..=200_u64 {
            assert!(!index.insert(first * 100), "segment {first} was forgotten");
        }
        assert!(index.insert(100), "the oldest segment is still remembered");
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = load(dir.path(), 10, &mut DedupIndex::new(10)).unwrap();
        files.keep(1, &[1, 2]).unwrap();
        files.keep(3, &[3, 4]).unwrap();
        let path = files.path(1);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        for _ in 0..2 {
            let mut index = DedupIndex::new(10);
            let files = load(dir.path(), 10, &mut index).unwrap();
            assert_eq!(files.files, [(3, 2)]);
            assert!(index.insert(1) && !index.insert(3));
        }
        assert!(!path.exists());
        assert_eq!(
            std::fs::read(path.with_extension("damaged")).unwrap(),
            bytes
        );
    }
}
