//! Checksums of a stored file, block by block.
//!
//! A bit that flips on the medium would otherwise be served as truth: Parquet's writer for Arrow adds no checksums to pages, and its
//! format has none for page headers and footers. These cover every byte of a file, and a reader verifies the blocks that it reads. They
//! stand in the table's log, in the `tags` of the file's `add` action (docs/decisions/0028-checksums-of-stored-files.md).

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use headcount_log::disk::DiskFile;
use serde::{Deserialize, Serialize};

/// Bytes of a block of files that we write. The last block of a file is shorter.
const BLOCK_BYTES: u64 = 32 << 10;

/// The name of the tag (Delta protocol, "Add File and Remove File": `tags`).
pub(crate) const TAG: &str = "headcount.crc32";

/// The CRC-32 of each block of a file (ISO-HDLC, the one of gzip, PNG and Parquet's pages).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct BlockChecksums {
    block_bytes: u64,
    sums: Arc<[u32]>,
}

impl BlockChecksums {
    /// Of a whole file in memory.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let sums = bytes.chunks(BLOCK_BYTES as usize).map(crc32fast::hash);
        Self {
            block_bytes: BLOCK_BYTES,
            sums: sums.collect(),
        }
    }

    /// Whether a file of `length` bytes has as many blocks.
    pub(crate) fn covers(&self, length: u64) -> bool {
        length.div_ceil(self.block_bytes) == self.sums.len() as u64
    }

    /// The blocks that hold `range` of a file of `length` bytes, as a range of bytes.
    pub(crate) fn blocks_of(&self, range: &Range<u64>, length: u64) -> Range<u64> {
        let start = range.start / self.block_bytes * self.block_bytes;
        let end = range.end.div_ceil(self.block_bytes) * self.block_bytes;
        start.min(length)..end.min(length)
    }

    /// The offset of the first block that is not as it was written. `bytes` are whole blocks, from the offset `start` on.
    pub(crate) fn first_damage(&self, start: u64, bytes: &[u8]) -> Option<u64> {
        let first = start / self.block_bytes;
        let blocks = (first..).zip(bytes.chunks(self.block_bytes as usize));
        let is_damaged = |(index, block): &(u64, &[u8])| {
            let expected = usize::try_from(*index)
                .ok()
                .and_then(|index| self.sums.get(index));
            expected != Some(&crc32fast::hash(block))
        };
        let (index, _) = { blocks }.find(is_damaged)?;
        Some(index * self.block_bytes)
    }
}

/// The block's length in bytes, a colon, and eight hexadecimal digits for each block.
impl fmt::Display for BlockChecksums {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(8 + self.sums.len() * 8);
        write!(text, "{}:", self.block_bytes)?;
        for sum in &*self.sums {
            write!(text, "{sum:08x}")?;
        }
        formatter.write_str(&text)
    }
}

impl From<BlockChecksums> for String {
    fn from(checksums: BlockChecksums) -> Self {
        checksums.to_string()
    }
}

/// A text is not that of checksums.
#[derive(Debug, thiserror::Error)]
#[error("not checksums of blocks")]
pub(crate) struct NotChecksums;

impl FromStr for BlockChecksums {
    type Err = NotChecksums;

    fn from_str(text: &str) -> Result<Self, NotChecksums> {
        let (block_bytes, sums) = text.split_once(':').ok_or(NotChecksums)?;
        let block_bytes: u64 = block_bytes.parse().map_err(|_| NotChecksums)?;
        // A reader holds a block in memory.
        if !(512..=64 << 20).contains(&block_bytes) || sums.len() % 8 != 0 || !sums.is_ascii() {
            return Err(NotChecksums);
        }
        let digits = (0..sums.len()).step_by(8).map(|at| &sums[at..at + 8]);
        let sums: Result<Arc<[u32]>, _> = digits
            .map(|digits| u32::from_str_radix(digits, 16))
            .collect();
        Ok(Self {
            block_bytes,
            sums: sums.map_err(|_| NotChecksums)?,
        })
    }
}

impl TryFrom<String> for BlockChecksums {
    type Error = NotChecksums;

    fn try_from(text: String) -> Result<Self, NotChecksums> {
        text.parse()
    }
}

/// A file being written, with the checksums of its blocks.
pub(crate) struct ChecksummedFile {
    file: Box<dyn DiskFile>,
    sums: Vec<u32>,
    /// Of the block that is not full yet.
    hasher: crc32fast::Hasher,
    in_block: u64,
}

impl ChecksummedFile {
    /// `file` is empty.
    pub(crate) fn new(file: Box<dyn DiskFile>) -> Self {
        Self {
            file,
            sums: Vec::new(),
            hasher: crc32fast::Hasher::new(),
            in_block: 0,
        }
    }

    /// Returns when everything written is on the medium.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// The checksums of everything written.
    pub(crate) fn checksums(&self) -> BlockChecksums {
        let mut sums = self.sums.clone();
        if self.in_block > 0 {
            sums.push(self.hasher.clone().finalize());
        }
        BlockChecksums {
            block_bytes: BLOCK_BYTES,
            sums: sums.into(),
        }
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK_BYTES - self.in_block).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.update(now);
            self.in_block += now.len() as u64;
            if self.in_block == BLOCK_BYTES {
                let full = std::mem::replace(&mut self.hasher, crc32fast::Hasher::new());
                self.sums.push(full.finalize());
                self.in_block = 0;
            }
            bytes = later;
        }
    }
}

impl Write for ChecksummedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]
    use headcount_log::disk::{Disk, RealDisk};
    use proptest::prelude::*;

    use super::*;

    fn written(parts: &[Vec<u8>]) -> BlockChecksums {
        let folder = tempfile::tempdir().unwrap();
        let file = RealDisk::default().create(&folder.path().join("file"));
        let mut file = ChecksummedFile::new(file.unwrap());
        for part in parts {
            file.write_all(part).unwrap();
        }
        file.checksums()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_flipped_bit_is_found_in_its_block(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50_000), 1..5),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let mut bytes = parts.concat();
            let checksums = written(&parts);
            prop_assert_eq!(&checksums, &BlockChecksums::of(&bytes));
            prop_assert_eq!(&checksums.to_string().parse::<BlockChecksums>().unwrap(), &checksums);
            let length = bytes.len() as u64;
            prop_assert!(checksums.covers(length));
            prop_assert_eq!(checksums.first_damage(0, &bytes), None);
            prop_assume!(!bytes.is_empty());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let block = checksums.blocks_of(&(at as u64..at as u64 + 1), length);
            prop_assert!(block.contains(&(at as u64)));
            let damaged = &bytes[block.start as usize..block.end as usize];
            prop_assert_eq!(checksums.first_damage(block.start, damaged), Some(block.start));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}", digits in "[0-9]{1,6}:[0-9a-f]{0,40}") {
            let _ = text.parse::<BlockChecksums>();
            if let Ok(checksums) = digits.parse::<BlockChecksums>() {
                prop_assert_eq!(checksums.to_string().len(), digits.trim_start_matches('0').len());
            }
        }
    }
}
