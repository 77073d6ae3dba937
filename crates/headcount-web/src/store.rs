//! The site's view of the storage behind it.

use std::fmt;

use futures::future::BoxFuture;
use headcount_lake::{Audit, LakeError, LakeSnapshot};

/// How the site reads stored data. It changes nothing.
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
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}
