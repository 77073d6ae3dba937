//! Delivery status: the outcome of a segment, as the ledger and a retired segment's name state it.

use crate::record::{LossReason, Losses};

/// The outcome of a segment, or of an attempt to send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DeliveryStatus {
    /// The collector acknowledged it.
    Delivered,
    /// It was sent and no response came; it will be sent again, and counts once.
    Unanswered,
    /// The collector asked for a later attempt; it will be sent again.
    Postponed,
    /// The collector rejected it for good.
    Refused,
    /// The collector no longer accepts this version of the framework (HTTP 410).
    Gone,
    /// It waited for 30 days.
    TooOld,
    /// It could not be read.
    Unreadable,
    /// Telemetry was turned off.
    TurnedOff,
}

impl DeliveryStatus {
    pub(crate) const ALL: [DeliveryStatus; 8] = [
        DeliveryStatus::Delivered,
        DeliveryStatus::Unanswered,
        DeliveryStatus::Postponed,
        DeliveryStatus::Refused,
        DeliveryStatus::Gone,
        DeliveryStatus::TooOld,
        DeliveryStatus::Unreadable,
        DeliveryStatus::TurnedOff,
    ];

    /// The value in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryStatus::Delivered => "delivered",
            DeliveryStatus::Unanswered => "unanswered",
            DeliveryStatus::Postponed => "postponed",
            DeliveryStatus::Refused => "refused",
            DeliveryStatus::Gone => "gone",
            DeliveryStatus::TooOld => "too_old",
            DeliveryStatus::Unreadable => "unreadable",
            DeliveryStatus::TurnedOff => "turned_off",
        }
    }

    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether the segment is removed with this status.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, DeliveryStatus::Unanswered | DeliveryStatus::Postponed)
    }
    /// The reason that a loss report gives for events with this status.
    pub(crate) fn loss_reason(self) -> Option<LossReason> {
        match self {
            DeliveryStatus::TooOld => Some(LossReason::TooOld),
            DeliveryStatus::Unreadable => Some(LossReason::Unreadable),
            DeliveryStatus::TurnedOff => Some(LossReason::TurnedOff),
            DeliveryStatus::Refused | DeliveryStatus::Gone => Some(LossReason::Refused),
            DeliveryStatus::Delivered | DeliveryStatus::Unanswered | DeliveryStatus::Postponed => {
                None
            }
        }
    }

    /// Counts events with this status for the next loss report.
    pub(crate) fn count_loss(self, losses: &Losses, events: u64) {
        if let Some(reason) = self.loss_reason() {
            losses.add_after_spool(reason, events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivered_events_are_no_loss() {
        let losses = Losses::default();
        DeliveryStatus::Delivered.count_loss(&losses, 9);
        assert!(losses.take().is_empty());
        DeliveryStatus::Gone.count_loss(&losses, 2);
        let counts: Vec<_> = losses.take().counts().collect();
        assert_eq!(counts, [(LossReason::Refused, 2)]);
    }
}
