use futures::StreamExt as _;
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use super::*;
use crate::memory_budget::MemoryBudget;

const MIB: usize = 1 << 20;

/// A tenth of the usual time: 100 ms from one look to the next, and 500 ms of grace.
const TIMEOUT: Duration = Duration::from_secs(3);

fn limits(timeout: Duration) -> BodyLimits {
    BodyLimits {
        bytes: 16 * MIB,
        timeout,
        need: Need {
            format: crate::payload_format::PayloadFormat::Protobuf,
            is_compressed: false,
            decoded_limit: 32 * MIB,
        },
    }
}

/// A body of `frames`, each after a pause.
fn paced(
    frames: usize,
    length: usize,
    pause: Duration,
) -> impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> {
    let frames = futures::stream::iter(0..frames).then(move |_| async move {
        tokio::time::sleep(pause).await;
        Ok(Frame::data(Bytes::from(vec![7; length])))
    });
    StreamBody::new(frames)
}

async fn received(
    budget: &MemoryBudget,
    announced: Option<usize>,
    body: impl http_body::Body<Data = Bytes> + Send,
) -> Result<(usize, Duration), (ReceiveError, Duration)> {
    let began = Instant::now();
    let reserved = announced.map_or(MIB / 2, |length| 2 * length);
    let mut reservation = budget.reserve(reserved, &budget.share()).await.unwrap();
    let limits = limits(TIMEOUT);
    match receive(body, limits, announced, &mut reservation, |_| None).await {
        Ok(bytes) => Ok((bytes.len(), began.elapsed())),
        Err(error) => Err((error, began.elapsed())),
    }
}

#[tokio::test]
async fn a_body_that_comes_evenly_may_take_all_of_its_time() {
    let budget = MemoryBudget::new(96 * MIB);
    let body = paced(25, MIB / 2, Duration::from_millis(100));
    let (length, took) = received(&budget, Some(25 * MIB / 2), body).await.unwrap();
    assert_eq!(length, 25 * MIB / 2);
    assert!(took >= Duration::from_millis(2_500), "{took:?}");
    let body = paced(100, 1, Duration::from_millis(100));
    let (error, took) = received(&budget, None, body).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Timeout(_)));
    assert!(took >= TIMEOUT && took < TIMEOUT * 2, "{took:?}");
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_before_its_time_is_over() {
    let budget = MemoryBudget::new(96 * MIB);
    for (sent, given_up) in [(0, 500), (4 * MIB, 1_125), (8 * MIB, 1_750)] {
        let first = paced(1, sent, Duration::ZERO);
        let body = StreamBody::new(
            http_body_util::BodyStream::new(first).chain(futures::stream::pending()),
        );
        let (error, took) = received(&budget, Some(16 * MIB), body).await.unwrap_err();
        assert!(matches!(error, ReceiveError::Timeout(_)), "{error}");
        let due = Duration::from_millis(given_up);
        assert!(
            took >= due && took < due + TIMEOUT / 3,
            "{sent} bytes sent: {took:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_body_makes_room_for_one_that_waits() {
    let budget = MemoryBudget::new(96 * MIB);
    let stalled = |budget: MemoryBudget| async move {
        let first = paced(1, 15 * MIB, Duration::ZERO);
        let body = StreamBody::new(
            http_body_util::BodyStream::new(first).chain(futures::stream::pending()),
        );
        received(&budget, Some(16 * MIB), body).await
    };
    let holders: Vec<_> = (0..2)
        .map(|_| tokio::spawn(stalled(budget.clone())))
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let body = Full::new(Bytes::from(vec![7; 14 * MIB]));
    let (length, took) = received(&budget, Some(14 * MIB), body).await.unwrap();
    assert_eq!(length, 14 * MIB);
    assert!(took < TIMEOUT / 3, "{took:?}");
    let mut evicted = 0;
    for holder in holders {
        let (error, _) = holder.await.unwrap().unwrap_err();
        evicted += usize::from(matches!(error, ReceiveError::TooSlow));
    }
    assert!(evicted > 0);
}

#[tokio::test]
async fn a_body_of_unknown_length_reserves_for_the_largest_once_it_is_not_small() {
    let budget = MemoryBudget::new(96 * MIB);
    let mut reservation = budget.reserve(MIB / 2, &budget.share()).await.unwrap();
    let body = paced(20, MIB / 8, Duration::ZERO);
    let limits = limits(Duration::from_secs(9));
    let bytes = receive(body, limits, None, &mut reservation, |_| None).await;
    assert_eq!(bytes.unwrap().len(), 20 * MIB / 8);
    assert_eq!(reservation.bytes(), 32 * MIB);
}

#[tokio::test]
async fn a_body_in_single_bytes_reserves_its_size() {
    let budget = MemoryBudget::new(96 * MIB);
    let body = paced(2_000, 1, Duration::ZERO);
    let (length, _) = received(&budget, Some(2_000), body).await.unwrap();
    assert_eq!(length, 2_000);
}

#[tokio::test]
async fn a_body_that_announces_more_than_the_limit_is_rejected_at_once() {
    let budget = MemoryBudget::new(96 * MIB);
    let limits = limits(Duration::from_millis(50));
    let mut reservation = budget.reserve(MIB / 2, &budget.share()).await.unwrap();
    let body = StreamBody::new(
        http_body_util::BodyStream::new(Full::new(Bytes::from_static(b"huge")))
            .chain(futures::stream::pending()),
    );
    let announces = |head: &[u8]| (head == b"huge").then_some(17 * MIB);
    let rejected = receive(body, limits, None, &mut reservation, announces).await;
    assert!(matches!(rejected, Err(ReceiveError::TooLarge(_))));
    let body = Full::new(Bytes::new());
    let rejected = receive(body, limits, Some(17 * MIB), &mut reservation, |_| None).await;
    assert!(matches!(rejected, Err(ReceiveError::TooLarge(_))));
}
