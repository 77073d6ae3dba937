//! A table's file whose blocks are verified as they are read, for readers that do not go through DataFusion.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::checksum::BlockChecksums;

/// Bytes that are read at a time where there are no checksums.
const PLAIN_BYTES: u64 = 32 << 10;

/// A file open for reading, with its checksums where the log has some. Clones share the position in the file, so only one of them
/// may be used at a time.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedFile {
    file: Arc<File>,
    length: u64,
    checksums: Option<BlockChecksums>,
}

impl VerifiedFile {
    /// Fails where the file does not have the length that its checksums are for.
    pub(crate) fn new(file: File, checksums: Option<&BlockChecksums>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if checksums.is_some_and(|checksums| !checksums.covers(length)) {
            return Err(damage(format!(
                "its length is {length} bytes, which is not the length that was written"
            )));
        }
        Ok(Self {
            file: Arc::new(file),
            length,
            checksums: checksums.cloned(),
        })
    }

    /// Reads the whole file. Fails where a block is not as it was written.
    pub(crate) fn verify(&self) -> io::Result<()> {
        let mut all = BlockReader::new(self.clone(), 0);
        io::copy(&mut all, &mut io::sink()).map(|_bytes| ())
    }

    /// The bytes of `range`, verified with the blocks that they are in.
    fn read(&self, range: &Range<u64>) -> io::Result<Bytes> {
        let blocks = match &self.checksums {
            Some(checksums) => checksums.blocks_of(range, self.length),
            None => range.clone(),
        };
        let length = usize::try_from(blocks.end - blocks.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(blocks.start))?;
        file.read_exact(&mut bytes)?;
        let damaged = self.checksums.as_ref();
        if let Some(offset) = damaged.and_then(|sums| sums.first_damage(blocks.start, &bytes)) {
            return Err(damage(damaged_block(offset)));
        }
        let (start, end) = (range.start - blocks.start, range.end - blocks.start);
        // Both are within the bytes that were read.
        Ok(Bytes::from(bytes).slice(start as usize..end as usize))
    }
}

/// The reason for not reading a file whose block at `offset` differs from its checksum.
pub(crate) fn damaged_block(offset: u64) -> String {
    format!("the block at byte {offset} does not match its checksum")
}

fn damage(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

impl Length for VerifiedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for VerifiedFile {
    type T = BlockReader;

    fn get_read(&self, start: u64) -> Result<BlockReader, ParquetError> {
        Ok(BlockReader::new(self.clone(), start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        match end.filter(|end| *end <= self.length) {
            Some(end) => Ok(self.read(&(start..end))?),
            None => Err(ParquetError::EOF(format!(
                "{length} bytes at byte {start} are behind the end"
            ))),
        }
    }
}

/// Reads a file from some offset to its end, a block at a time.
#[derive(Debug)]
pub(crate) struct BlockReader {
    file: VerifiedFile,
    /// The offset behind `block`.
    next: u64,
    block: Bytes,
}

impl BlockReader {
    fn new(file: VerifiedFile, start: u64) -> Self {
        Self {
            file,
            next: start,
            block: Bytes::new(),
        }
    }
}

impl Read for BlockReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() && self.next < self.file.length {
            let end = match &self.file.checksums {
                Some(sums) => {
                    sums.blocks_of(&(self.next..self.next + 1), self.file.length)
                        .end
                }
                None => (self.next + PLAIN_BYTES).min(self.file.length),
            };
            self.block = self.file.read(&(self.next..end))?;
            self.next = end;
        }
        let length = buffer.len().min(self.block.len());
        buffer[..length].copy_from_slice(&self.block.split_to(length));
        Ok(length)
    }
}
