//! `headcount ingest`: stores captured requests in a data folder, or sends them to a running server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use clap::Args;
use headcount_collector::{IngestError, IngestPipeline, PayloadFormat, ServeError};
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_explain::{CapturedFile, CapturedRequest, Encoding};
use headcount_lake::{AppendError, LakeError, LakeOptions, LogError};
use tokio::runtime::Runtime;

use crate::captured_files;
use crate::connection::{ConnectionArgs, DEFAULT_FOLDER};
use crate::otlp_client::{OtlpClient, SendError};
use crate::policy::PolicyArgs;
use crate::progress;

/// Store captured OTLP requests
///
/// A file has one trace request as an exporter sends it (protobuf or JSON), or what the OpenTelemetry Collector's file exporter
/// writes (JSON, one request a line, or protobuf with lengths), optionally compressed with gzip or zstd. Lines of logs and metrics
/// are passed over. For a folder, every *.bin, *.json, *.jsonl, *.ndjson and *.pb file below it is read, except for JSON of something else. Spans and fields that the
/// catalog does not allow are rejected and counted, as over the network. A span that is already stored is not stored again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ingest {
    /// Files, or folders with such files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The data folder; created if missing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, conflicts_with = "url")]
    data: PathBuf,
    /// Send to the server at this address instead, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

const EXAMPLES: &str = "\
Examples:
  headcount ingest captured/000.bin captured/001.bin
  headcount ingest captured/ --data /srv/headcount
  headcount ingest traces.jsonl traces-2026-11-30T12-00-00.000.jsonl.gz
  headcount ingest captured/ --url http://127.0.0.1:4318
  headcount ingest captured/ --data ./trial --dialects dialects/

Exit codes:
  0  every file was ingested; rejected spans are counted and are not failures
  1  a file was not ingested, or the operation failed
  2  the command line is wrong";

impl Ingest {
    /// Ingests every readable file and prints the totals.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let (files, failures) = captured_files::find(&self.files);
        let mut total = Total::default();
        for failure in failures {
            total.fail(&failure);
        }
        if !files.is_empty() {
            let sink = match &self.url {
                Some(url) => Sink::Server(OtlpClient::new(self.connection.connect(url)?)),
                None => Sink::Folder(Box::new(Store::open(&self.data, &self.policy)?)),
            };
            let ingested = ingest_all(&files, &sink, &mut total);
            // Files before a failure are stored: close the store properly and report them.
            sink.close().and(ingested).inspect_err(|_| {
                output::note(&format!("before the failure: {}", total.summary()));
            })?;
        }
        output::print(&(total.summary() + "\n"))?;
        Ok(match total.failed_files {
            0 => Code::Done,
            _ => Code::Failed,
        })
    }
}

/// Requests that are stored at the same time, so that they share an fsync.
const AT_ONCE: usize = 64;

/// And the bytes of requests above which no further one is read before these are stored.
const AT_ONCE_BYTES: usize = 16 << 20;

fn ingest_all(files: &[PathBuf], sink: &Sink, total: &mut Total) -> anyhow::Result<()> {
    let bar = progress::bar(files.len() as u64, "files");
    for path in files {
        let mut failures = Vec::new();
        match CapturedFile::open(path) {
            Ok(file) => {
                ingest_file(file, sink, total, &mut failures).with_context(|| stopped(path))?
            }
            Err(failure) => failures.push(failure.into()),
        }
        bar.suspend(|| total.end_file(&failures));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Ingests the requests of one file; `failures` gets those that were not.
fn ingest_file(
    mut file: CapturedFile,
    sink: &Sink,
    total: &mut Total,
    failures: &mut Vec<anyhow::Error>,
) -> anyhow::Result<()> {
    loop {
        let mut requests = Vec::new();
        let mut bytes = 0;
        while requests.len() < AT_ONCE && bytes < AT_ONCE_BYTES {
            match file.next() {
                Some(Ok(request)) => {
                    bytes += request.bytes.len();
                    requests.push(request);
                }
                Some(Err(failure)) => failures.push(failure.into()),
                None => break,
            }
        }
        if requests.is_empty() {
            return Ok(());
        }
        for (request, outcome) in requests.iter().zip(sink.ingest(&requests)) {
            match outcome {
                Ok(counts) => total.add(&counts),
                Err(SendError::Rejected(why)) => {
                    failures.push(anyhow!("{} was rejected: {why}", request.place));
                }
                Err(SendError::Failed(error)) => return Err(error),
            }
        }
    }
}

fn stopped(path: &Path) -> String {
    format!("stopped at {}", path.display())
}

/// The failures of one file that are told.
const MAX_TOLD: usize = 10;

/// Counts of spans.
#[derive(Debug, Default)]
struct SpanCounts {
    stored: u64,
    duplicates: u64,
    rejected: u64,
}

/// The totals of all files.
#[derive(Debug, Default)]
struct Total {
    files: u64,
    failed_files: u64,
    spans: SpanCounts,
}

impl Total {
    fn add(&mut self, counts: &SpanCounts) {
        self.spans.stored += counts.stored;
        self.spans.duplicates += counts.duplicates;
        self.spans.rejected += counts.rejected;
    }

    fn fail(&mut self, failure: &anyhow::Error) {
        self.failed_files += 1;
        output::note(&headcount_commands::exit::describe(failure));
    }

    fn end_file(&mut self, failures: &[anyhow::Error]) {
        if failures.is_empty() {
            self.files += 1;
            return;
        }
        self.failed_files += 1;
        for failure in failures.iter().take(MAX_TOLD) {
            output::note(&headcount_commands::exit::describe(failure));
        }
        if let Some(more) = failures
            .len()
            .checked_sub(MAX_TOLD)
            .filter(|more| *more > 0)
        {
            output::note(&format!("… and {more} more in this file"));
        }
    }

    fn summary(&self) -> String {
        let SpanCounts {
            stored,
            duplicates,
            rejected,
        } = self.spans;
        let files = |count| if count == 1 { "file" } else { "files" };
        let mut summary = format!(
            "{} {} ingested: {stored} spans stored",
            self.files,
            files(self.files)
        );
        if duplicates > 0 {
            summary.push_str(&format!(", {duplicates} already stored"));
        }
        summary.push_str(&format!(", {rejected} rejected"));
        if self.failed_files > 0 {
            summary.push_str(&format!(
                "; {} {} failed",
                self.failed_files,
                files(self.failed_files)
            ));
        }
        summary
    }
}

fn format_of(request: &CapturedRequest) -> PayloadFormat {
    match request.encoding {
        Encoding::Protobuf => PayloadFormat::Protobuf,
        Encoding::Json => PayloadFormat::Json,
    }
}

/// The destination of the requests.
#[derive(Debug)]
enum Sink {
    Folder(Box<Store>),
    Server(OtlpClient),
}

impl Sink {
    fn ingest(&self, requests: &[CapturedRequest]) -> Vec<Result<SpanCounts, SendError>> {
        match self {
            Sink::Folder(store) => store.ingest(requests),
            Sink::Server(client) => requests
                .iter()
                .map(|request| {
                    let outcome = client.send(&request.bytes, format_of(request))?;
                    Ok(SpanCounts {
                        stored: request.span_count().saturating_sub(outcome.rejected_spans),
                        duplicates: 0,
                        rejected: outcome.rejected_spans,
                    })
                })
                .collect(),
        }
    }

    fn close(self) -> anyhow::Result<()> {
        match self {
            Sink::Folder(store) => store.close(),
            Sink::Server(_) => Ok(()),
        }
    }
}

/// A data folder that this process has locked for writing.
#[derive(Debug)]
struct Store {
    runtime: Runtime,
    pipeline: Arc<IngestPipeline>,
}

impl Store {
    fn open(folder: &Path, policy: &PolicyArgs) -> anyhow::Result<Store> {
        let runtime = Runtime::new().context("cannot start the threads that write the store")?;
        runtime.block_on(policy.put_in_force(folder, true))?;
        let opened = runtime.block_on(IngestPipeline::open(folder, LakeOptions::default()));
        let pipeline = opened.map_err(|error| match error {
            ServeError::Lake(LakeError::Log(LogError::Locked { folder })) => anyhow!(
                "a server is running on {}; send to it with --url, for example --url http://127.0.0.1:4318",
                folder.display()
            ),
            other => anyhow::Error::new(other)
                .context(format!("cannot open the data folder {}", folder.display())),
        })?;
        let pipeline = Arc::new(pipeline);
        Ok(Store { runtime, pipeline })
    }

    /// Ingests the requests at the same time.
    fn ingest(&self, requests: &[CapturedRequest]) -> Vec<Result<SpanCounts, SendError>> {
        let started: Vec<_> = requests
            .iter()
            .map(|request| {
                let pipeline = Arc::clone(&self.pipeline);
                let bytes = Bytes::copy_from_slice(&request.bytes);
                let format = format_of(request);
                self.runtime
                    .spawn(async move { pipeline.ingest(bytes, format).await })
            })
            .collect();
        let ended = started.into_iter().map(|task| self.runtime.block_on(task));
        ended
            .map(
                |outcome| match outcome.unwrap_or(Err(IngestError::Panicked)) {
                    Ok(outcome) => Ok(SpanCounts {
                        stored: outcome.stored,
                        duplicates: outcome.duplicates,
                        rejected: outcome.rejected,
                    }),
                    Err(IngestError::Store(error))
                        if !matches!(error, AppendError::TooLarge(_)) =>
                    {
                        Err(SendError::Failed(error.into()))
                    }
                    Err(error) => Err(SendError::Rejected(error.to_string())),
                },
            )
            .collect()
    }

    fn close(self) -> anyhow::Result<()> {
        let Some(pipeline) = Arc::into_inner(self.pipeline) else {
            return Ok(());
        };
        self.runtime.block_on(pipeline.close()).context(
            "all rows are safe in the write-ahead log, but the last ones are not in the tables yet",
        )
    }
}
