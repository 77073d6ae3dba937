//! Objects of a bucket below a prefix.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path;
use object_store::{
    GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
    UpdateVersion,
};
use tokio::task::JoinSet;

use crate::address::BucketAddress;
use crate::error::{BucketError, Problem};
use crate::provider;

/// Bytes that one request carries at most. Every store takes parts of 5 MiB and more, and 10,000 of them for one object.
pub const PART: usize = 8 << 20;
/// Parts of an object that are sent at a time: they are in memory.
const PARTS_AT_A_TIME: usize = 4;
/// How often an operation is tried that fails for a reason that may pass, such as a connection that was reset.
const ATTEMPTS: u32 = 5;
/// The wait after the first attempt; it doubles with each.
const WAIT: Duration = Duration::from_millis(200);
/// The time for the removal of up to 1000 objects. Nothing is sent afterwards, so who waits longer knows that it is over.
const REMOVAL: Duration = Duration::from_secs(60);
/// Objects that one request removes at most.
const REMOVED_AT_ONCE: usize = 1000;

/// A bucket, or what is below a prefix in one. Names are relative to the prefix, with `/` between their parts.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    address: BucketAddress,
    wait: Duration,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Which state of an object was read or written: it changes with every write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(UpdateVersion);

/// The result of making an object where there must be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It is there, and this call made it.
    Created,
    /// There was another one, which is left as it was.
    Exists,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Bucket")
            .field(&self.address.to_string())
            .finish()
    }
}

impl Bucket {
    /// Opens a bucket with the credentials, the endpoint and the region that the environment variables of its provider say (`AWS_*`,
    /// `GOOGLE_*`, `AZURE_*`). Nothing is sent to it yet.
    ///
    /// # Errors
    ///
    /// There are no credentials, or a variable has a value that cannot be.
    pub fn open(address: &BucketAddress) -> Result<Self, BucketError> {
        Ok(Self::on(provider::open(address)?, address.clone()))
    }

    /// The bucket `address` in a store that the caller has opened, such as one in memory for tests.
    pub fn on(store: Arc<dyn ObjectStore>, address: BucketAddress) -> Self {
        Self {
            store,
            address,
            wait: WAIT,
        }
    }

    /// The same bucket, with another wait after the first attempt of an operation that fails for a reason that may pass; it doubles with
    /// each.
    pub fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// The address of an object; of the prefix for an empty name.
    pub fn address_of(&self, name: &str) -> String {
        match name {
            "" => self.address.to_string(),
            name => format!("{}/{name}", self.address),
        }
    }

    /// The content of an object; `None` where there is no such object.
    ///
    /// # Errors
    ///
    /// As the module [`crate`] says: every error names the object, and what to do.
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, BucketError> {
        Ok(self.read_tagged(name).await?.map(|(bytes, _)| bytes))
    }

    /// The content of an object, and which state of it that is.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn read_tagged(&self, name: &str) -> Result<Option<(Bytes, Tag)>, BucketError> {
        let path = self.path(name);
        let read = self.repeated(name, || async {
            let found = self.store.get_opts(&path, GetOptions::default()).await?;
            let tag = Tag(UpdateVersion {
                e_tag: found.meta.e_tag.clone(),
                version: found.meta.version.clone(),
            });
            Ok((found.bytes().await?, tag))
        });
        unless_absent(read.await)
    }

    /// A part of an object's content; `None` where there is no such object.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn read_range(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, BucketError> {
        let path = self.path(name);
        let read = self.repeated(name, || self.store.get_range(&path, range.clone()));
        unless_absent(read.await)
    }

    /// The size of an object; `None` where there is no such object.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn size(&self, name: &str) -> Result<Option<u64>, BucketError> {
        let path = self.path(name);
        let found = self.repeated(name, || self.store.head(&path)).await;
        Ok(unless_absent(found)?.map(|found| found.size))
    }

    /// Every object whose name begins with `folder` and a `/`, or every object where that is empty.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn list(&self, folder: &str) -> Result<Vec<StoredObject>, BucketError> {
        let path = self.path(folder);
        let listed = self.repeated(folder, || {
            let all = self.store.list(Some(&path));
            all.try_collect::<Vec<_>>()
        });
        let mut found: Vec<StoredObject> = { listed.await? }
            .into_iter()
            .filter_map(|object| {
                let size = object.size;
                Some(StoredObject {
                    name: self.name(&object.location)?,
                    size,
                })
            })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The names of some objects, `limit` at most.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn some(&self, limit: usize) -> Result<Vec<String>, BucketError> {
        let path = self.path("");
        let some = self.repeated("", || {
            let all = self.store.list(Some(&path)).take(limit);
            all.try_collect::<Vec<_>>()
        });
        let some = some.await?;
        let names = some.iter().filter_map(|object| self.name(&object.location));
        Ok(names.collect())
    }

    /// Makes an object where there is none.
    ///
    /// A request whose answer gets lost may have made it: an object with these bytes counts as made by this call.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`]. A request that was sent may still make the object.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<Creation, BucketError> {
        let path = self.path(name);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let payload = PutPayload::from_bytes(bytes.clone());
            let error = match { self.store.put_opts(&path, payload, PutMode::Create.into()) }.await
            {
                Ok(_) => return Ok(Creation::Created),
                Err(error) => error,
            };
            let exists = matches!(error, object_store::Error::AlreadyExists { .. });
            let error = self.error(name, error);
            if !exists && !is_passing(error.problem) {
                return Err(error);
            }
            match self.read(name).await? {
                Some(found) if found == bytes => return Ok(Creation::Created),
                Some(_) => return Ok(Creation::Exists),
                None if attempt == ATTEMPTS => return Err(error),
                None => tokio::time::sleep(self.wait * 2_u32.pow(attempt)).await,
            }
        }
    }

    /// Writes an object in place of the one in the state `tag`; `None` where it is in another state by now, or gone.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn update(
        &self,
        name: &str,
        bytes: Bytes,
        tag: &Tag,
    ) -> Result<Option<Tag>, BucketError> {
        let path = self.path(name);
        let payload = PutPayload::from_bytes(bytes.clone());
        let mode = PutMode::Update(tag.0.clone());
        let error = match self.store.put_opts(&path, payload, mode.into()).await {
            Ok(put) => return Ok(Some(Tag(put.into()))),
            Err(error) => self.error(name, error),
        };
        // The answer of a request that was carried out may be lost.
        match self.read_tagged(name).await? {
            Some((found, now)) if found == bytes && now != *tag => Ok(Some(now)),
            Some((_, now)) if now == *tag => Err(error),
            _ => Ok(None),
        }
    }

    /// Writes an object of at most [`PART`] bytes, whether there is one or not.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), BucketError> {
        let path = self.path(name);
        let put = self.repeated(name, || {
            self.store.put(&path, PutPayload::from_bytes(bytes.clone()))
        });
        put.await.map(drop)
    }

    /// Begins to write an object in parts. There is none before [`Upload::complete`].
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`].
    pub async fn upload(&self, name: &str) -> Result<Upload, BucketError> {
        let path = self.path(name);
        let parts = self.repeated(name, || self.store.put_multipart(&path));
        Ok(Upload {
            parts: parts.await?,
            sent: JoinSet::new(),
            name: name.to_owned(),
            bucket: self.clone(),
        })
    }

    /// Removes objects, those that exist. When this returns, no request to remove one is under way, also where it fails: those that are
    /// not answered within a minute are given up.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`]. Some may be removed.
    pub async fn remove(&self, names: &[String]) -> Result<(), BucketError> {
        for some in names.chunks(REMOVED_AT_ONCE) {
            let first = some.first().map_or("", String::as_str);
            let removed = self.repeated(first, || async {
                let paths: Vec<_> = some.iter().map(|name| Ok(self.path(name))).collect();
                let removed = self.store.delete_stream(stream::iter(paths).boxed());
                let outcomes: Vec<_> = removed.collect().await;
                for outcome in outcomes {
                    match outcome {
                        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            });
            match tokio::time::timeout(REMOVAL, removed).await {
                Ok(removed) => removed?,
                Err(_) => {
                    return Err(BucketError::of_kind(
                        self.address_of(first),
                        self.address.provider,
                        Problem::Unreachable,
                        "the removal was not answered within a minute",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether the store makes an object only where there is none. Without that, two writers replace each other's objects unseen. The object
    /// `probe` tells, which nobody else may write, and which is removed again.
    ///
    /// # Errors
    ///
    /// [`Problem::Unconditional`] where it does not; else as of [`Bucket::read`].
    pub async fn require_conditional_writes(&self, probe: &str) -> Result<(), BucketError> {
        self.put(probe, Bytes::from_static(b"first")).await?;
        let second = self.create(probe, Bytes::from_static(b"second")).await?;
        self.remove(&[probe.to_owned()]).await?;
        match second {
            Creation::Exists => Ok(()),
            Creation::Created => Err(BucketError::of_kind(
                self.address_of(probe),
                self.address.provider,
                Problem::Unconditional,
                "an object was made although there was one",
            )),
        }
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.address.prefix.clone(), |path, part| path.join(part))
    }

    fn name(&self, path: &Path) -> Option<String> {
        let parts: Vec<_> = path.prefix_match(&self.address.prefix)?.collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        Some(parts.join("/"))
    }

    fn error(&self, name: &str, error: object_store::Error) -> BucketError {
        BucketError::new(self.address_of(name), self.address.provider, error)
    }

    /// Carries out what has the same effect however often it is done, again where it fails for a reason that may pass.
    async fn repeated<T, F>(
        &self,
        name: &str,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, BucketError>
    where
        F: Future<Output = Result<T, object_store::Error>>,
    {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match operation().await {
                Ok(done) => return Ok(done),
                Err(error) => self.error(name, error),
            };
            if attempt == ATTEMPTS || !is_passing(error.problem) {
                return Err(error);
            }
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                attempt,
                "an operation on a bucket failed, and is repeated"
            );
            tokio::time::sleep(self.wait * 2_u32.pow(attempt)).await;
        }
    }
}

fn is_passing(problem: Problem) -> bool {
    matches!(problem, Problem::Failing | Problem::Unreachable)
}

fn unless_absent<T>(read: Result<T, BucketError>) -> Result<Option<T>, BucketError> {
    match read {
        Err(error) if error.problem == Problem::NoObject => Ok(None),
        read => read.map(Some),
    }
}

/// An object that is being written in parts.
#[derive(Debug)]
pub struct Upload {
    parts: Box<dyn MultipartUpload>,
    sent: JoinSet<Result<(), object_store::Error>>,
    name: String,
    bucket: Bucket,
}

impl Upload {
    /// Sends the next part: of [`PART`] bytes, but for the last. Waits while as many as may be in memory are under way.
    ///
    /// # Errors
    ///
    /// This part or one before it could not be sent. [`Upload::abort`] is all that is left to do.
    pub async fn part(&mut self, bytes: Bytes) -> Result<(), BucketError> {
        while self.sent.len() >= PARTS_AT_A_TIME {
            self.answered().await?;
        }
        let part = self.parts.put_part(PutPayload::from_bytes(bytes));
        self.sent.spawn(part);
        Ok(())
    }

    /// Makes the object of the parts. It may have been there before: then it is replaced.
    ///
    /// # Errors
    ///
    /// As of [`Bucket::read`]. The object may be there nevertheless, as a whole; [`Upload::abort`] is to be called then too.
    pub async fn complete(&mut self) -> Result<(), BucketError> {
        while !self.sent.is_empty() {
            self.answered().await?;
        }
        match self.parts.complete().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.bucket.error(&self.name, error)),
        }
    }

    /// Has the store forget the parts. Where that fails they stay, and cost their room, until a rule of the bucket ends them.
    pub async fn abort(mut self) {
        self.sent.abort_all();
        while self.sent.join_next().await.is_some() {}
        if let Err(error) = self.parts.abort().await {
            let error = self.bucket.error(&self.name, error);
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "parts of an object that was not completed may stay in the bucket; a rule that ends incomplete uploads removes them"
            );
        }
    }

    async fn answered(&mut self) -> Result<(), BucketError> {
        match self.sent.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.bucket.error(&self.name, error)),
            Some(Err(error)) => Err(self.bucket.error(&self.name, error.into())),
        }
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
