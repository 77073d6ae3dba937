//! Memory that bodies may take, all together: a request that would go past it is told to come back.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit stands for this many bytes.
const UNIT: usize = 1024;

/// The bytes that may be in flight.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
}

/// A share of the budget; given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    permit: OwnedSemaphorePermit,
}

/// There is no room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let permits = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
        }
    }

    /// Takes `bytes` of the budget, or says at once that they cannot be had.
    pub(crate) fn take(&self, bytes: usize) -> Result<Share, Exhausted> {
        let permit = self.permit(bytes)?;
        Ok(Share {
            budget: self.clone(),
            permit,
        })
    }

    fn permit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Exhausted> {
        let count = u32::try_from(bytes.div_ceil(UNIT)).map_err(|_| Exhausted)?;
        Arc::clone(&self.permits)
            .try_acquire_many_owned(count)
            .map_err(|_| Exhausted)
    }
}

impl Share {
    /// Takes `bytes` more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.permit.merge(self.budget.permit(bytes)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let budget = Budget::new(10 * UNIT);
        let mut share = budget.take(4 * UNIT).unwrap();
        share.grow(6 * UNIT).unwrap();
        assert_eq!(share.grow(1), Err(Exhausted));
        assert!(budget.take(1).is_err());
        drop(share);
        let _share = budget.take(10 * UNIT).unwrap();
    }
}
