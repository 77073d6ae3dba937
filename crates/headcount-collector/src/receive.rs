//! Receives a request's body frame by frame, within the limits of size, time and memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::memory_budget::{BudgetExhausted, MemoryReservation};

/// Memory is reserved in steps of at least this many bytes, so that a body in tiny frames does not reserve for each.
const MIN_STEP: usize = 8 * 1024;

/// And of at most this many, so that a body never reserves much more than its size.
const MAX_STEP: usize = 1 << 20;

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes; send fewer spans per request")]
    TooLarge(usize),
    /// The memory budget for bodies is exhausted.
    #[error("{}", BudgetExhausted)]
    MemoryExhausted,
    /// The body took longer than this.
    #[error("the body did not arrive within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The body was truncated.
    #[error("the body ended before its announced length")]
    Truncated,
}

/// Receives `body`: at most `limit` bytes within `timeout`; `reservation` covers each byte before it is stored.
/// `announces_more` tells after each frame whether the bytes so far announce a body that is too large.
pub(crate) async fn receive<B>(
    body: B,
    limit: usize,
    timeout: Duration,
    reservation: &mut MemoryReservation,
    announces_more: impl Fn(&[u8]) -> bool + Send,
) -> Result<Bytes, ReceiveError>
where
    B: http_body::Body<Data = Bytes> + Send,
{
    let deadline = tokio::time::Instant::now() + timeout;
    let mut body = std::pin::pin!(body);
    let mut bytes = BytesMut::new();
    loop {
        let frame = tokio::time::timeout_at(deadline, body.frame()).await;
        let Some(frame) = frame.map_err(|_| ReceiveError::Timeout(timeout))? else {
            return Ok(bytes.freeze());
        };
        let frame = frame.map_err(|_| ReceiveError::Truncated)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(ReceiveError::TooLarge(limit));
        }
        if length > bytes.capacity() {
            let step = bytes.capacity().clamp(MIN_STEP, MAX_STEP);
            let capacity = length.max((bytes.capacity() + step).min(limit));
            let more = capacity - bytes.capacity();
            reservation
                .grow(more)
                .map_err(|_| ReceiveError::MemoryExhausted)?;
            let mut larger = BytesMut::with_capacity(capacity);
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(data);
        if announces_more(&bytes) {
            return Err(ReceiveError::TooLarge(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::memory_budget::MemoryBudget;

    const TIMEOUT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_body_reserves_its_size_and_no_more() {
        let budget = MemoryBudget::new(64 * 1024);
        let mut reservation = budget.reserve(0).unwrap();
        let body = Full::new(Bytes::from(vec![7; 60 * 1024]));
        let received = receive(body, 1 << 20, TIMEOUT, &mut reservation, |_| false).await;
        assert_eq!(received.unwrap().len(), 60 * 1024);
        assert!(budget.reserve(5 * 1024).is_err());
        let body = Full::new(Bytes::from(vec![7; 60 * 1024]));
        let rejected = receive(body, 1 << 20, TIMEOUT, &mut reservation, |_| false).await;
        assert!(matches!(rejected, Err(ReceiveError::MemoryExhausted)));
        drop(reservation);
        assert!(budget.reserve(60 * 1024).is_ok());
    }

    #[tokio::test]
    async fn a_body_in_single_bytes_reserves_its_size() {
        let budget = MemoryBudget::new(64 * 1024);
        let mut reservation = budget.reserve(0).unwrap();
        let frames = (0..20_000).map(|_| {
            let frame = http_body::Frame::data(Bytes::from_static(b"x"));
            Ok::<_, std::convert::Infallible>(frame)
        });
        let body = StreamBody::new(futures::stream::iter(frames));
        let received = receive(
            body,
            1 << 20,
            Duration::from_secs(9),
            &mut reservation,
            |_| false,
        )
        .await;
        assert_eq!(received.unwrap().len(), 20_000);
    }

    #[tokio::test]
    async fn a_body_announced_as_too_large_is_rejected_at_once() {
        let mut reservation = MemoryBudget::new(1 << 20).reserve(0).unwrap();
        let first = http_body::Frame::data(Bytes::from_static(b"huge"));
        let first = futures::stream::iter([Ok::<_, std::convert::Infallible>(first)]);
        let never = futures::StreamExt::chain(first, futures::stream::pending());
        let body = StreamBody::new(never);
        let rejected = receive(body, 9, TIMEOUT, &mut reservation, |head| head == b"huge").await;
        assert!(matches!(rejected, Err(ReceiveError::TooLarge(9))));
    }
}
