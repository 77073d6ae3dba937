//! Counts of events that were recorded and will never arrive, by reason (catalog category `losses`).

use std::sync::atomic::{AtomicU64, Ordering};

/// Why events were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossReason {
    /// Events came faster than they could be written.
    QueueFull,
    /// The spool holds as much as it may, or the disk is full.
    SpoolFull,
    /// They waited for 30 days.
    TooOld,
    /// One event was larger than a request may be.
    TooLarge,
    /// A file was damaged.
    Unreadable,
    /// Telemetry was turned off before they were sent.
    TurnedOff,
    /// The collector will never take them.
    Refused,
}

impl LossReason {
    pub(crate) const ALL: [LossReason; 7] = [
        LossReason::QueueFull,
        LossReason::SpoolFull,
        LossReason::TooOld,
        LossReason::TooLarge,
        LossReason::Unreadable,
        LossReason::TurnedOff,
        LossReason::Refused,
    ];

    /// The value in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            LossReason::QueueFull => "queue_full",
            LossReason::SpoolFull => "spool_full",
            LossReason::TooOld => "too_old",
            LossReason::TooLarge => "too_large",
            LossReason::Unreadable => "unreadable",
            LossReason::TurnedOff => "turned_off",
            LossReason::Refused => "refused",
        }
    }
}

/// Counts since the last report.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Events that never reached a segment: the next record's `dropped` counts them.
    before_spool: [AtomicU64; LossReason::ALL.len()],
    /// Events that the ledger has counted already.
    after_spool: [AtomicU64; LossReason::ALL.len()],
}

/// The counts since the last report, which [`Losses::take`] set back to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LossCounts {
    before_spool: [u64; LossReason::ALL.len()],
    after_spool: [u64; LossReason::ALL.len()],
}

impl Losses {
    pub(crate) fn add(&self, reason: LossReason, events: u64) {
        self.before_spool[reason as usize].fetch_add(events, Ordering::Relaxed);
    }

    /// Counts events that were in a segment, which the ledger counts too.
    pub(crate) fn add_after_spool(&self, reason: LossReason, events: u64) {
        self.after_spool[reason as usize].fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> LossCounts {
        let take = |counts: &[AtomicU64; LossReason::ALL.len()]| {
            std::array::from_fn(|index| counts[index].swap(0, Ordering::Relaxed))
        };
        LossCounts {
            before_spool: take(&self.before_spool),
            after_spool: take(&self.after_spool),
        }
    }

    /// Adds counts that could not be reported back.
    pub(crate) fn give_back(&self, taken: &LossCounts) {
        for index in 0..LossReason::ALL.len() {
            self.before_spool[index].fetch_add(taken.before_spool[index], Ordering::Relaxed);
            self.after_spool[index].fetch_add(taken.after_spool[index], Ordering::Relaxed);
        }
    }
}

impl LossCounts {
    /// Events that never reached a segment.
    pub(crate) fn before_spool(&self) -> u64 {
        self.before_spool.iter().sum()
    }

    /// Each reason with its count, where there is one.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (LossReason, u64)> {
        let counts: Vec<(LossReason, u64)> = LossReason::ALL
            .into_iter()
            .map(|reason| {
                let index = reason as usize;
                (reason, self.before_spool[index] + self.after_spool[index])
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        counts.into_iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_value_of_the_catalog() {
        let ours: Vec<&str> = LossReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        assert_eq!(ours, crate::fields::losses::REASON.values);
    }

    #[test]
    fn counts_that_were_given_back_are_taken_again() {
        let losses = Losses::default();
        losses.add(LossReason::QueueFull, 3);
        losses.add_after_spool(LossReason::TooOld, 2);
        let taken = losses.take();
        assert_eq!(taken.before_spool(), 3);
        assert!(losses.take().is_empty());
        losses.give_back(&taken);
        assert_eq!(losses.take(), taken);
    }
}
