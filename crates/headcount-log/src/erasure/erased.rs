//! The receipts under which nothing is stored any more.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashSet;
use headcount_catalog::KeyedReceipt;
use parking_lot::RwLock;

/// How many receipts of which nothing was stored are remembered, the last ones: a request may still be on its way while its
/// sender orders the erasure. Some 4 MB of memory, whatever strangers send.
const MAX_RECENT: usize = 65_536;

/// The receipts under which nothing is stored, shared with the log's thread.
pub type ErasedReceipts = Arc<RwLock<Erased>>;

/// Receipts of orders, for as long as those are remembered, and of what was ordered last.
#[derive(Debug, Default)]
pub struct Erased {
    ordered: HashSet<KeyedReceipt>,
    recent: HashSet<KeyedReceipt>,
    recent_in_order: VecDeque<KeyedReceipt>,
}

impl Erased {
    /// Whether nothing is stored under `receipt`.
    pub fn contains(&self, receipt: &KeyedReceipt) -> bool {
        self.ordered.contains(receipt) || self.recent.contains(receipt)
    }

    /// Whether an order that is remembered names `receipt`.
    pub(super) fn is_ordered(&self, receipt: &KeyedReceipt) -> bool {
        self.ordered.contains(receipt)
    }

    /// The number of receipts of orders.
    pub fn len(&self) -> usize {
        self.ordered.len()
    }

    /// Whether no order is remembered.
    pub fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    /// Remembers `receipts` until as many others came.
    pub(super) fn remember_recent(&mut self, receipts: &[KeyedReceipt]) {
        for receipt in receipts {
            if self.recent.insert(*receipt) {
                self.recent_in_order.push_back(*receipt);
            }
        }
        while self.recent_in_order.len() > MAX_RECENT {
            if let Some(oldest) = self.recent_in_order.pop_front() {
                self.recent.remove(&oldest);
            }
        }
    }

    pub(super) fn add_ordered(&mut self, receipts: &[KeyedReceipt]) {
        self.ordered.extend(receipts);
    }

    pub(super) fn set_ordered(&mut self, receipts: impl Iterator<Item = KeyedReceipt>) {
        self.ordered = receipts.collect();
    }
}
