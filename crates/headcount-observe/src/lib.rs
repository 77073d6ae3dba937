//! What a process tells its operator: a [`Page`] of metrics in Prometheus' text format, [`Counter`]s and [`Histogram`]s for it, and a
//! [`ReportLimit`] for log lines whose cause comes again and again. It measures nothing by itself, and has no dependencies.

mod counter;
mod histogram;
mod page;
mod report_limit;

pub use counter::Counter;
pub use histogram::Histogram;
pub use page::{Family, Page};
pub use report_limit::ReportLimit;
