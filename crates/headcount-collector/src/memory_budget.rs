//! The memory budget of all request bodies together. A request that would exceed it is rejected as retryable.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit stands for this many bytes.
const UNIT: usize = 1024;

/// The bytes that bodies in flight may use.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    permits: Arc<Semaphore>,
}

/// A part of the budget; released on drop.
#[derive(Debug)]
pub(crate) struct MemoryReservation {
    budget: MemoryBudget,
    permit: OwnedSemaphorePermit,
}

/// The budget has too little left. Its text is for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the collector's memory budget for requests is exhausted; retry later")]
pub(crate) struct BudgetExhausted;

impl MemoryBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let permits = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
        }
    }

    /// Reserves `bytes`, or fails at once.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<MemoryReservation, BudgetExhausted> {
        let permit = self.permit(bytes)?;
        Ok(MemoryReservation {
            budget: self.clone(),
            permit,
        })
    }

    fn permit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BudgetExhausted> {
        let count = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| BudgetExhausted)?;
        Arc::clone(&self.permits)
            .try_acquire_many_owned(count)
            .map_err(|_| BudgetExhausted)
    }
}

impl MemoryReservation {
    /// Reserves `bytes` more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        self.permit.merge(self.budget.permit(bytes)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_bytes_can_be_reserved_again() {
        let budget = MemoryBudget::new(10 * UNIT);
        let mut reservation = budget.reserve(4 * UNIT).unwrap();
        reservation.grow(6 * UNIT).unwrap();
        assert_eq!(reservation.grow(1), Err(BudgetExhausted));
        assert!(budget.reserve(1).is_err());
        drop(reservation);
        let _reservation = budget.reserve(10 * UNIT).unwrap();
    }
}
