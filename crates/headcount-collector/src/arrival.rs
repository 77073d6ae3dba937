//! How a body arrives: piece by piece, within the limits of size, time and memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::budget::Share;

/// Room is taken in steps of at least this many bytes, so that a body in tiny pieces costs what it is.
const LEAST_STEP: usize = 8 * 1024;

/// And of at most this many, so that a body never holds much more than it is.
const MOST_STEP: usize = 1 << 20;

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalError {
    /// It is larger than this many bytes.
    #[error("the body is larger than {0} bytes; send fewer spans at a time")]
    TooLarge(usize),
    /// The memory for bodies is in use.
    #[error("the collector holds as many requests as it can; send again later")]
    NoRoom,
    /// It took longer than this.
    #[error("the body did not arrive within {} s", .0.as_secs())]
    Late(Duration),
    /// It ended too soon.
    #[error("the body ended before its announced length")]
    Cut,
}

/// Reads `body`: at most `limit` bytes within `patience`, each taken from the budget by `share` before it is kept.
/// `announces_more` is asked after each piece whether what is there already says that the rest will be too large.
pub(crate) async fn receive<B>(
    body: B,
    limit: usize,
    patience: Duration,
    share: &mut Share,
    announces_more: impl Fn(&[u8]) -> bool + Send,
) -> Result<Bytes, ArrivalError>
where
    B: http_body::Body<Data = Bytes> + Send,
{
    let deadline = tokio::time::Instant::now() + patience;
    let mut body = std::pin::pin!(body);
    let mut bytes = BytesMut::new();
    loop {
        let frame = tokio::time::timeout_at(deadline, body.frame()).await;
        let Some(frame) = frame.map_err(|_| ArrivalError::Late(patience))? else {
            return Ok(bytes.freeze());
        };
        let frame = frame.map_err(|_| ArrivalError::Cut)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(ArrivalError::TooLarge(limit));
        }
        if length > bytes.capacity() {
            let step = bytes.capacity().clamp(LEAST_STEP, MOST_STEP);
            let capacity = length.max((bytes.capacity() + step).min(limit));
            let more = capacity - bytes.capacity();
            share.grow(more).map_err(|_| ArrivalError::NoRoom)?;
            let mut larger = BytesMut::with_capacity(capacity);
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(data);
        if announces_more(&bytes) {
            return Err(ArrivalError::TooLarge(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::budget::Budget;

    const PATIENCE: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_body_takes_its_room_and_no_more() {
        let budget = Budget::new(64 * 1024);
        let mut share = budget.take(0).unwrap();
        let body = Full::new(Bytes::from(vec![7; 60 * 1024]));
        let arrived = receive(body, 1 << 20, PATIENCE, &mut share, |_| false).await;
        assert_eq!(arrived.unwrap().len(), 60 * 1024);
        assert!(budget.take(5 * 1024).is_err());
        let body = Full::new(Bytes::from(vec![7; 60 * 1024]));
        let refused = receive(body, 1 << 20, PATIENCE, &mut share, |_| false).await;
        assert!(matches!(refused, Err(ArrivalError::NoRoom)));
        drop(share);
        assert!(budget.take(60 * 1024).is_ok());
    }

    #[tokio::test]
    async fn a_body_in_single_bytes_costs_what_it_is() {
        let budget = Budget::new(64 * 1024);
        let mut share = budget.take(0).unwrap();
        let frames = (0..20_000).map(|_| {
            let frame = http_body::Frame::data(Bytes::from_static(b"x"));
            Ok::<_, std::convert::Infallible>(frame)
        });
        let body = StreamBody::new(futures::stream::iter(frames));
        let arrived = receive(body, 1 << 20, Duration::from_secs(9), &mut share, |_| false).await;
        assert_eq!(arrived.unwrap().len(), 20_000);
    }

    #[tokio::test]
    async fn what_is_announced_as_too_large_is_not_waited_for() {
        let mut share = Budget::new(1 << 20).take(0).unwrap();
        let first = http_body::Frame::data(Bytes::from_static(b"huge"));
        let first = futures::stream::iter([Ok::<_, std::convert::Infallible>(first)]);
        let never = futures::StreamExt::chain(first, futures::stream::pending());
        let body = StreamBody::new(never);
        let refused = receive(body, 9, PATIENCE, &mut share, |head| head == b"huge").await;
        assert!(matches!(refused, Err(ArrivalError::TooLarge(9))));
    }
}
