//! The process of one query.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use headcount_answer::Answer;
use headcount_catalog::Catalog;
use headcount_lake::{DamagedFile, LakeSnapshot, SnapshotFiles};

use super::process_limits::{give_way, limit_memory, limit_processor_time};
use super::protocol::{Failure, Outcome, Request, Response, read_frame, write_frame};
use super::values::write_value;
use crate::engine::{QueryLimits, start_threads_of_one_query};
use crate::error::ReportError;
use crate::reports::Reports;

/// How long after its limit the process ends itself, if its server has not ended it.
const OVERTIME: Duration = Duration::from_secs(2);

/// A query that touches what most queries touch, so that its code and tables are in memory before the first real one comes.
const WARM_UP: &str = "SELECT framework, count(DISTINCT key) AS crews, max(time) AS latest FROM crews \
                       WHERE memory GROUP BY framework ORDER BY crews DESC LIMIT 10";

/// Answers the query that comes on standard input, on standard output, within limits of memory, processor time and time
/// that this process sets for itself; then returns. [`Sandbox`](super::Sandbox) starts such processes.
///
/// The process ends by itself when its server does, or when its time is over.
///
/// # Errors
/// A limit cannot be set, or what is read or written is cut off. The server then sees no answer.
pub fn answer_one_query() -> io::Result<()> {
    give_way()?;
    warm_up()?;
    let mut input = BufReader::new(io::stdin());
    // The end instead of a request: the server needs no query.
    let Some(request) = read_frame::<Request>(&mut input)? else {
        return Ok(());
    };
    let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let cores = u32::try_from(cores.get()).unwrap_or(u32::MAX);
    limit_processor_time(request.limits.time.saturating_mul(cores) + OVERTIME)?;
    limit_memory(request.memory_bytes)?;
    let snapshot = read_snapshot(&request, &mut input)?;
    end_in_time(request.limits.time + OVERTIME)?;
    end_with_server(input)?;
    let answered = run(&snapshot, request.limits, &request.query);
    let mut output = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let damaged = snapshot.damaged_files();
    match answered {
        Ok(answer) => write_answer(&mut output, answer, damaged)?,
        Err(error) => {
            let outcome = Outcome::Failure(Failure::from(error));
            write_frame(&mut output, &Response { outcome, damaged })?;
        }
    }
    output.flush()
}

/// Starts the threads, and runs a query over empty tables.
fn warm_up() -> io::Result<()> {
    start_threads_of_one_query().map_err(io::Error::other)?;
    let schema = Catalog::in_force().schema();
    let nothing = LakeSnapshot::of_parts(Arc::clone(schema), SnapshotFiles::default(), Vec::new());
    run(&nothing, QueryLimits::default(), WARM_UP).map_err(io::Error::other)?;
    Ok(())
}

fn run(snapshot: &LakeSnapshot, limits: QueryLimits, query: &str) -> Result<Answer, ReportError> {
    let reports = Reports::new(snapshot, limits);
    futures::executor::block_on(reports.sql(query))
}

fn read_snapshot(request: &Request, input: &mut impl Read) -> io::Result<LakeSnapshot> {
    let schema = Catalog::in_force().schema();
    let mut rows_in_memory = vec![Vec::new(); schema.tables.len()];
    for table in &request.in_memory {
        let stream = StreamReader::try_new(&mut *input, None).map_err(io::Error::other)?;
        let batches: Result<Vec<RecordBatch>, _> = stream.collect();
        let rows = rows_in_memory.get_mut(usize::from(*table));
        let rows = rows.ok_or_else(|| io::Error::other("the catalog has no such table"))?;
        *rows = batches.map_err(io::Error::other)?;
    }
    let files = request.files.clone();
    Ok(LakeSnapshot::of_parts(
        Arc::clone(schema),
        files,
        rows_in_memory,
    ))
}

/// Ends the process at the end of its input, which is the end of its server: no query outlives the one who asks.
fn end_with_server(mut input: impl Read + Send + 'static) -> io::Result<()> {
    let waiting = thread::Builder::new().name("headcount-server-gone".to_owned());
    let _thread = waiting.spawn(move || {
        let _ = io::copy(&mut input, &mut io::sink());
        std::process::exit(1)
    })?;
    Ok(())
}

/// Ends the process after `time`. A query that never yields keeps every thread of the engine, and not this one.
fn end_in_time(time: Duration) -> io::Result<()> {
    let waiting = thread::Builder::new().name("headcount-query-time".to_owned());
    let _thread = waiting.spawn(move || {
        thread::sleep(time);
        std::process::exit(1)
    })?;
    Ok(())
}

fn write_answer(
    output: &mut impl Write,
    answer: Answer,
    damaged: Vec<DamagedFile>,
) -> io::Result<()> {
    let outcome = Outcome::Answer {
        columns: answer.columns,
        notes: answer.notes,
        rows: answer.rows.len(),
    };
    write_frame(output, &Response { outcome, damaged })?;
    for row in answer.rows {
        for value in &row {
            write_value(output, value)?;
        }
    }
    Ok(())
}
