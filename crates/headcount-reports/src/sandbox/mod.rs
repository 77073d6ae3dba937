//! Free SQL in a process of its own.
//!
//! A query that somebody wrote may take any amount of memory in a function that no pool accounts for, and may keep a thread for ever:
//! the engine interrupts a query only where the query yields. So a server gives each query to a process that is limited by the
//! operating system, and ends it when its time is over ([decision 0024]). The process reads the files of the tables itself; rows in
//! memory are handed to it. It answers one query and ends. A next one is started meanwhile, so that a query does not wait for that.
//!
//! [decision 0024]: https://github.com/headcount-telemetry/headcount/blob/main/docs/decisions/0024-free-sql-in-a-process-of-its-own.md

mod activity;
mod machine_memory;
mod metrics;
mod process;
mod process_limits;
mod protocol;
mod values;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use headcount_answer::Answer;
use headcount_lake::LakeSnapshot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::engine::QueryLimits;
use crate::error::ReportError;
use activity::Activity;
use machine_memory::machine_memory;
use process::{Killable, Process, Program};
use protocol::Request;

pub use worker::answer_one_query;

/// Queries that run at once. Each keeps at most all cores busy, at a lower priority than everything else, and an eighth of the
/// memory: four leave half of it.
const MAX_RUNNING: usize = 4;

/// Queries that wait for one of those to end; more are refused at once.
const MAX_WAITING: usize = 32;

/// How long a query waits before it is refused.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The memory of a query: an eighth of the machine's, within these bounds, in bytes.
const MEMORY_SHARE: u64 = 8;
const MIN_MEMORY_BYTES: u64 = 192 << 20;
const MAX_MEMORY_BYTES: u64 = 1 << 30;

/// How long after its limit a process is ended: until then it may say so itself.
const OVERTIME: Duration = Duration::from_millis(250);

/// How long after a query began the process for the next one is started.
const SPARE_AFTER: Duration = Duration::from_millis(100);

/// How long an unused process is kept: it takes some 20 MiB.
const SPARE_FOR: Duration = Duration::from_secs(300);

/// Runs queries in processes of their own. Cheap to clone; clones share their limits.
#[derive(Debug, Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    program: Program,
    limits: QueryLimits,
    memory_bytes: u64,
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// A process that waits for the next query.
    spare: Mutex<Option<Process>>,
    activity: Activity,
}

/// The right to run one query now.
#[derive(Debug)]
pub struct QuerySlot {
    _permit: OwnedSemaphorePermit,
}

impl Sandbox {
    /// A sandbox that starts `program` with `arguments` for each query; that program calls [`answer_one_query`]. `limits` bound
    /// each query, and the operating system bounds the memory of its process: an eighth of the machine's or the container's, at
    /// least 192 MiB and at most 1 GiB.
    pub fn new(program: PathBuf, arguments: Vec<OsString>, limits: QueryLimits) -> Self {
        let share = machine_memory().map_or(MAX_MEMORY_BYTES, |bytes| bytes / MEMORY_SHARE);
        let memory_bytes = share.clamp(MIN_MEMORY_BYTES, MAX_MEMORY_BYTES);
        // What operators gather is accounted for and refused with an error of the engine; the rest is for what is not.
        let accounted = usize::try_from(memory_bytes / 4 * 3).unwrap_or(usize::MAX);
        let limits = QueryLimits {
            memory_bytes: limits.memory_bytes.min(accounted),
            ..limits
        };
        Self {
            shared: Arc::new(Shared {
                program: Program {
                    path: program,
                    arguments,
                },
                limits,
                memory_bytes,
                running: Arc::new(Semaphore::new(MAX_RUNNING)),
                waiting: Semaphore::new(MAX_WAITING),
                spare: Mutex::default(),
                activity: Activity::default(),
            }),
        }
    }

    /// Waits for a slot, for at most ten seconds. The query's snapshot is best taken afterwards, so that it is fresh and its files
    /// stay.
    ///
    /// # Errors
    /// [`ReportError::Busy`]: too many queries run and wait, or none ended in time.
    pub async fn enter(&self) -> Result<QuerySlot, ReportError> {
        let entered = self.wait_for_slot().await;
        if entered.is_err() {
            self.shared.activity.refused();
        }
        entered
    }

    async fn wait_for_slot(&self) -> Result<QuerySlot, ReportError> {
        let Shared {
            running, waiting, ..
        } = &*self.shared;
        if let Ok(slot) = Arc::clone(running).try_acquire_owned() {
            return Ok(QuerySlot { _permit: slot });
        }
        let busy = || ReportError::Busy {
            running: MAX_RUNNING,
            retry_after: MAX_WAIT,
        };
        let _seat = waiting.try_acquire().map_err(|_| busy())?;
        let slot = tokio::time::timeout(MAX_WAIT, Arc::clone(running).acquire_owned());
        match slot.await {
            Ok(Ok(slot)) => Ok(QuerySlot { _permit: slot }),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Runs a SQL query that only reads, over the tables of `snapshot`. Dropping the future ends the query.
    ///
    /// # Errors
    /// As of [`Reports::sql`](crate::Reports::sql); also [`ReportError::TooMuchMemory`] where the process reached its limit, and
    /// [`ReportError::Engine`] where it cannot be started.
    pub async fn sql(
        &self,
        slot: QuerySlot,
        snapshot: LakeSnapshot,
        query: &str,
    ) -> Result<Answer, ReportError> {
        let began = Instant::now();
        let answered = self.answer(slot, snapshot, query).await;
        self.shared.activity.ended(&answered, began.elapsed());
        answered
    }

    async fn answer(
        &self,
        slot: QuerySlot,
        snapshot: LakeSnapshot,
        query: &str,
    ) -> Result<Answer, ReportError> {
        let limits = self.shared.limits;
        if query.len() > limits.query_bytes {
            return Err(ReportError::QueryTooLong {
                bytes: query.len(),
                limit: limits.query_bytes,
            });
        }
        let request = Request {
            query: query.to_owned(),
            limits,
            memory_bytes: self.shared.memory_bytes,
            files: snapshot.files(),
            in_memory: named_in_memory(&snapshot, query),
        };
        let process = self.process().await?;
        let killable = EndOnDrop(process.killable());
        self.start_spare();
        let answering = spawn_blocking(move || {
            // The slot is free when the process has ended, and the files stay until then.
            let (_slot, snapshot) = (slot, snapshot);
            process.answer(&request, &snapshot)
        });
        match tokio::time::timeout(limits.time + OVERTIME, answering).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(ReportError::Engine("internal error".to_owned())),
            Err(_) => {
                drop(killable);
                Err(ReportError::TooSlow { limit: limits.time })
            }
        }
    }

    /// The spare process, or a new one.
    async fn process(&self) -> Result<Process, ReportError> {
        let shared = Arc::clone(&self.shared);
        let started = spawn_blocking(move || {
            let spare = shared.spare().take();
            match spare.filter(Process::is_running) {
                Some(process) => Ok(process),
                None => shared.program.start(),
            }
        });
        let failed = |reason: String| {
            ReportError::Engine(format!("cannot start a process for the query: {reason}"))
        };
        match started.await {
            Ok(Ok(process)) => Ok(process),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Starts a process for the next query, and ends it if none comes for a while.
    fn start_spare(&self) {
        let shared = Arc::downgrade(&self.shared);
        let _task = tokio::spawn(async move {
            // A query that is answered until then does not compete with it for a core.
            tokio::time::sleep(SPARE_AFTER).await;
            let starting = Weak::clone(&shared);
            // If it fails, the next query tries again and says why.
            let _ = spawn_blocking(move || {
                if let Some(shared) = starting.upgrade()
                    && shared.spare().is_none()
                    && let Ok(process) = shared.program.start()
                {
                    let _replaced = shared.spare().replace(process);
                }
            })
            .await;
            tokio::time::sleep(SPARE_FOR).await;
            let unused = shared.upgrade().and_then(|shared| {
                let mut spare = shared.spare();
                spare.take_if(|process| process.started.elapsed() >= SPARE_FOR)
            });
            let _ = spawn_blocking(move || drop(unused)).await;
        });
    }
}

impl Shared {
    fn spare(&self) -> MutexGuard<'_, Option<Process>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a process when nobody waits for its answer.
struct EndOnDrop(Killable);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The tables with rows in memory that the query may name. SQL knows no way to write a table's name other than its letters,
/// except for escapes, which begin with a backslash.
fn named_in_memory(snapshot: &LakeSnapshot, query: &str) -> Vec<u8> {
    let query = query.to_ascii_lowercase();
    let may_name = |name: &str| query.contains(&name.to_ascii_lowercase()) || query.contains('\\');
    let tables = snapshot.schema().iter();
    let named = tables
        .filter(|(id, table)| !snapshot.rows_in_memory(*id).is_empty() && may_name(&table.name));
    named.map(|(id, _)| id.0).collect()
}
