//! A store in memory that fails now and then, for tests.
//!
//! A request that fails may have been carried out: that is how an answer gets lost.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct FaultyStore {
    inner: Arc<InMemory>,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    random: Mutex<u64>,
    /// One in so many requests fails; none where it is 0.
    one_in: AtomicU64,
    /// Whether conditions of writes are ignored.
    is_unconditional: AtomicBool,
    injected: AtomicU64,
}

/// What happens to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// It does not arrive.
    Unsent,
    /// Its answer does not.
    Unanswered,
}

impl FaultyStore {
    /// A store whose faults follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let store = Self::default();
        *store
            .faults
            .random
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = seed.wrapping_mul(2).wrapping_add(1);
        store
    }

    /// From now on one request in `one_in` fails, by chance; none where that is 0.
    pub fn fail(&self, one_in: u64) {
        self.faults.one_in.store(one_in, Ordering::SeqCst);
    }

    /// From now on every object is written, whether there is one or not.
    pub fn ignore_conditions(&self) {
        self.faults.is_unconditional.store(true, Ordering::SeqCst);
    }

    /// Requests that failed so far.
    pub fn injected(&self) -> u64 {
        self.faults.injected.load(Ordering::SeqCst)
    }
}

impl Faults {
    fn random(&self) -> u64 {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random
    }

    fn fate(&self) -> Fate {
        let one_in = self.one_in.load(Ordering::SeqCst);
        if one_in == 0 || !self.random().is_multiple_of(one_in) {
            return Fate::Fine;
        }
        self.injected.fetch_add(1, Ordering::SeqCst);
        match self.random() & 64 {
            0 => Fate::Unsent,
            _ => Fate::Unanswered,
        }
    }

    /// Carries a request out, or not, and answers it, or not.
    async fn through<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        match self.fate() {
            Fate::Fine => request.await,
            Fate::Unsent => Err(fault()),
            Fate::Unanswered => request.await.and_then(|_| Err(fault())),
        }
    }
}

fn fault() -> Error {
    Error::Generic {
        store: "faulty",
        source: "connection reset by a test".into(),
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        if self.faults.is_unconditional.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        let put = self.inner.put_opts(location, payload, options);
        self.faults.through(put).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, options);
        Ok(Box::new(FaultyUpload {
            inner: self.faults.through(begun).await?,
            faults: Arc::clone(&self.faults),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let got = self.inner.get_opts(location, options);
        self.faults.through(got).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let got = self.inner.get_ranges(location, ranges);
        self.faults.through(got).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.faults.fate() {
            Fate::Fine => self.inner.delete_stream(locations),
            Fate::Unsent => stream::once(async { Err(fault()) }).boxed(),
            Fate::Unanswered => { self.inner.delete_stream(locations) }
                .map(|removed| removed.and_then(|_| Err(fault())))
                .boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.faults.fate() {
            Fate::Fine => self.inner.list(prefix),
            // The list breaks off.
            Fate::Unsent | Fate::Unanswered => { self.inner.list(prefix).take(1) }
                .chain(stream::once(async { Err(fault()) }))
                .boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix);
        self.faults.through(listed).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let copied = self.inner.copy_opts(from, to, options);
        self.faults.through(copied).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Arc<Faults>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (sent, faults) = (self.inner.put_part(data), Arc::clone(&self.faults));
        Box::pin(async move { faults.through(sent).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let completed = self.inner.complete();
        self.faults.through(completed).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
