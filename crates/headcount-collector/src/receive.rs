//! Receives a request's body frame by frame, within the limits of size, time and memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use crate::memory_budget::{BudgetExhausted, MemoryReservation};
use crate::need::Need;

/// How much memory a body of unknown length gets at first.
pub(crate) const FIRST_BYTES: usize = 64 * 1024;

/// How often the progress of a body is looked at: one in so many parts of its time, so each second of 30.
const LOOKS: u32 = 30;

/// How long a body may take to come under way: one in so many parts of its time, so 5 s of 30.
const GRACE: u32 = 6;

/// What a body must bring from one look to the next while other requests wait for its memory.
const CONTENDED_BYTES: usize = 256 * 1024;

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes; send fewer spans per request")]
    TooLarge(usize),
    /// The memory budget for bodies is exhausted.
    #[error("{}", BudgetExhausted)]
    MemoryExhausted,
    /// The body took longer than this, or would have.
    #[error("the body did not arrive within {} s, or too slowly for that", .0.as_secs())]
    Timeout(Duration),
    /// The body came slowly while others waited for its memory.
    #[error("the body arrived too slowly while other requests waited for its memory; retry later")]
    TooSlow,
    /// The body was truncated.
    #[error("the body ended before its announced length")]
    Truncated,
}

impl From<BudgetExhausted> for ReceiveError {
    fn from(_: BudgetExhausted) -> Self {
        Self::MemoryExhausted
    }
}

/// The limits of one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// The most bytes.
    pub(crate) bytes: usize,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// What its request needs.
    pub(crate) need: Need,
}

/// Receives `body`, of which the sender has announced the length or not. `reservation` covers the whole request before a byte
/// beyond it is stored. `announces` reads the length from the first bytes, where the protocol puts it there.
pub(crate) async fn receive<B>(
    body: B,
    limits: BodyLimits,
    mut announced: Option<usize>,
    reservation: &mut MemoryReservation,
    announces: impl Fn(&[u8]) -> Option<usize> + Send,
) -> Result<Bytes, ReceiveError>
where
    B: http_body::Body<Data = Bytes> + Send,
{
    if announced.is_some_and(|length| length > limits.bytes) {
        return Err(ReceiveError::TooLarge(limits.bytes));
    }
    let mut progress = Progress::new(limits.timeout);
    let mut body = std::pin::pin!(body);
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(FIRST_BYTES));
    loop {
        let frame = loop {
            let frame = tokio::time::timeout_at(progress.next_look(), body.frame()).await;
            match frame {
                Ok(frame) => break frame,
                Err(_) => progress.look(bytes.len(), announced, reservation)?,
            }
        };
        let Some(frame) = frame else {
            return Ok(bytes.freeze());
        };
        let frame = frame.map_err(|_| ReceiveError::Truncated)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > limits.bytes {
            return Err(ReceiveError::TooLarge(limits.bytes));
        }
        if announced.is_none() && limits.need.of(length) > reservation.bytes() {
            // Nobody knows how long it will be. A small request may stay small; any other may become the largest.
            reservation.resize(limits.need.of(limits.bytes)).await?;
        }
        bytes.extend_from_slice(data);
        if announced.is_none()
            && let Some(length) = announces(&bytes)
        {
            if length > limits.bytes {
                return Err(ReceiveError::TooLarge(limits.bytes));
            }
            reservation.resize(limits.need.of(length)).await?;
            announced = Some(length);
            bytes.reserve(length.saturating_sub(bytes.len()));
        }
        progress.look_if_due(bytes.len(), announced, reservation)?;
    }
}

/// Whether a body comes fast enough.
struct Progress {
    began: Instant,
    timeout: Duration,
    last_look: Instant,
    bytes_then: usize,
}

impl Progress {
    fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            timeout,
            last_look: now,
            bytes_then: 0,
        }
    }

    fn next_look(&self) -> Instant {
        (self.last_look + self.timeout / LOOKS).min(self.began + self.timeout)
    }

    fn look_if_due(
        &mut self,
        received: usize,
        announced: Option<usize>,
        reservation: &MemoryReservation,
    ) -> Result<(), ReceiveError> {
        match Instant::now() < self.next_look() {
            true => Ok(()),
            false => self.look(received, announced, reservation),
        }
    }

    /// A body must be as far as one is that arrives evenly between [`GRACE`] and the limit. So one that stalls does not hold
    /// its memory for all of that time.
    fn look(
        &mut self,
        received: usize,
        announced: Option<usize>,
        reservation: &MemoryReservation,
    ) -> Result<(), ReceiveError> {
        let now = Instant::now();
        let elapsed = now - self.began;
        let grace = self.timeout / GRACE;
        let (late, span) = (elapsed.saturating_sub(grace), self.timeout - grace);
        let due = announced.map_or(0, |length| {
            let part = late.as_secs_f64() / span.as_secs_f64();
            (length as f64 * part) as usize
        });
        if elapsed >= self.timeout || received < due {
            return Err(ReceiveError::Timeout(self.timeout));
        }
        if now - self.last_look >= self.timeout / LOOKS {
            let since = received.saturating_sub(self.bytes_then);
            if since < CONTENDED_BYTES && reservation.is_contended() {
                return Err(ReceiveError::TooSlow);
            }
            (self.last_look, self.bytes_then) = (now, received);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
