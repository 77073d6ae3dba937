//! `headcount explain`: what would become of captured requests, span by span and attribute by attribute.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use headcount_catalog::{Admission, ExplanationSink, Outcome, Policy, Secret};
use headcount_commands::exit::{self, Code};
use headcount_commands::output;
use headcount_explain::{
    CapturedFile, CapturedRequest, Changes, JsonSink, Remembered, Summary, TextSink, explain,
};

use crate::policy::PolicyArgs;

/// Show what would become of captured telemetry
///
/// Says of each span and attribute of a captured request where it would be stored and as what, or why it would be refused. Nothing is
/// stored or sent. It shows names, kinds and sizes, and no values.
///
/// A file has one trace request as an exporter sends it (protobuf or JSON), or what the OpenTelemetry Collector's file exporter writes
/// (JSON, one request a line, or protobuf with lengths), optionally compressed with gzip or zstd; its content tells which.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// Files with captured requests; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Explain by the policy that this data folder keeps, instead of the built-in one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Show values, too: those that were sent and those that would be stored, cut at 200 characters
    #[arg(long)]
    values: bool,
    /// Show each span, also where several differ in nothing but sizes
    #[arg(long)]
    each: bool,
    /// The output format; `json` has each span
    #[arg(long, value_enum, default_value = "text")]
    format: ExplainFormat,
}

/// The format of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExplainFormat {
    /// For people, at most 80 characters a line.
    Text,
    /// One document for programs: docs/formats/explain.md.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  headcount explain captured/000.bin
  headcount explain traces.jsonl.gz --format json | jq '.refusals'
  curl -s https://example.com/body.json | headcount explain -
  headcount explain captured/000.bin --dialects dialects/ --catalog catalog.yaml

With --catalog or --dialects it explains by those, and then says what they change.

Exit codes:
  0  every request was explained, also where all of it would be refused
  1  a file cannot be read, or a request would be rejected whole
  2  the command line is wrong";

impl Explain {
    /// Explains every request that can be read.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let current = match &self.data {
            Some(data) if !data.is_dir() => {
                let data = data.display();
                return Err(exit::nothing_there(format!(
                    "there is no data folder at {data}"
                )));
            }
            Some(data) => Policy::of_folder(data)?,
            None => Policy::embedded(),
        };
        let other = match self.policy.is_given() {
            true => Some(self.policy.read()?),
            false => None,
        };
        let mut run = Run {
            now_us: now_us(),
            wants_values: self.values,
            before: None,
            admission: admission(other.as_ref().unwrap_or(&current))?,
            policy: other.as_ref().unwrap_or(&current),
            changes: Changes::default(),
            failed: false,
        };
        if other.is_some() {
            run.before = Some(admission(&current)?);
        }
        match self.format {
            ExplainFormat::Text => run.text(&self.files, self.each || self.values)?,
            ExplainFormat::Json => run.json(&self.files)?,
        }
        Ok(if run.failed { Code::Failed } else { Code::Done })
    }
}

/// Keys of another collector's rows look otherwise: nothing here can be joined with what is stored.
fn admission(policy: &Policy) -> anyhow::Result<Admission> {
    policy
        .admission(Secret::new([0; 32]))
        .context("the dialects and the catalog contradict each other; `headcount catalog --lint` with the same options lists every contradiction")
}

/// One run of the command.
struct Run<'p> {
    now_us: i64,
    wants_values: bool,
    /// By the policy that is compared with, if there is one.
    before: Option<Admission>,
    admission: Admission,
    policy: &'p Policy,
    changes: Changes,
    failed: bool,
}

impl Run<'_> {
    fn text(&mut self, files: &[PathBuf], shows_each: bool) -> anyhow::Result<()> {
        let mut summary = Summary::default();
        let mut out = BufWriter::new(std::io::stdout().lock());
        self.each_request(files, &mut |run, request| {
            let mut sink = TextSink::new(shows_each);
            match run.explain(&request, &mut sink) {
                Ok(outcome) => {
                    writeln!(out, "{}", sink.text(&request.place))?;
                    summary.add(run.policy.catalog(), &outcome, &sink);
                }
                Err(error) => run.fail(&error),
            }
            Ok(())
        })?;
        out.write_all(summary.text().as_bytes())?;
        if self.before.is_some() {
            writeln!(out)?;
            out.write_all(self.changes.text().as_bytes())?;
        }
        out.flush()?;
        Ok(())
    }

    fn json(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut sink = JsonSink::new(&mut out);
        self.each_request(files, &mut |run, request| {
            sink.begin(&request.place);
            match run.explain(&request, &mut sink) {
                Ok(outcome) => sink.end(run.policy.catalog(), &outcome),
                Err(error) => {
                    sink.fail(&format!("{error:#}"));
                    run.fail(&error);
                }
            }
            Ok(())
        })?;
        let changes = self.before.is_some().then(|| self.changes.list());
        sink.finish(changes.as_ref())?;
        Ok(())
    }

    /// Acts on each request in `files`. A file that cannot be read is told, and the others are read.
    fn each_request(
        &mut self,
        files: &[PathBuf],
        act: &mut dyn FnMut(&mut Self, CapturedRequest) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for path in files {
            let opened = match path == Path::new("-") {
                true => CapturedFile::read_from("standard input".to_owned(), std::io::stdin()),
                false => CapturedFile::open(path),
            };
            match opened {
                Ok(file) => {
                    for request in file {
                        match request {
                            Ok(request) => act(self, request)?,
                            Err(error) => self.fail(&error.into()),
                        }
                    }
                }
                Err(error) => self.fail(&error.into()),
            }
        }
        Ok(())
    }

    fn explain(
        &mut self,
        request: &CapturedRequest,
        sink: &mut dyn ExplanationSink,
    ) -> anyhow::Result<Outcome> {
        let Some(before) = &self.before else {
            return Ok(explain(
                request,
                &self.admission,
                self.now_us,
                self.wants_values,
                sink,
            )?);
        };
        let mut was = Remembered::new(None);
        let _outcome = explain(request, before, self.now_us, false, &mut was)?;
        let mut becomes = Remembered::new(Some(sink));
        let outcome = explain(
            request,
            &self.admission,
            self.now_us,
            self.wants_values,
            &mut becomes,
        )?;
        self.changes.add(&was, &becomes);
        Ok(outcome)
    }

    fn fail(&mut self, error: &anyhow::Error) {
        self.failed = true;
        output::note(&exit::describe(error));
    }
}

/// Microseconds since 1970 UTC.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}
