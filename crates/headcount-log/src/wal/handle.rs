//! The way to the log's thread.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use headcount_catalog::AdmittedBatch;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::activity::LogActivity;
use super::command::{Appended, Command, PendingAppend};
use super::writer::{WalConfig, Writer};
use crate::error::{AppendError, LogError};

/// Requests that wait for the log: some seconds' worth, far above the number of connections.
const MAX_PENDING_REQUESTS: usize = 4096;
/// KiB that they may hold: a fraction of the memtable's limit.
const MAX_PENDING_KIB: usize = 32 << 10;

/// Sends work to the log's thread, which ends when the last handle is dropped.
#[derive(Clone)]
pub struct WalHandle {
    folder: PathBuf,
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
    activity: Arc<LogActivity>,
}

impl std::fmt::Debug for WalHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WalHandle")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl WalHandle {
    /// Starts the log's thread.
    ///
    /// # Errors
    ///
    /// The operating system has no thread for it.
    pub fn start(config: WalConfig) -> Result<(Self, JoinHandle<()>), LogError> {
        let folder = config.folder.clone();
        let (commands, receiver) = mpsc::channel(MAX_PENDING_REQUESTS);
        let activity = Arc::<LogActivity>::default();
        let writer = Writer::new(config, Arc::clone(&activity));
        let thread = std::thread::Builder::new()
            .name("headcount-wal".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(LogError::io("start the thread of", &folder))?;
        let handle = Self {
            folder,
            commands,
            room: Arc::new(Semaphore::new(MAX_PENDING_KIB)),
            activity,
        };
        Ok((handle, thread))
    }

    /// Stores a batch; resolves after its fsync. Requests that wait at the same time share one. `reservation` is dropped when
    /// the log no longer holds the batch, which may be after the caller has gone away.
    ///
    /// # Errors
    ///
    /// Nothing of the batch is acknowledged; [`AppendError`] says what to tell the sender.
    pub async fn append<R: Send + 'static>(
        &self,
        batch: AdmittedBatch,
        reservation: R,
    ) -> Result<Appended, AppendError> {
        let kib = (batch.bytes().len() / 1024 + 1).min(MAX_PENDING_KIB);
        let kib = u32::try_from(kib).map_err(|_| AppendError::TooLarge(batch.bytes().len()))?;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await;
        let room = room.map_err(|_| AppendError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let append = PendingAppend {
            batch,
            reply,
            reservation: Box::new((room, reservation)),
        };
        let sent = self.commands.send(Command::Append(append)).await;
        sent.map_err(|_| AppendError::Closed)?;
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// Seals the segment and freezes the sink, so that the rows appended so far can be flushed.
    ///
    /// # Errors
    ///
    /// The log has stopped, or a file that was given up cannot be removed.
    pub async fn rotate(&self) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Rotate(reply)).await;
        sent.map_err(|_| LogError::Closed)?;
        let rotated: io::Result<()> = answer.await.map_err(|_| LogError::Closed)?;
        rotated.map_err(LogError::io("clean", &self.folder))
    }

    /// Resolves when the log's thread has done what was asked before: a sign of life.
    ///
    /// # Errors
    ///
    /// The log has stopped.
    pub async fn ping(&self) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Ping(reply)).await;
        sent.map_err(|_| LogError::Closed)?;
        answer.await.map_err(|_| LogError::Closed)
    }

    /// Whether the log's thread has ended.
    pub fn has_stopped(&self) -> bool {
        self.commands.is_closed()
    }

    /// What the thread has done.
    pub fn activity(&self) -> &LogActivity {
        &self.activity
    }

    /// KiB of pending batches that the log would take now.
    pub fn free_kib(&self) -> usize {
        self.room.available_permits()
    }
}
