//! Which spans were stored already, so that one that is sent again is acknowledged but not stored again.
//!
//! In memory: two generations of hash sets; when the young one is full it becomes the old one, and the old one is
//! forgotten. So between half of the limit and the whole of it is remembered, about 20 bytes a span at worst.
//!
//! On disk: fingerprints live in the log's frames until their segment is removed, then in `seen/` (`docs/formats/wal.md`).

use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

use hashbrown::HashSet;

use crate::disk::Disk;
use crate::error::LakeError;

const MAGIC: &[u8; 8] = b"HEADCFPR";
const HEADER: usize = 12;
/// More files than this are merged into one.
const FILES: usize = 16;

/// A fingerprint is a keyed hash already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type Set = HashSet<u64, BuildHasherDefault<Identity>>;

/// The spans stored last.
#[derive(Debug)]
pub(crate) struct Seen {
    young: Set,
    old: Set,
    generation: usize,
}

impl Seen {
    /// Remembers at most `limit` spans.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            young: Set::default(),
            old: Set::default(),
            generation: (limit / 2).max(1),
        }
    }

    /// Remembers a span; `false` if it was remembered already.
    pub(crate) fn insert(&mut self, fingerprint: u64) -> bool {
        if self.old.contains(&fingerprint) || !self.young.insert(fingerprint) {
            return false;
        }
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        true
    }

    /// Takes back what was inserted and then not stored.
    pub(crate) fn forget(&mut self, fingerprints: &[u64]) {
        for fingerprint in fingerprints {
            let _young = self.young.remove(fingerprint);
            let _old = self.old.remove(fingerprint);
        }
    }
}

/// The files in `seen/`: fingerprints of segments that were removed.
#[derive(Debug)]
pub(crate) struct SeenFiles {
    folder: PathBuf,
    /// First sequence number (the file's name) and number of fingerprints, oldest first.
    files: Vec<(u64, usize)>,
    limit: usize,
}

impl SeenFiles {
    /// Reads the files into `seen`.
    pub(crate) fn load(folder: &Path, limit: usize, seen: &mut Seen) -> Result<Self, LakeError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(LakeError::io("list", folder))? {
            let name = entry.map_err(LakeError::io("list", folder))?.file_name();
            let digits = name
                .to_str()
                .and_then(|name| name.strip_suffix(".fingerprints"));
            names.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        names.sort_unstable();
        let mut files = Self {
            folder: folder.to_path_buf(),
            files: Vec::new(),
            limit,
        };
        for name in names {
            let fingerprints = files.read(name)?;
            for &fingerprint in &fingerprints {
                let _new = seen.insert(fingerprint);
            }
            files.files.push((name, fingerprints.len()));
        }
        Ok(files)
    }

    /// Keeps the fingerprints of the segment that began with `first`, durably.
    pub(crate) fn keep(
        &mut self,
        disk: &dyn Disk,
        first: u64,
        fingerprints: &[u64],
    ) -> Result<(), LakeError> {
        self.write(disk, first, fingerprints)?;
        self.files.push((first, fingerprints.len()));
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
            self.remove(disk, name)?;
        }
        if self.files.len() > FILES {
            self.merge(disk)?;
        }
        Ok(())
    }

    /// Merges the files into one, under the newest one's name. A crash before the others are removed leaves doubles,
    /// which a set does not mind.
    fn merge(&mut self, disk: &dyn Disk) -> Result<(), LakeError> {
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
            merged.extend(self.read(*name)?);
        }
        self.write(disk, newest, &merged)?;
        let old = self.files.split_off(from);
        self.files.push((newest, merged.len()));
        for (name, _) in old.into_iter().filter(|(name, _)| *name != newest) {
            self.remove(disk, name)?;
        }
        Ok(())
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:020}.fingerprints"))
    }

    fn remove(&self, disk: &dyn Disk, first: u64) -> Result<(), LakeError> {
        let path = self.path(first);
        disk.remove(&path).map_err(LakeError::io("remove", &path))
    }

    fn write(&self, disk: &dyn Disk, first: u64, fingerprints: &[u64]) -> Result<(), LakeError> {
        let mut bytes = Vec::with_capacity(HEADER + fingerprints.len() * 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        for fingerprint in fingerprints {
            bytes.extend_from_slice(&fingerprint.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[HEADER..]);
        bytes[8..HEADER].copy_from_slice(&checksum.to_le_bytes());
        let path = self.path(first);
        disk.replace(&path, &bytes)
            .map_err(LakeError::io("write", &path))
    }

    fn read(&self, first: u64) -> Result<Vec<u64>, LakeError> {
        let path = self.path(first);
        let bytes = std::fs::read(&path).map_err(LakeError::io("read", &path))?;
        let whole = bytes.len() >= HEADER
            && &bytes[..8] == MAGIC
            && bytes.len().is_multiple_of(8) == HEADER.is_multiple_of(8)
            && crc32fast::hash(&bytes[HEADER..]).to_le_bytes() == bytes[8..HEADER];
        if !whole {
            return Err(LakeError::Damaged {
                path,
                offset: 0,
                reason: "the checksum differs; without the file the store works, but may count a span that is sent again twice".to_owned(),
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn a_span_is_remembered_until_as_many_others_came() {
        let mut seen = Seen::new(8);
        assert!(seen.insert(1));
        assert!(!seen.insert(1));
        for other in 2..5 {
            assert!(seen.insert(other));
        }
        assert!(!seen.insert(1), "still in the old generation");
        seen.forget(&[1]);
        assert!(seen.insert(1));
    }

    #[test]
    fn fingerprints_survive_their_segment_and_expire_by_number() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Seen::new(1 << 20);
        let mut files = SeenFiles::load(dir.path(), 1000, &mut seen).unwrap();
        for first in 1..=200_u64 {
            let fingerprints: Vec<u64> = (0..10).map(|n| first * 100 + n).collect();
            files.keep(&RealDisk, first, &fingerprints).unwrap();
        }
        let mut seen = Seen::new(1 << 20);
        let files = SeenFiles::load(dir.path(), 1000, &mut seen).unwrap();
        assert!(
            files.files.len() <= 2 * FILES,
            "{} files",
            files.files.len()
        );
        for first in 101..=200_u64 {
            assert!(!seen.insert(first * 100), "segment {first} was forgotten");
        }
        assert!(seen.insert(100), "the oldest segment is still remembered");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = SeenFiles::load(dir.path(), 10, &mut Seen::new(10)).unwrap();
        files.keep(&RealDisk, 1, &[1, 2]).unwrap();
        let path = files.path(1);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = SeenFiles::load(dir.path(), 10, &mut Seen::new(10)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("00000000000000000001.fingerprints")
        );
    }
}
