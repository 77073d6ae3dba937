//! Runs a plan within limits, on threads apart from those that receive telemetry.
//!
//! Queries have their own threads: a query that keeps a core busy delays no acknowledgement, and a query that nests ten
//! thousand levels deep has the stack that the recursion of parser and planner needs.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{AbortHandle, JoinHandle};

use crate::answer_size::json_size;
use crate::distinct::distinct_functions;
use crate::error::ReportError;
use crate::partial_aggregates::CachePartialAggregates;
use crate::percentile::percentile;
use crate::tool_key::tool_functions;
use crate::version_key::version_key;

/// Limits of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLimits {
    /// Wall-clock time from planning to the last row.
    pub time: Duration,
    /// Memory of the operators that gather rows (grouping, sorting, joining), in bytes. Nothing is spilled to disk.
    pub memory_bytes: usize,
    /// The answer in memory, in bytes: its rows as JSON values, with the column names that each row of JSON repeats.
    pub answer_bytes: usize,
    /// The text of a query, in bytes. Planning takes a time that grows with its square, and cannot be interrupted.
    pub query_bytes: usize,
    /// Cores that one query may use.
    pub cores: NonZeroUsize,
}

impl Default for QueryLimits {
    /// 30 s, 1 GiB, an answer of 128 MiB, a query of 16 KiB, all cores.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            memory_bytes: 1 << 30,
            answer_bytes: 128 << 20,
            query_bytes: 16 << 10,
            cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Functions that return a value of any length for a number: the memory pool does not account for it.
const UNBOUNDED_FUNCTIONS: [&str; 7] = [
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "array_resize",
    "range",
    "generate_series",
];

/// Address space for the stack of a query thread; only what is touched becomes memory.
const QUERY_STACK_BYTES: usize = 256 << 20;

/// The same in the process of one query, where address space is limited, and a stack that is too small costs one query.
const SMALL_STACK_BYTES: usize = 64 << 20;

/// Threads that read files, in the process of one query.
const FEW_READERS: usize = 2;

static QUERY_THREADS: OnceLock<Runtime> = OnceLock::new();

/// Measures the time of queries, on a thread of its own: a query that never yields keeps its thread, and all of them keep all.
static CLOCK: OnceLock<Runtime> = OnceLock::new();

/// Queries whose time is over and that have not yielded since.
static OVERDUE: AtomicUsize = AtomicUsize::new(0);

/// State that queries share: caches of file footers, and registered object stores. No query may write to disk.
static SHARED: LazyLock<Result<RuntimeEnv, String>> = LazyLock::new(|| {
    let no_spilling = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    RuntimeEnvBuilder::new()
        .with_disk_manager_builder(no_spilling)
        .build()
        .map_err(|error| error.strip_backtrace())
});

fn query_threads() -> Result<&'static Runtime, ReportError> {
    started(&QUERY_THREADS, || {
        Builder::new_multi_thread()
            .thread_name("headcount-query")
            .thread_stack_size(QUERY_STACK_BYTES)
            .enable_all()
            .build()
    })
}

/// Starts the query threads of a process that answers one query: few, with small stacks, and all of them now, so that
/// none is started after the process has limited its memory. Nothing if query threads run already.
///
/// # Errors
/// A thread cannot be started.
pub(crate) fn start_threads_of_one_query() -> Result<(), ReportError> {
    let threads = started(&QUERY_THREADS, || {
        Builder::new_multi_thread()
            .thread_name("headcount-query")
            .thread_stack_size(SMALL_STACK_BYTES)
            .max_blocking_threads(FEW_READERS)
            .thread_keep_alive(Duration::MAX)
            .enable_all()
            .build()
    })?;
    let _clock = clock()?;
    // Each is busy until all are, so that each has a thread of its own.
    let meeting = Arc::new(std::sync::Barrier::new(FEW_READERS + 1));
    for _ in 0..FEW_READERS {
        let meeting = Arc::clone(&meeting);
        let _thread = threads.spawn_blocking(move || meeting.wait());
    }
    let _met = meeting.wait();
    Ok(())
}

fn clock() -> Result<&'static Runtime, ReportError> {
    started(&CLOCK, || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("headcount-query-clock")
            .enable_time()
            .build()
    })
}

/// The runtime in `place`, started if it is the first time.
fn started(
    place: &'static OnceLock<Runtime>,
    start: impl FnOnce() -> std::io::Result<Runtime>,
) -> Result<&'static Runtime, ReportError> {
    if let Some(threads) = place.get() {
        return Ok(threads);
    }
    let threads = start()
        .map_err(|error| ReportError::Engine(format!("cannot start query threads: {error}")))?;
    // Another thread may have been first: then its runtime is used, and ours is dropped without waiting.
    if let Err(unused) = place.set(threads) {
        unused.shutdown_background();
    }
    place
        .get()
        .ok_or_else(|| ReportError::Engine("cannot start query threads".to_owned()))
}

/// Whether every query thread of this process runs a query whose time is over and that does not yield: no report is answered
/// until one of them does.
pub fn are_queries_stuck() -> bool {
    let threads = QUERY_THREADS.get();
    threads.is_some_and(|threads| {
        OVERDUE.load(Ordering::Relaxed) >= threads.handle().metrics().num_workers()
    })
}

/// A session of its own for one query, with its own memory limit and no tables. With `cache`, partial aggregates of files
/// are cached.
pub(crate) fn session(
    limits: &QueryLimits,
    cache: Option<CachePartialAggregates>,
) -> Result<SessionContext, ReportError> {
    let shared = SHARED
        .as_ref()
        .map_err(|error| ReportError::Engine(error.clone()))?;
    let memory = Arc::new(GreedyMemoryPool::new(limits.memory_bytes));
    let runtime = RuntimeEnvBuilder::from_runtime_env(shared)
        .with_memory_pool(memory)
        .build_arc()
        .map_err(|error| ReportError::Engine(error.strip_backtrace()))?;
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.cores.get())
        .with_information_schema(true);
    config.options_mut().execution.enable_recursive_ctes = false;
    let mut state = SessionStateBuilder::new_with_default_features().with_runtime_env(runtime);
    if let Some(rule) = cache {
        // A dynamic filter would leave rows out of the cached states.
        let optimizer = &mut config.options_mut().optimizer;
        optimizer.enable_dynamic_filter_pushdown = false;
        optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        optimizer.enable_join_dynamic_filter_pushdown = false;
        optimizer.enable_topk_dynamic_filter_pushdown = false;
        state = state.with_physical_optimizer_rule(Arc::new(rule));
    }
    let context = SessionContext::new_with_state(state.with_config(config).build());
    for function in UNBOUNDED_FUNCTIONS {
        context.deregister_udf(function);
    }
    for function in tool_functions() {
        context.register_udf(function);
    }
    context.register_udf(version_key());
    context.register_udaf(percentile());
    for function in distinct_functions() {
        context.register_udaf(function);
    }
    Ok(context)
}

/// Aborts the task when its caller stops waiting.
struct EndOnDrop(AbortHandle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs `work` on the query threads, for at most the time of `limits`. A panic inside becomes an error.
///
/// Both futures are boxed: otherwise every crate that awaits a query would compile the engine's futures again.
pub(crate) fn within<T: Send + 'static>(
    limits: QueryLimits,
    work: BoxFuture<'static, Result<T, ReportError>>,
) -> BoxFuture<'static, Result<T, ReportError>> {
    run_within(limits, work).boxed()
}

async fn run_within<T: Send + 'static>(
    limits: QueryLimits,
    work: BoxFuture<'static, Result<T, ReportError>>,
) -> Result<T, ReportError> {
    let task = query_threads()?.spawn(async move {
        let timed = tokio::time::timeout(limits.time, work);
        timed.await.unwrap_or(Err(too_slow(&limits)))
    });
    let _end = EndOnDrop(task.abort_handle());
    // The timeout inside stops work that yields; this one also returns when the work never does.
    let mut task = task;
    match wait(limits.time + Duration::from_millis(100), &mut task).await? {
        Some(Ok(result)) => result,
        Some(Err(_)) => Err(ReportError::Engine("internal error".to_owned())),
        None => {
            count_until_it_ends(task)?;
            Err(too_slow(&limits))
        }
    }
}

fn too_slow(limits: &QueryLimits) -> ReportError {
    ReportError::TooSlow { limit: limits.time }
}

/// The task's result, or `None` when it takes longer than `time`. The caller's runtime needs no clock.
async fn wait<T>(
    time: Duration,
    task: &mut JoinHandle<T>,
) -> Result<Option<Result<T, tokio::task::JoinError>>, ReportError> {
    let sleep = {
        let _inside = clock()?.enter();
        tokio::time::sleep(time)
    };
    Ok(tokio::select! {
        result = task => Some(result),
        () = sleep => None,
    })
}

/// Counts the task among the overdue ones until it yields and ends.
fn count_until_it_ends<T: Send + 'static>(task: JoinHandle<T>) -> Result<(), ReportError> {
    OVERDUE.fetch_add(1, Ordering::Relaxed);
    let _watching = clock()?.spawn(async move {
        // Aborted or done: it keeps its thread no longer.
        let _ = task.await;
        OVERDUE.fetch_sub(1, Ordering::Relaxed);
    });
    Ok(())
}

/// The rows of `stream`, all of them in memory.
pub(crate) async fn collect(
    mut stream: SendableRecordBatchStream,
    limits: &QueryLimits,
) -> Result<(SchemaRef, Vec<RecordBatch>), ReportError> {
    let failed = |error: DataFusionError| ReportError::running(&error, limits.memory_bytes);
    let schema = stream.schema();
    let mut batches = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = stream.next().await.transpose().map_err(failed)? {
        // Both exist during the conversion.
        bytes += batch.get_array_memory_size().max(json_size(&batch));
        if bytes > limits.answer_bytes {
            return Err(ReportError::AnswerTooLarge {
                limit: limits.answer_bytes,
            });
        }
        batches.push(batch);
    }
    Ok((schema, batches))
}
