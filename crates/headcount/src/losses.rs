//! Events that were recorded and will never arrive, by reason (catalog category `losses`).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::Fate;

/// Why.
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

    /// The word in the catalog.
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

    /// What the ledger calls it, for events that had reached a segment.
    pub(crate) fn of(fate: Fate) -> Option<Self> {
        match fate {
            Fate::TooOld => Some(LossReason::TooOld),
            Fate::Unreadable => Some(LossReason::Unreadable),
            Fate::TurnedOff => Some(LossReason::TurnedOff),
            Fate::Refused | Fate::Gone => Some(LossReason::Refused),
            Fate::Delivered | Fate::Unanswered | Fate::Postponed => None,
        }
    }
}

/// Counts since the last report.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Events that never reached a segment: the next segment's books name them.
    before_spool: [AtomicU64; LossReason::ALL.len()],
    /// Events that the ledger has named already.
    after_spool: [AtomicU64; LossReason::ALL.len()],
}

/// What was counted, taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Taken {
    before_spool: [u64; LossReason::ALL.len()],
    after_spool: [u64; LossReason::ALL.len()],
}

impl Losses {
    pub(crate) fn add(&self, reason: LossReason, events: u64) {
        let _before = self.before_spool[reason as usize].fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn add_booked(&self, fate: Fate, events: u64) {
        if let Some(reason) = LossReason::of(fate) {
            let _before = self.after_spool[reason as usize].fetch_add(events, Ordering::Relaxed);
        }
    }

    pub(crate) fn take(&self) -> Taken {
        let take = |counts: &[AtomicU64; LossReason::ALL.len()]| {
            std::array::from_fn(|index| counts[index].swap(0, Ordering::Relaxed))
        };
        Taken {
            before_spool: take(&self.before_spool),
            after_spool: take(&self.after_spool),
        }
    }

    /// What was taken could not be reported: it is counted again.
    pub(crate) fn give_back(&self, taken: &Taken) {
        for index in 0..LossReason::ALL.len() {
            let _before =
                self.before_spool[index].fetch_add(taken.before_spool[index], Ordering::Relaxed);
            let _before =
                self.after_spool[index].fetch_add(taken.after_spool[index], Ordering::Relaxed);
        }
    }
}

impl Taken {
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
    fn every_reason_is_a_word_of_the_catalog() {
        let ours: Vec<&str> = LossReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        assert_eq!(ours, crate::fields::losses::REASON.values);
    }

    #[test]
    fn what_is_given_back_is_taken_again() {
        let losses = Losses::default();
        losses.add(LossReason::QueueFull, 3);
        losses.add_booked(Fate::TooOld, 2);
        losses.add_booked(Fate::Delivered, 9);
        let taken = losses.take();
        assert_eq!(taken.before_spool(), 3);
        assert!(losses.take().is_empty());
        losses.give_back(&taken);
        assert_eq!(losses.take(), taken);
    }
}
