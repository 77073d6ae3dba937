//! A repository in a bucket.
//!
//! Small files are sent and fetched several at a time, since each costs a journey to the store; large ones in parts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use headcount_bucket::{Bucket, BucketAddress, Creation, PART, Upload};

use crate::blocking_bucket::{BlockingBucket, Pending, answer};
use crate::error::BackupError;
use crate::removal_lease::{self, Patience, RemovalLease};
use crate::storage::{
    CONTENT, ContentFile, ContentWriter, Lock, LockError, Purpose, PutError, Source, Storage,
    Stored,
};

/// Small files that are under way at a time: each is in memory.
const AT_A_TIME: usize = 16;
/// How often a large file is sent whose parts, or whose end, failed.
const UPLOADS: u32 = 3;
/// What the names of objects begin with that tell whether the store honours conditions.
const PROBE: &str = "conditional-write-";

/// A bucket, or what is below a prefix in one.
#[derive(Debug)]
pub(crate) struct BucketStorage {
    bucket: BlockingBucket,
    ahead: Mutex<Ahead>,
    patience: Patience,
}

/// Small files that are read before they are asked for.
#[derive(Debug, Default)]
struct Ahead {
    expected: VecDeque<(String, u64)>,
    running: HashMap<String, Pending<Option<Bytes>>>,
}

impl BucketStorage {
    /// Opens the bucket; nothing is sent to it yet.
    pub(crate) fn open(address: &BucketAddress) -> io::Result<Self> {
        Self::on(Bucket::open(address)?)
    }

    /// A repository in `bucket`.
    fn on(bucket: Bucket) -> io::Result<Self> {
        Ok(Self {
            bucket: BlockingBucket::new(bucket)?,
            ahead: Mutex::default(),
            patience: Patience::USUAL,
        })
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to read the next small files that are expected.
    fn read_ahead(&self, ahead: &mut Ahead) {
        while ahead.running.len() < AT_A_TIME {
            let Some((name, size)) = ahead.expected.pop_front() else {
                return;
            };
            if size > PART as u64 {
                continue;
            }
            let wanted = name.clone();
            let running = self
                .bucket
                .begin(|bucket| async move { bucket.read(&wanted).await });
            ahead.running.insert(name, running);
        }
    }

    fn read_small(&self, name: &str) -> io::Result<Bytes> {
        let running = {
            let mut ahead = self.ahead();
            self.read_ahead(&mut ahead);
            ahead.running.remove(name)
        };
        let wanted = name.to_owned();
        let found = match running {
            Some(running) => answer(&running)?,
            None => self
                .bucket
                .wait(|bucket| async move { bucket.read(&wanted).await })?,
        };
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for BucketStorage {
    fn full_name(&self, name: &str) -> PathBuf {
        PathBuf::from(self.bucket.address_of(name))
    }

    fn make(&self) -> io::Result<()> {
        let probe = format!("{PROBE}{}", uuid::Uuid::new_v4().simple());
        self.bucket
            .wait(|bucket| async move { bucket.require_conditional_writes(&probe).await })
    }

    fn has_foreign_files(&self) -> io::Result<bool> {
        let some = self
            .bucket
            .wait(|bucket| async move { bucket.some(100).await })?;
        let is_ours = |name: &String| name.starts_with(PROBE) || name == removal_lease::NAME;
        Ok(!some.iter().all(is_ours))
    }

    fn lock(&self, purpose: Purpose) -> Result<Box<dyn Lock + '_>, LockError> {
        match purpose {
            // Points have names of their own, and are made only where there is none.
            Purpose::Adding => Ok(Box::new(NoLock)),
            Purpose::Removing => Ok(Box::new(RemovalLease::take(&self.bucket, self.patience)?)),
        }
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let name = name.to_owned();
        let found = self
            .bucket
            .wait(|bucket| async move { bucket.read(&name).await })?;
        found
            .map(Vec::from)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open(&self, name: &str, size: u64) -> io::Result<Box<dyn Read + '_>> {
        if size <= PART as u64 {
            return Ok(Box::new(Cursor::new(self.read_small(name)?)));
        }
        let wanted = name.to_owned();
        let found = self
            .bucket
            .wait(|bucket| async move { bucket.size(&wanted).await })?;
        Ok(Box::new(Parts {
            storage: self,
            name: name.to_owned(),
            size: found.ok_or(io::ErrorKind::NotFound)?,
            read: 0,
            part: Cursor::new(Bytes::new()),
        }))
    }

    fn expect(&self, files: Vec<(String, u64)>) {
        *self.ahead() = Ahead {
            expected: files.into(),
            running: HashMap::new(),
        };
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let within = folder.to_owned();
        let listed = self
            .bucket
            .wait(|bucket| async move { bucket.list(&within).await })?;
        let names = listed.into_iter().filter_map(|object| {
            let name = object.name.strip_prefix(folder)?.strip_prefix('/')?;
            (!name.contains('/')).then(|| name.to_owned())
        });
        Ok(names.collect())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (name, bytes) = (name.to_owned(), Bytes::copy_from_slice(bytes));
        match self
            .bucket
            .wait(|bucket| async move { bucket.create(&name, bytes).await })?
        {
            Creation::Created => Ok(()),
            Creation::Exists => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn remove(&self, names: &[String]) -> io::Result<()> {
        let names = names.to_vec();
        self.bucket
            .wait(|bucket| async move { bucket.remove(&names).await })
    }

    fn content(&self) -> io::Result<Vec<ContentFile>> {
        let listed = self
            .bucket
            .wait(|bucket| async move { bucket.list(CONTENT).await })?;
        let files = listed.into_iter().filter_map(|object| {
            let hash = object.name.rsplit('/').next()?.to_owned();
            Some(ContentFile {
                hash,
                name: object.name,
                size: object.size,
            })
        });
        Ok(files.collect())
    }

    fn writer(&self, damaged: HashSet<String>) -> io::Result<Box<dyn ContentWriter + '_>> {
        let content = self.content()?.into_iter();
        Ok(Box::new(BucketWriter {
            storage: self,
            present: content.map(|file| (file.hash, file.size)).collect(),
            damaged,
            sending: VecDeque::new(),
        }))
    }

    fn await_removals(&self) -> io::Result<bool> {
        removal_lease::await_end(&self.bucket, self.patience)?;
        Ok(true)
    }
}

/// Adding needs no lock.
#[derive(Debug)]
struct NoLock;

impl Lock for NoLock {
    fn renew(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An object that is read in parts.
struct Parts<'s> {
    storage: &'s BucketStorage,
    name: String,
    size: u64,
    read: u64,
    part: Cursor<Bytes>,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.part.read(buffer)?;
        if taken > 0 || self.read == self.size || buffer.is_empty() {
            return Ok(taken);
        }
        let range = self.read..(self.read + PART as u64).min(self.size);
        let (name, end) = (self.name.clone(), range.end);
        let part = { &self.storage.bucket }
            .wait(|bucket| async move { bucket.read_range(&name, range).await })?
            .ok_or(io::ErrorKind::NotFound)?;
        if part.len() as u64 != end - self.read {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read = end;
        self.part = Cursor::new(part);
        self.part.read(buffer)
    }
}

/// Stores content in a bucket.
struct BucketWriter<'s> {
    storage: &'s BucketStorage,
    /// By hash, the sizes of what is there or under way.
    present: HashMap<String, u64>,
    damaged: HashSet<String>,
    /// Small files that are under way, with their names.
    sending: VecDeque<(String, Pending<()>)>,
}

impl ContentWriter for BucketWriter<'_> {
    fn has(&mut self, hash: &str, size: u64) -> bool {
        self.present.get(hash) == Some(&size) && !self.damaged.contains(hash)
    }

    fn put(&mut self, source: &mut dyn Source) -> Result<Stored, PutError> {
        let mut from = source.open().map_err(PutError::Read)?;
        let first = part_of(&mut *from).map_err(PutError::Read)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&first);
        let mut size = first.len() as u64;
        // The end of a small file is known when the next read finds nothing.
        let mut next = Bytes::new();
        if first.len() == PART {
            next = part_of(&mut *from).map_err(PutError::Read)?;
        }
        let is_small = next.is_empty();
        while !next.is_empty() {
            hasher.update(&next);
            size += next.len() as u64;
            next = part_of(&mut *from).map_err(PutError::Read)?;
        }
        drop(from);
        let hash = hasher.finalize().to_hex().to_string();
        let is_new = !self.has(&hash, size);
        if is_new && is_small {
            self.send(&hash, first).map_err(PutError::Write)?;
        } else if is_new {
            self.send_in_parts(&hash, size, source)?;
        }
        if is_new {
            self.present.insert(hash.clone(), size);
            self.damaged.remove(&hash);
        }
        Ok(Stored { hash, size, is_new })
    }

    fn sync(&mut self) -> Result<(), BackupError> {
        while !self.sending.is_empty() {
            self.sent()?;
        }
        Ok(())
    }
}

impl BucketWriter<'_> {
    /// Begins to send a small file; waits for others where there are many.
    fn send(&mut self, hash: &str, bytes: Bytes) -> Result<(), BackupError> {
        while self.sending.len() >= AT_A_TIME {
            self.sent()?;
        }
        let name = self.storage.content_name(hash);
        let object = name.clone();
        let sending = self
            .storage
            .bucket
            .begin(|bucket| async move { bucket.put(&object, bytes).await });
        self.sending.push_back((name, sending));
        Ok(())
    }

    fn sent(&mut self) -> Result<(), BackupError> {
        match self.sending.pop_front() {
            None => Ok(()),
            Some((name, sending)) => {
                let full_name = self.storage.full_name(&name);
                answer(&sending).map_err(BackupError::io("write", full_name))
            }
        }
    }

    fn send_in_parts(
        &self,
        hash: &str,
        size: u64,
        source: &mut dyn Source,
    ) -> Result<(), PutError> {
        let name = self.storage.content_name(hash);
        let failed = |error: io::Error| {
            let wrap = BackupError::io("write", self.storage.full_name(&name));
            PutError::Write(wrap(error))
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let object = name.clone();
            let begun = self
                .storage
                .bucket
                .wait(|bucket| async move { bucket.upload(&object).await });
            let upload = begun.map_err(failed)?;
            let (upload, sent) = self.parts(upload, hash, source);
            let error = match sent {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let ended = self
                .storage
                .bucket
                .begin(|_| async move { upload.abort().await });
            let _ = ended.recv();
            let error = match error {
                PartsError::Read(error) => return Err(PutError::Read(error)),
                PartsError::Write(error) => error,
            };
            // The end of the upload may have been carried out, and its answer lost. Damaged content of the same size would look alike.
            let object = name.clone();
            let found = self
                .storage
                .bucket
                .wait(|bucket| async move { bucket.size(&object).await });
            if !self.damaged.contains(hash) && found.is_ok_and(|found| found == Some(size)) {
                return Ok(());
            }
            if attempt == UPLOADS {
                return Err(failed(error));
            }
        }
    }

    /// Sends every part, and makes the object where the bytes are still those with the hash.
    fn parts(
        &self,
        upload: Upload,
        hash: &str,
        source: &mut dyn Source,
    ) -> (Upload, Result<(), PartsError>) {
        let mut upload = upload;
        let mut hasher = blake3::Hasher::new();
        let mut from = match source.open() {
            Ok(from) => from,
            Err(error) => return (upload, Err(PartsError::Read(error))),
        };
        loop {
            let bytes = match part_of(&mut *from) {
                Ok(bytes) => bytes,
                Err(error) => return (upload, Err(PartsError::Read(error))),
            };
            hasher.update(&bytes);
            let is_last = bytes.is_empty();
            if is_last && hasher.finalize().to_hex().as_str() != hash {
                let text = "its bytes changed while it was copied";
                let error = io::Error::new(io::ErrorKind::InvalidData, text);
                return (upload, Err(PartsError::Read(error)));
            }
            let running = self.storage.bucket.begin(|_| async move {
                let done = match is_last {
                    true => upload.complete().await,
                    false => upload.part(bytes).await,
                };
                (upload, done)
            });
            let Ok((returned, done)) = running.recv() else {
                unreachable!("the thread outlives this writer, and an upload does not panic");
            };
            upload = returned;
            match done {
                Err(error) => return (upload, Err(PartsError::Write(error.into()))),
                Ok(()) if is_last => return (upload, Ok(())),
                Ok(()) => {}
            }
        }
    }
}

/// The side on which sending parts failed.
enum PartsError {
    Read(io::Error),
    Write(io::Error),
}

/// The next [`PART`] bytes, fewer at the end.
fn part_of(from: &mut dyn Read) -> io::Result<Bytes> {
    let mut part = Vec::new();
    from.take(PART as u64).read_to_end(&mut part)?;
    Ok(part.into())
}

#[cfg(test)]
#[path = "bucket_storage_tests.rs"]
mod tests;
