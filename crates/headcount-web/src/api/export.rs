//! `POST /api/v1/export`: everything that is stored about some crews, as a stream of JSON.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use headcount_access::Right;
use headcount_lake::{CrewRows, CrewSelection, LakeSnapshot};
use headcount_problem::Problem;
use headcount_reports::{ExportFormat, export_crews, missing_from};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::crew_request::CrewRequest;
use super::respond::{on_blocking_thread, set_cache_control};
use crate::problem::report_problem;
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;

/// Bytes of a part of the stream, and the parts that wait for the client.
const PART: usize = 64 << 10;
const WAITING: usize = 4;
/// A client that takes nothing for so long is gone.
const MOST_IDLE: Duration = Duration::from_secs(60);
/// When a client may ask again while others export.
const RETRY: Duration = Duration::from_secs(10);

pub(super) async fn export(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    request: Request,
) -> Result<Response, Problem> {
    role.require(Right::ExportCrews)?;
    let body = CrewRequest::read(request, state.timeout).await?;
    let (selection, format) = body.for_export()?;
    let permit = state.exports.clone().try_acquire_owned().map_err(|_| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "busy", "other exports are running").retry_after(RETRY)
    })?;
    let snapshot = state.answers.snapshot().await;
    let snapshot = snapshot.map_err(|error| report_problem(&error, role))?;
    let crews = on_blocking_thread(move || find(&snapshot, &selection)).await?;
    let missing = missing_from(&crews);
    let (parts, received) = mpsc::channel(WAITING);
    let announced = missing.len();
    let runtime = Handle::current();
    let _running = tokio::task::spawn_blocking(move || {
        let output = Parts {
            runtime,
            parts,
            part: Vec::new(),
        };
        write_all(&crews, format, output, announced);
        drop(permit);
    });
    let mut response = Response::new(Body::from_stream(stream_of(received)));
    let headers = response.headers_mut();
    let media_type = match format {
        ExportFormat::Jsonl => "application/jsonl",
        ExportFormat::Json => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    for note in missing {
        if let Ok(value) = HeaderValue::from_str(&note) {
            headers.append("headcount-note", value);
        }
    }
    set_cache_control(&mut response, role);
    Ok(response)
}

fn find(snapshot: &LakeSnapshot, selection: &CrewSelection) -> Result<CrewRows, Problem> {
    snapshot.crew_rows(selection).map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "cannot look for the rows of a crew"
        );
        let detail = "the collector cannot read its store; its log has the reason";
        Problem::internal("cannot export", detail)
    })
}

/// Writes the export. Its headers are sent already: what goes wrong ends the stream before its end, so that nobody takes it for the whole.
fn write_all(crews: &CrewRows, format: ExportFormat, mut output: Parts, announced: usize) {
    let failed = match export_crews(crews, format, &mut output) {
        Ok(_rows) if missing_from(crews).len() > announced => {
            io::Error::other("a file turned out to be damaged")
        }
        Ok(_rows) => return,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an export ended early"
            );
            io::Error::other("the export ended early")
        }
    };
    // The client may be gone.
    let _ = output.send(Err(failed));
}

/// Sends what is written to it, in parts. Only for a thread that may block.
struct Parts {
    runtime: Handle,
    parts: Sender<io::Result<Bytes>>,
    part: Vec<u8>,
}

impl Parts {
    fn send(&self, part: io::Result<Bytes>) -> io::Result<()> {
        let sending = self.parts.send_timeout(part, MOST_IDLE);
        let sent = self.runtime.block_on(sending);
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client takes nothing"))
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.part);
        match part.is_empty() {
            true => Ok(()),
            false => self.send(Ok(part.into())),
        }
    }
}

/// The parts as a stream, which says again that it has ended to whoever asks again: a response is asked so where it is compressed or empty.
fn stream_of(
    mut parts: Receiver<io::Result<Bytes>>,
) -> impl stream::Stream<Item = io::Result<Bytes>> + Unpin {
    stream::poll_fn(move |context| parts.poll_recv(context))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use tokio::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_has_ended_can_be_asked_again() {
        let (sender, parts) = channel(1);
        sender.send(Ok(Bytes::from_static(b"part"))).await.unwrap();
        drop(sender);
        let mut stream = stream_of(parts);
        assert_eq!(stream.next().await.unwrap().unwrap(), "part");
        for _ in 0..2 {
            assert!(stream.next().await.is_none());
        }
    }
}
