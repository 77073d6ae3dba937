//! Writes the audit log on a thread of its own, so that no answer waits for a disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use chrono::{Days, NaiveDate, Utc};
use tokio::sync::oneshot;

use super::event::AuditEvent;
use super::file::{DayFile, folder_in, remove_before};

/// For how many days lines are kept, unless the operator says otherwise: as long as the anonymous tier.
pub const DEFAULT_AUDIT_DAYS: u16 = 400;

/// The most lines that wait for the thread. A line takes microseconds; so many wait only while the disk does not respond.
const QUEUE: usize = 8192;

/// The most lines that are written at once.
const BATCH: usize = 1024;

/// Why a line is not in the log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be written.
    #[error("cannot write the audit log in {}: {source}", folder.display())]
    File {
        /// The folder of the log.
        folder: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The disk did not take it in time.
    #[error("the audit log cannot be written; the collector's standard error says why")]
    NotWritten,
}

/// The audit log of a running collector. Clones write to the same files.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` while it is dropped.
    sender: Option<SyncSender<Line>>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// A line, and who waits until it is on disk.
struct Line {
    text: Vec<u8>,
    waiting: Option<oneshot::Sender<bool>>,
}

impl AuditLog {
    /// Starts the log of the data folder `data`, which keeps lines for `days` days.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn start(data: &Path, days: u16) -> Result<Self, AuditError> {
        let folder = folder_in(data);
        let failed = |source| AuditError::File {
            folder: folder.clone(),
            source,
        };
        let (sender, lines) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = Writer {
            folder: folder.clone(),
            days,
            file: None,
            lost: Arc::clone(&lost),
            has_failed: false,
        };
        // Now, so that a folder that cannot be written is known before anything is served. A full disk may have room later.
        match writer.open().map(|_| ()) {
            Err(error) if error.kind() != io::ErrorKind::StorageFull => return Err(failed(error)),
            opened => writer.report(&opened, 0),
        }
        let thread = thread::Builder::new().name("audit".to_owned());
        let thread = thread.spawn(move || writer.run(&lines)).map_err(failed)?;
        Ok(Self(Arc::new(Inner {
            sender: Some(sender),
            lost,
            thread: Some(thread),
        })))
    }

    /// Records an event soon. It waits for nothing; a line that finds no place is counted, and the log says so.
    pub fn record(&self, event: &AuditEvent) {
        let line = Line {
            text: event.line(),
            waiting: None,
        };
        if !self.send(line) {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records an event and waits until it is on disk.
    ///
    /// # Errors
    /// The log cannot be written now.
    pub async fn record_durably(&self, event: &AuditEvent) -> Result<(), AuditError> {
        let (waiting, written) = oneshot::channel();
        let line = Line {
            text: event.line(),
            waiting: Some(waiting),
        };
        match self.send(line) && written.await == Ok(true) {
            true => Ok(()),
            false => Err(AuditError::NotWritten),
        }
    }

    /// Appends one line to the log of the data folder `data`, durably: for commands, also beside a running collector.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(data: &Path, event: &AuditEvent) -> Result<(), AuditError> {
        let folder = folder_in(data);
        let append = || {
            let mut file = DayFile::open(&folder, today())?;
            file.append(&event.line())?;
            file.sync()
        };
        append().map_err(|source| AuditError::File {
            folder: folder.clone(),
            source,
        })
    }

    fn send(&self, line: Line) -> bool {
        let sender = self.0.sender.as_ref();
        sender.is_some_and(|sender| sender.try_send(line).is_ok())
    }
}

impl Drop for Inner {
    /// Writes what waits.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It prints its own panic.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Writer {
    folder: PathBuf,
    days: u16,
    file: Option<DayFile>,
    lost: Arc<AtomicU64>,
    /// Whether the last write failed: a failure is reported once.
    has_failed: bool,
}

impl Writer {
    fn run(&mut self, lines: &Receiver<Line>) {
        while let Ok(first) = lines.recv() {
            let mut batch = vec![first];
            batch.extend(lines.try_iter().take(BATCH - 1));
            let written = self.write(&batch);
            self.report(&written, batch.len());
            for waiting in batch.into_iter().filter_map(|line| line.waiting) {
                // Whoever waited may have gone.
                let _ = waiting.send(written.is_ok());
            }
        }
    }

    fn write(&mut self, batch: &[Line]) -> io::Result<()> {
        let mut text = Vec::new();
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            text.extend(AuditEvent::lines_lost(lost).line());
        }
        for line in batch {
            text.extend_from_slice(&line.text);
        }
        let is_durable = batch.iter().any(|line| line.waiting.is_some());
        let file = self.open()?;
        file.append(&text)?;
        if is_durable {
            file.sync()?;
        }
        self.lost.fetch_sub(lost, Ordering::Relaxed);
        Ok(())
    }

    /// The file of today. On a new day, lines that are too old go.
    fn open(&mut self) -> io::Result<&mut DayFile> {
        let day = today();
        if self.file.as_ref().is_none_or(|file| file.day != day) {
            self.file = None;
            let first = day.checked_sub_days(Days::new(self.days.into()));
            remove_before(&self.folder, first.unwrap_or(day))?;
            return Ok(self.file.insert(DayFile::open(&self.folder, day)?));
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn report(&mut self, written: &io::Result<()>, lines: usize) {
        if let Err(error) = written {
            // It may be half a line: the next file that is opened ends it.
            self.file = None;
            self.lost.fetch_add(lines as u64, Ordering::Relaxed);
            if !self.has_failed {
                let folder = self.folder.display();
                tracing::error!(
                    "cannot write the audit log in {folder}: {error}; lines are lost until it can be written"
                );
            }
        }
        self.has_failed = written.is_err();
    }
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}
