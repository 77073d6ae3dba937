//! `headcount ingest`: captured request bodies, stored in a folder or sent to a running server.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use headcount_collector::{Intake, IntakeError, ServeError};
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_lake::{AppendError, LakeError, LakeOptions, LogError};
use tokio::runtime::Runtime;

use crate::bodies::{self, Body};
use crate::door::{Door, SendError};
use crate::progress;
use crate::source::DEFAULT_FOLDER;

/// Store captured OTLP request bodies
///
/// A file holds one trace request as an exporter sends it: protobuf or JSON, as it is or packed with gzip or zstd. Of a
/// folder, every *.bin file below it is taken. What the catalog does not allow is refused and counted, exactly as
/// over the network; a span that was stored before is not stored again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ingest {
    /// Files, or folders with *.bin files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The data folder to store in; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, conflicts_with = "url")]
    data: PathBuf,
    /// Send to the server at this address instead, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  headcount ingest captured/000.bin captured/001.bin
  headcount ingest captured/ --data /srv/headcount
  headcount ingest captured/ --url http://127.0.0.1:4318

Exit codes:
  0  every file was taken; spans that the catalog refuses are counted, not failures
  1  a file was not, or the operation failed
  2  the command line is wrong";

impl Ingest {
    /// Takes every file that can be taken, and says what became of them.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let (files, failures) = bodies::find(&self.files);
        let mut total = Total::default();
        for failure in failures {
            total.fail(&failure);
        }
        if !files.is_empty() {
            let sink = match &self.url {
                Some(url) => Sink::Door(Door::at(url)?),
                None => Sink::Folder(Box::new(Store::open(&self.data)?)),
            };
            let taken = take_all(&files, &sink, &mut total);
            // What was taken before a failure is kept, so it is closed properly and told either way.
            sink.close().and(taken).inspect_err(|_| {
                output::note(&format!("until then: {}", total.sentence()));
            })?;
        }
        output::print(&(total.sentence() + "\n"))?;
        Ok(match total.failed_files {
            0 => Code::Done,
            _ => Code::Failed,
        })
    }
}

fn take_all(files: &[PathBuf], sink: &Sink, total: &mut Total) -> anyhow::Result<()> {
    let bar = progress::bar(files.len() as u64, "files");
    for path in files {
        let taken = Body::read(path).and_then(|body| match sink.take(&body) {
            Ok(taken) => Ok(Ok(taken)),
            Err(SendError::Refused(why)) => Err(anyhow!("{} was refused: {why}", path.display())),
            Err(SendError::Failed(error)) => Ok(Err(error)),
        });
        match taken {
            Ok(taken) => total.add(&taken.with_context(|| stopped(path))?),
            Err(failure) => bar.suspend(|| total.fail(&failure)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn stopped(path: &Path) -> String {
    format!("stopped at {}", path.display())
}

/// What became of one body's spans.
#[derive(Debug, Default)]
struct Taken {
    stored: u64,
    duplicates: u64,
    refused: u64,
}

/// What became of all files.
#[derive(Debug, Default)]
struct Total {
    files: u64,
    failed_files: u64,
    spans: Taken,
}

impl Total {
    fn add(&mut self, taken: &Taken) {
        self.files += 1;
        self.spans.stored += taken.stored;
        self.spans.duplicates += taken.duplicates;
        self.spans.refused += taken.refused;
    }

    fn fail(&mut self, failure: &anyhow::Error) {
        self.failed_files += 1;
        output::note(&headcount_commands::exit::describe(failure));
    }

    fn sentence(&self) -> String {
        let Taken {
            stored,
            duplicates,
            refused,
        } = self.spans;
        let files = |count| if count == 1 { "file" } else { "files" };
        let mut sentence = format!(
            "{} {} taken: {stored} spans stored",
            self.files,
            files(self.files)
        );
        if duplicates > 0 {
            sentence.push_str(&format!(", {duplicates} already there"));
        }
        sentence.push_str(&format!(", {refused} refused"));
        if self.failed_files > 0 {
            sentence.push_str(&format!(
                "; {} {} not taken",
                self.failed_files,
                files(self.failed_files)
            ));
        }
        sentence
    }
}

/// Where bodies go.
#[derive(Debug)]
enum Sink {
    Folder(Box<Store>),
    Door(Door),
}

impl Sink {
    fn take(&self, body: &Body) -> Result<Taken, SendError> {
        match self {
            Sink::Folder(store) => store.take(body),
            Sink::Door(door) => {
                let answer = door.send(&body.bytes, body.notation)?;
                Ok(Taken {
                    stored: body.span_count().saturating_sub(answer.rejected_spans),
                    duplicates: 0,
                    refused: answer.rejected_spans,
                })
            }
        }
    }

    fn close(self) -> anyhow::Result<()> {
        match self {
            Sink::Folder(store) => store.close(),
            Sink::Door(_) => Ok(()),
        }
    }
}

/// A data folder of which this process is the one writer.
#[derive(Debug)]
struct Store {
    runtime: Runtime,
    intake: Intake,
}

impl Store {
    fn open(folder: &Path) -> anyhow::Result<Store> {
        let runtime = Runtime::new().context("cannot start the threads that write the store")?;
        let opened = runtime.block_on(Intake::open(folder, LakeOptions::default()));
        let intake = opened.map_err(|error| match error {
            ServeError::Lake(LakeError::Log(LogError::Locked { folder })) => anyhow!(
                "a server is running on {}; send to it with --url, for example --url http://127.0.0.1:4318",
                folder.display()
            ),
            other => anyhow::Error::new(other)
                .context(format!("cannot open the data folder {}", folder.display())),
        })?;
        Ok(Store { runtime, intake })
    }

    fn take(&self, body: &Body) -> Result<Taken, SendError> {
        let taken = self.intake.take(body.bytes.clone(), body.notation);
        match self.runtime.block_on(taken) {
            Ok(taken) => Ok(Taken {
                stored: taken.stored,
                duplicates: taken.duplicates,
                refused: taken.rejected,
            }),
            Err(IntakeError::Store(error)) if !matches!(error, AppendError::TooLarge(_)) => {
                Err(SendError::Failed(error.into()))
            }
            Err(error) => Err(SendError::Refused(error.to_string())),
        }
    }

    fn close(self) -> anyhow::Result<()> {
        self.runtime
            .block_on(self.intake.close())
            .context("everything is stored, but not all of it was moved from the log to the tables")
    }
}
