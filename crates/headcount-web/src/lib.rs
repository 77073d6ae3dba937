//! The dashboard and the HTTP query API.
//!
//! [`site`] makes one axum router from a [`Store`] and [`SiteOptions`]. It reads stored data, changes it only by orders to erase crews, and
//! knows nothing of OTLP: the collector passes it every request that is not telemetry, with the peer's address as
//! [`axum::extract::ConnectInfo`].
//!
//! | path | content | visible to |
//! | --- | --- | --- |
//! | `/`, `/tools`, `/models` … | pages; complete without JavaScript | every role |
//! | `/api/v1/reports/{name}` | a report as JSON, CSV, Arrow or Parquet | every role |
//! | `/api/v1/tables`, `/metrics` | the tables' sizes, the collector's metrics | viewers |
//! | `/api/v1/audit` | the account of all records | analysts |
//! | `/api/v1/sql`, `/sql`, `/shared` | SQL queries, the shared tier | analysts |
//! | `/api/v1/export` | everything that is stored about a crew | analysts |
//! | `/api/v1/audit-log` | the audit log | administrators |
//! | `/api/v1/erasures` | orders to erase crews | administrators |
//! | `/privacy` | the privacy reviewer's pack | everybody |
//! | `/login/oidc`, `/login/oidc/callback` | signing on with an identity provider | everybody |
//! | `/assets/…`, `/login` | what a page needs before the client is authenticated | everybody |
//!
//! [`Access`] decides who a client is, [`headcount_access::Role`] what each role may do, and `role.rs` what it sees.

mod access;
mod answer_cache;
mod answer_memory;
mod answer_threads;
mod api;
mod assets;
mod audit;
mod base;
mod computed;
mod cross_site;
mod middleware;
mod pages;
mod problem;
mod question;
mod request_body;
mod role;
mod single_flight;
mod site;
mod state;
mod store;

pub use access::Access;
pub use api::{erasure_states, row_counts};
pub use site::{SiteOptions, site};
pub use store::{Erasures, Store};
