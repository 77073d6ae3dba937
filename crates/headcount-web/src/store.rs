//! The site's view of the storage behind it.

use std::fmt;

use futures::future::BoxFuture;
use headcount_lake::{Audit, CrewOrder, CrewSelection, LakeError, LakeSnapshot, OrderError};

/// How the site reads stored data. But for orders to erase, it changes nothing.
pub struct Store {
    /// A snapshot of the tables as of now.
    pub snapshot:
        Box<dyn Fn() -> BoxFuture<'static, Result<LakeSnapshot, LakeError>> + Send + Sync>,
    /// The account of the tables beside what they hold.
    pub audit: Box<dyn Fn() -> BoxFuture<'static, Result<Audit, LakeError>> + Send + Sync>,
    /// A number that grows with everything that is stored; answers stay valid while it is unchanged.
    pub revision: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The collector's metrics in Prometheus' text format 0.0.4.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// How crews are erased; not at all if `None`.
    pub erasures: Option<Erasures>,
}

/// Orders to erase crews.
pub struct Erasures {
    /// Accepts an order; resolves with its number when it is on disk.
    pub order:
        Box<dyn Fn(CrewSelection) -> BoxFuture<'static, Result<u64, OrderError>> + Send + Sync>,
    /// The orders, pending or done, the oldest first.
    pub all: Box<dyn Fn() -> Vec<CrewOrder> + Send + Sync>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}
