//! Memory for answers to clients' SQL: from the query to the last byte that its client has read.
//!
//! An answer may be as large as [`QueryLimits::answer_bytes`](headcount_reports::QueryLimits), and a client may read it slowly, so
//! answers that wait to be read are counted as well as queries that run.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use headcount_reports::ReportError;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Largest answers that there is room for: one for each query that runs, as the sandbox runs four.
const LARGEST_ANSWERS: usize = 4;

/// The unit of the memory, in bytes: a semaphore counts no more than some hundred million.
const UNIT_BYTES: usize = 1024;

/// How long a query waits for room.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The memory of all answers. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct AnswerMemory {
    free: Arc<Semaphore>,
    /// Units of the largest answer.
    largest: u32,
    max_wait: Duration,
}

/// Room for one answer. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct AnswerRoom {
    permit: OwnedSemaphorePermit,
}

impl AnswerMemory {
    /// Room for four answers of `answer_bytes`.
    pub(crate) fn new(answer_bytes: usize) -> Self {
        let largest = answer_bytes.div_ceil(UNIT_BYTES);
        let largest = largest.min(Semaphore::MAX_PERMITS / LARGEST_ANSWERS);
        let largest = u32::try_from(largest).unwrap_or(u32::MAX);
        Self {
            free: Arc::new(Semaphore::new(largest as usize * LARGEST_ANSWERS)),
            largest,
            max_wait: MAX_WAIT,
        }
    }

    /// Room for the largest answer: nobody knows the size of one before its query has run.
    ///
    /// # Errors
    /// [`ReportError::UnreadAnswers`] where there is none within ten seconds.
    pub(crate) async fn reserve(&self) -> Result<AnswerRoom, ReportError> {
        let reserving = Arc::clone(&self.free).acquire_many_owned(self.largest);
        match timeout(self.max_wait, reserving).await {
            Ok(Ok(permit)) => Ok(AnswerRoom { permit }),
            Ok(Err(_)) | Err(_) => Err(ReportError::UnreadAnswers {
                retry_after: self.max_wait,
            }),
        }
    }
}

impl AnswerRoom {
    /// Keeps as much as the body of `response` takes, until the body is sent or its client has gone away.
    pub(crate) fn hold_for(mut self, response: Response) -> Response {
        response.map(|body| {
            let length = http_body::Body::size_hint(&body).upper();
            let length = length.and_then(|length| usize::try_from(length).ok());
            let units = length.map(|length| length.div_ceil(UNIT_BYTES));
            let kept = match units.and_then(|units| self.permit.split(units)) {
                Some(kept) => kept,
                // Larger than the largest answer, as text may be than the values that it stands for.
                None => self.permit,
            };
            Body::new(HeldBody { body, _room: kept })
        })
    }
}

/// A body with the room that it takes.
struct HeldBody {
    body: Body,
    _room: OwnedSemaphorePermit,
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const ANSWER: usize = 100 * UNIT_BYTES;

    fn response(bytes: usize) -> Response {
        Response::new(Body::from(vec![b'x'; bytes]))
    }

    #[tokio::test]
    async fn a_body_keeps_its_own_length_until_it_is_dropped() {
        let memory = AnswerMemory::new(ANSWER);
        let room = memory.reserve().await.unwrap();
        assert_eq!(memory.free.available_permits(), 300);
        let held = room.hold_for(response(10 * UNIT_BYTES + 1));
        assert_eq!(memory.free.available_permits(), 389);
        let read = held.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(read.len(), 10 * UNIT_BYTES + 1);
        assert_eq!(memory.free.available_permits(), 400);
    }

    #[tokio::test]
    async fn answers_that_nobody_reads_refuse_the_next_query_until_one_goes() {
        let memory = AnswerMemory {
            max_wait: Duration::from_millis(1),
            ..AnswerMemory::new(ANSWER)
        };
        let mut unread = Vec::new();
        for _ in 0..LARGEST_ANSWERS {
            let room = memory.reserve().await.unwrap();
            unread.push(room.hold_for(response(2 * ANSWER)));
        }
        let refused = memory.reserve().await.unwrap_err();
        assert!(matches!(refused, ReportError::UnreadAnswers { .. }));
        drop(unread.pop());
        assert!(memory.reserve().await.is_ok());
    }
}
