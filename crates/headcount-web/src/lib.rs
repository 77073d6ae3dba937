//! Answers for people and programs: the dashboard, and the HTTP API that it stands on.
//!
//! [`site`] makes one router out of a [`Store`] and [`SiteOptions`]. It reads what is stored and never changes it. It
//! knows nothing of OTLP; whoever listens hands it the requests that are not telemetry, with the peer's address as
//! [`axum::extract::ConnectInfo`].
//!
//! | path | is | for |
//! | --- | --- | --- |
//! | `/`, `/tools`, `/models` … | pages; complete without JavaScript | readers |
//! | `/api/v1/reports/{name}` | a report as JSON, CSV, Arrow or Parquet | readers |
//! | `/api/v1/sql`, `/api/v1/tables`, `/sql`, `/shared` | free questions, the shared tier | owners |
//! | `/metrics` | the collector's own counts | owners |
//! | `/assets/…`, `/login` | what a page needs before anybody is known | everybody |
//!
//! Who is an owner and who is a reader is decided in one place, [`access`](Access).

mod access;
mod answers;
mod api;
mod assets;
mod compression;
mod filters;
mod pages;
mod problem;
mod shield;
mod site;
mod token;

pub use access::Access;
pub use site::{SiteOptions, Store, site};
pub use token::{Token, TokenError};
