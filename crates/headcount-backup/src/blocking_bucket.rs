//! A bucket for callers that block.
//!
//! Requests run on a thread of their own, so that callers may block whether a runtime runs them or not.

use std::future::Future;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};

use headcount_bucket::{Bucket, BucketError};
use tokio::runtime::{Builder, Runtime};

/// A bucket, and the thread that speaks with it.
#[derive(Debug)]
pub(crate) struct BlockingBucket {
    bucket: Bucket,
    runtime: Option<Runtime>,
}

/// A request that runs, and whose result will be here.
pub(crate) type Pending<T> = Receiver<Result<T, BucketError>>;

impl BlockingBucket {
    pub(crate) fn new(bucket: Bucket) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("backup-bucket")
            .enable_all()
            .build()?;
        Ok(Self {
            bucket,
            runtime: Some(runtime),
        })
    }

    /// The address of an object; of the prefix for an empty name.
    pub(crate) fn address_of(&self, name: &str) -> String {
        self.bucket.address_of(name)
    }

    /// Begins what `request` does with the bucket.
    pub(crate) fn begin<T, F>(&self, request: impl FnOnce(Bucket) -> F) -> Receiver<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, receiver) = sync_channel(1);
        let running = request(self.bucket.clone());
        if let Some(runtime) = &self.runtime {
            drop(runtime.spawn(async move {
                // Nobody may wait for it any more.
                let _ = sender.send(running.await);
            }));
        }
        receiver
    }

    /// Does what `request` does with the bucket, and waits for it.
    pub(crate) fn wait<T, F>(&self, request: impl FnOnce(Bucket) -> F) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, BucketError>> + Send + 'static,
    {
        answer(&self.begin(request))
    }
}

impl Drop for BlockingBucket {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Its drop would wait, which a caller on another runtime may not.
            runtime.shutdown_background();
        }
    }
}

/// Waits for the result of a request.
pub(crate) fn answer<T>(running: &Pending<T>) -> io::Result<T> {
    let answer = running.recv();
    let gone = |_| io::Error::other("the thread that speaks with the bucket has ended");
    answer.map_err(gone)?.map_err(io::Error::from)
}
