//! The dashboard and the HTTP query API.
//!
//! [`site`] makes one axum router from a [`Store`] and [`SiteOptions`]. It reads stored data and never changes it, and it
//! knows nothing of OTLP: the collector passes it every request that is not telemetry, with the peer's address as
//! [`axum::extract::ConnectInfo`].
//!
//! | path | content | visible to |
//! | --- | --- | --- |
//! | `/`, `/tools`, `/models` … | pages; complete without JavaScript | every role |
//! | `/api/v1/reports/{name}` | a report as JSON, CSV, Arrow or Parquet | every role |
//! | `/api/v1/sql`, `/api/v1/tables`, `/sql`, `/shared` | SQL queries, the shared tier | owners |
//! | `/metrics` | the collector's metrics | owners |
//! | `/assets/…`, `/login` | what a page needs before the client is authenticated | everybody |
//!
//! [`Access`] decides which role a client has; `role.rs` what each role may see.

mod access;
mod access_token;
mod answer_cache;
mod api;
mod assets;
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
pub use access_token::{AccessToken, AccessTokenError};
pub use site::{SiteOptions, site};
pub use store::Store;
