//! The memory budget of all request bodies together (`docs/decisions/0022-memory-is-reserved-for-whole-requests.md`).
//!
//! A request reserves everything that it will need before its body is read, and waits for it while its sender is held up by
//! TCP. So what is admitted is finished, whatever else arrives. Small requests have a part of the budget of their own, and never
//! wait for large ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit stands for this many bytes.
const UNIT: usize = 1024;

/// The part of the budget for small requests: one in this many bytes.
const SMALL_SHARE: usize = 6;

/// A request is small if it needs no more than this. A full batch of the stock SDKs (512 spans, about 200 KiB) is.
const SMALL_BYTES: usize = 1 << 20;

/// And no more than one in so many bytes of that part.
const SMALL_REQUESTS: usize = 4;

/// How long a request waits for memory before it is refused. Senders give up after 10 s.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How many large and how many small requests may wait: further ones would not be served within [`MAX_WAIT`].
const MAX_WAITING: [usize; 2] = [64, 1024];

/// The bytes that bodies in flight may use.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    small: Lane,
    large: Lane,
    max_wait: Duration,
}

/// One part of the budget.
#[derive(Debug, Clone)]
struct Lane {
    bytes: usize,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

/// One part of the budget at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneUsage {
    /// `small` or `large`, for the requests that it is for.
    pub(crate) name: &'static str,
    pub(crate) reserved_bytes: usize,
    pub(crate) limit_bytes: usize,
    /// Requests that wait for their part.
    pub(crate) waiting: usize,
}

/// The part of the budget that one connection may hold: one large request at a time, however many streams it has, and a quarter
/// of what small ones have.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionShare {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// What a request has reserved; released on drop.
#[derive(Debug)]
pub(crate) struct MemoryReservation {
    budget: MemoryBudget,
    share: ConnectionShare,
    is_large: bool,
    permits: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

/// The budget has too little left. Its text is for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the collector's memory budget for requests is exhausted; retry later")]
pub(crate) struct BudgetExhausted;

/// Counts a request that waits.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Lane {
    fn new(bytes: usize, max_waiting: usize) -> Self {
        let permits = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            bytes: permits * UNIT,
            permits: Arc::new(Semaphore::new(permits)),
            waiting: Arc::default(),
            max_waiting,
        }
    }

    fn wait(&self) -> Result<Waiting, BudgetExhausted> {
        let waiting = Waiting(Arc::clone(&self.waiting));
        match self.waiting.fetch_add(1, Ordering::AcqRel) < self.max_waiting {
            true => Ok(waiting),
            false => Err(BudgetExhausted),
        }
    }

    fn try_take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BudgetExhausted> {
        let taken = Arc::clone(&self.permits).try_acquire_many_owned(units(bytes));
        taken.map_err(|_| BudgetExhausted)
    }

    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BudgetExhausted> {
        // First come, first served: a large request is not passed over for ever.
        let taken = Arc::clone(&self.permits).acquire_many_owned(units(bytes.min(self.bytes)));
        taken.await.map_err(|_| BudgetExhausted)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

impl MemoryBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let small = bytes / SMALL_SHARE;
        Self {
            small: Lane::new(small, MAX_WAITING[1]),
            large: Lane::new(bytes - small, MAX_WAITING[0]),
            max_wait: MAX_WAIT,
        }
    }

    /// Both parts of the budget, as they are now.
    pub(crate) fn usage(&self) -> [LaneUsage; 2] {
        [("small", &self.small), ("large", &self.large)].map(|(name, lane)| LaneUsage {
            name,
            reserved_bytes: lane.bytes - (lane.permits.available_permits() * UNIT).min(lane.bytes),
            limit_bytes: lane.bytes,
            waiting: lane.waiting.load(Ordering::Acquire),
        })
    }

    /// The share of a new connection.
    pub(crate) fn share(&self) -> ConnectionShare {
        let small = (self.small.bytes / SMALL_REQUESTS / UNIT).max(1);
        ConnectionShare {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// The share of the connection that a request came on.
    pub(crate) fn share_of(&self, extensions: &http::Extensions) -> ConnectionShare {
        let share = extensions.get::<ConnectionShare>();
        share.cloned().unwrap_or_else(|| self.share())
    }

    /// Reserves `bytes` for a request of `share`'s connection; waits for them as long as that makes sense. A request that needs
    /// more than there is gets all of it.
    pub(crate) async fn reserve(
        &self,
        bytes: usize,
        share: &ConnectionShare,
    ) -> Result<MemoryReservation, BudgetExhausted> {
        let is_large = bytes > self.largest_small();
        let lane = if is_large { &self.large } else { &self.small };
        let reserving = async {
            let own = match is_large {
                true => Arc::clone(&share.large).acquire_owned().await,
                false => {
                    Arc::clone(&share.small)
                        .acquire_many_owned(units(bytes))
                        .await
                }
            };
            let _waiting = lane.wait()?;
            let permits = lane.take(bytes).await?;
            Ok(MemoryReservation {
                budget: self.clone(),
                share: share.clone(),
                is_large,
                permits,
                _own: own.map_err(|_| BudgetExhausted)?,
            })
        };
        let reserved = tokio::time::timeout(self.max_wait, reserving).await;
        reserved.unwrap_or(Err(BudgetExhausted))
    }

    fn largest_small(&self) -> usize {
        SMALL_BYTES.min(self.small.bytes / SMALL_REQUESTS)
    }
}

impl MemoryReservation {
    /// The reserved bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.permits.num_permits() * UNIT
    }

    /// Whether others wait for what this request holds.
    pub(crate) fn is_contended(&self) -> bool {
        let budget = &self.budget;
        let lane = if self.is_large {
            &budget.large
        } else {
            &budget.small
        };
        lane.waiting.load(Ordering::Acquire) > 0
    }

    /// Makes the reservation `bytes` large. A small one may become a large one, and waits for that; a large one cannot grow while
    /// others hold the rest, because each would wait for all.
    pub(crate) async fn resize(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        if bytes > self.bytes() && !self.is_large {
            *self = self
                .budget
                .clone()
                .reserve(bytes, &self.share.clone())
                .await?;
        }
        self.cover(bytes)?;
        self.shrink(bytes);
        Ok(())
    }

    /// Reserves more at once, unless `bytes` are reserved already. All of the large part is enough for every request.
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        let Some(missing) = bytes
            .checked_sub(self.bytes())
            .filter(|missing| *missing > 0)
        else {
            return Ok(());
        };
        if self.is_large {
            let rest = self.budget.large.bytes - self.bytes();
            let more = self.budget.large.try_take(missing.min(rest))?;
            self.permits.merge(more);
            return Ok(());
        }
        if bytes <= self.budget.largest_small() {
            let more = self.budget.small.try_take(missing)?;
            self.permits.merge(more);
            return Ok(());
        }
        let own = Arc::clone(&self.share.large).try_acquire_owned();
        let large = &self.budget.large;
        self.permits = large.try_take(bytes.min(large.bytes))?;
        self._own = own.map_err(|_| BudgetExhausted)?;
        self.is_large = true;
        Ok(())
    }

    /// Releases what is beyond `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let excess = self.bytes().saturating_sub(bytes.max(UNIT)) / UNIT;
        drop(self.permits.split(excess));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// A budget of which a request waits for a shorter time.
    fn impatient() -> MemoryBudget {
        MemoryBudget {
            max_wait: Duration::from_millis(300),
            ..MemoryBudget::new(96 * MIB)
        }
    }

    #[tokio::test]
    async fn released_bytes_can_be_reserved_again() {
        let budget = impatient();
        let share = budget.share();
        let mut reservation = budget.reserve(40 * MIB, &share).await.unwrap();
        reservation.cover(80 * MIB).unwrap();
        assert_eq!(reservation.bytes(), 80 * MIB);
        reservation.shrink(60 * MIB);
        let mut other = budget.reserve(20 * MIB, &budget.share()).await.unwrap();
        assert_eq!(other.cover(21 * MIB), Err(BudgetExhausted));
        assert_eq!(reservation.cover(61 * MIB), Err(BudgetExhausted));
        drop(other);
        // More than there is: all of it.
        reservation.cover(200 * MIB).unwrap();
        assert_eq!(reservation.bytes(), 80 * MIB);
    }

    #[tokio::test]
    async fn large_requests_wait_in_turn_and_small_ones_do_not_wait_for_them() {
        let budget = impatient();
        let first = budget.reserve(80 * MIB, &budget.share()).await.unwrap();
        assert!(!first.is_contended());
        let (waiting, share) = (budget.clone(), budget.share());
        let second = tokio::spawn(async move { waiting.reserve(30 * MIB, &share).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(first.is_contended());
        let small = budget.reserve(MIB, &budget.share()).await.unwrap();
        assert!(!small.is_contended());
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert!(!second.is_contended());
        // It waits for no longer than its sender does.
        let began = tokio::time::Instant::now();
        let third = budget.reserve(80 * MIB, &budget.share()).await;
        assert_eq!(third.unwrap_err(), BudgetExhausted);
        assert!(began.elapsed() >= budget.max_wait);
    }

    #[tokio::test]
    async fn a_connection_has_one_large_request_at_a_time() {
        let budget = impatient();
        let share = budget.share();
        let first = budget.reserve(10 * MIB, &share).await.unwrap();
        assert!(budget.reserve(10 * MIB, &share).await.is_err());
        assert!(budget.reserve(10 * MIB, &budget.share()).await.is_ok());
        drop(first);
        assert!(budget.reserve(10 * MIB, &share).await.is_ok());
        // Small ones together have a quarter of their part.
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(budget.reserve(MIB, &share).await.unwrap());
        }
        assert!(budget.reserve(MIB, &share).await.is_err());
    }

    #[tokio::test]
    async fn a_small_request_that_turns_out_to_be_large_waits_its_turn() {
        let budget = impatient();
        let mut request = budget.reserve(MIB, &budget.share()).await.unwrap();
        let other = budget.reserve(80 * MIB, &budget.share()).await.unwrap();
        assert_eq!(request.cover(2 * MIB), Err(BudgetExhausted));
        let (resized, ()) = tokio::join!(request.resize(2 * MIB), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(other);
        });
        resized.unwrap();
        assert_eq!(request.bytes(), 2 * MIB);
    }
}
