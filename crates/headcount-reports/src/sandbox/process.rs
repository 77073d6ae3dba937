//! A process that answers one query, from the side of the server.

use std::ffi::OsString;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arrow_ipc::writer::StreamWriter;
use headcount_answer::Answer;
use headcount_catalog::TableId;
use headcount_lake::LakeSnapshot;

use super::protocol::{Failure, Outcome, Request, Response, read_frame, write_frame};
use super::values::read_value;
use crate::error::ReportError;

/// The most of a process's messages that is read, in bytes.
const MAX_MESSAGE_BYTES: u64 = 4 << 10;

/// The most of an answer beside its rows, in bytes.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// How such processes are started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

/// A started process that has read no query yet.
#[derive(Debug)]
pub(super) struct Process {
    child: Killable,
    input: ChildStdin,
    output: ChildStdout,
    messages: ChildStderr,
    pub(super) started: Instant,
}

/// A child that is killed when nobody waits for it any more.
#[derive(Debug, Clone)]
pub(super) struct Killable(Arc<OwnedChild>);

#[derive(Debug)]
struct OwnedChild(Mutex<Child>);

impl Drop for OwnedChild {
    fn drop(&mut self) {
        end(&mut self.lock());
    }
}

impl OwnedChild {
    fn lock(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the child if it runs, and waits for its end: a child that nobody waited for stays in the system's table.
fn end(child: &mut Child) {
    // Both fail only where the child has ended and was waited for.
    let _ = child.kill();
    let _ = child.wait();
}

impl Killable {
    /// Ends the process; whoever talks to it waits for its end.
    pub(super) fn kill(&self) {
        // Fails only where the child has ended and was waited for.
        let _ = self.0.lock().kill();
    }

    fn wait(&self) -> io::Result<ExitStatus> {
        self.0.lock().wait()
    }

    fn has_ended(&self) -> bool {
        !matches!(self.0.lock().try_wait(), Ok(None))
    }
}

impl Program {
    /// Starts a process. It inherits no variable, no folder and no open file.
    pub(super) fn start(&self) -> io::Result<Process> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // In a group of its own: Ctrl-C in a terminal is for the server, which then ends its queries itself.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(messages)) = pipes else {
            end(&mut child);
            return Err(io::Error::other("the process has no pipes"));
        };
        Ok(Process {
            child: Killable(Arc::new(OwnedChild(Mutex::new(child)))),
            input,
            output,
            messages,
            started: Instant::now(),
        })
    }
}

impl Process {
    /// Whether it can take a query.
    pub(super) fn is_running(&self) -> bool {
        !self.child.has_ended()
    }

    pub(super) fn killable(&self) -> Killable {
        self.child.clone()
    }

    /// Has the query of `request` answered, and waits for the end of the process.
    pub(super) fn answer(
        mut self,
        request: &Request,
        snapshot: &LakeSnapshot,
    ) -> Result<Answer, ReportError> {
        let limits = request.limits;
        let written = write_request(&mut self.input, request, snapshot);
        if let Err(error) = &written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.child.kill();
        }
        // The response says more than a pipe that nobody reads any more.
        let most = limits.answer_bytes as u64 + MAX_HEADER_BYTES;
        let mut output = BufReader::with_capacity(64 << 10, self.output.take(most));
        let read = read_answer(&mut output, snapshot);
        match (written, read) {
            (Ok(()), Ok(Some(Ok(answer)))) => Ok(answer),
            (_, Ok(Some(Err(failure)))) => match failure.into_error(&limits) {
                ReportError::Engine(reason) => {
                    let message = first_line(&mut self.messages);
                    Err(ReportError::Engine(format!("{reason} {message}")))
                }
                error => Err(error),
            },
            _ => {
                let status = self.child.wait();
                let message = first_line(&mut self.messages);
                Err(explain(status, &message, request))
            }
        }
    }
}

fn write_request(
    input: &mut ChildStdin,
    request: &Request,
    snapshot: &LakeSnapshot,
) -> io::Result<()> {
    let mut input = BufWriter::with_capacity(64 << 10, input);
    write_frame(&mut input, request)?;
    for table in &request.in_memory {
        let batches = snapshot.rows_in_memory(TableId(*table));
        let Some(first) = batches.first() else {
            return Err(io::Error::other("the table has no rows in memory"));
        };
        let writer = StreamWriter::try_new(&mut input, &first.schema());
        let mut writer = writer.map_err(io::Error::other)?;
        for batch in batches {
            writer.write(batch).map_err(io::Error::other)?;
        }
        writer.finish().map_err(io::Error::other)?;
    }
    input.flush()
}

/// The answer or the failure; `None` where the process ended before it said either. Damage that the process found is noted.
fn read_answer(
    output: &mut impl Read,
    snapshot: &LakeSnapshot,
) -> io::Result<Option<Result<Answer, Failure>>> {
    let Some(Response { outcome, damaged }) = read_frame(output)? else {
        return Ok(None);
    };
    snapshot.note_damage(damaged);
    let (columns, notes, count) = match outcome {
        Outcome::Failure(failure) => return Ok(Some(Err(failure))),
        Outcome::Answer {
            columns,
            notes,
            rows,
        } => (columns, notes, rows),
    };
    let mut rows = Vec::new();
    for _ in 0..count {
        let values = columns.iter().map(|_| read_value(output));
        rows.push(values.collect::<io::Result<Vec<_>>>()?);
    }
    Ok(Some(Ok(Answer {
        columns,
        rows,
        notes,
    })))
}

/// The first line of what the process wrote to its standard error. It has ended, or is about to.
fn first_line(messages: &mut ChildStderr) -> String {
    let mut text = Vec::new();
    let _ = messages.take(MAX_MESSAGE_BYTES).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().unwrap_or_default().to_owned()
}

/// The reason for which a process ended without an answer.
fn explain(status: io::Result<ExitStatus>, message: &str, request: &Request) -> ReportError {
    let too_much_memory = ReportError::TooMuchMemory {
        limit: usize::try_from(request.memory_bytes).unwrap_or(usize::MAX),
    };
    // The texts of Rust's standard library when an allocation fails, and when a stack is too small.
    if message.contains("memory allocation of") {
        return too_much_memory;
    }
    if message.contains("has overflowed its stack") {
        return ReportError::Refused(
            "it is nested too deeply to be planned; write it flatter".to_owned(),
        );
    }
    let status = match status {
        Ok(status) => status,
        Err(error) => return ReportError::Engine(format!("the query's process is lost: {error}")),
    };
    match signal(status) {
        // Nobody else sends it than the kernel that ran out of memory: our own clock does not come here.
        Some(libc::SIGKILL) => too_much_memory,
        Some(libc::SIGXCPU) => ReportError::TooSlow {
            limit: request.limits.time,
        },
        _ => ReportError::Engine(format!(
            "the query's process ended with {status}: {message}"
        )),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}
