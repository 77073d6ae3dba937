//! The collector: takes OTLP over HTTP and gRPC, lets admission judge it, acknowledges what is on disk, and hands every
//! other request of its HTTP listeners to whoever answers questions.
//!
//! The doors know transport (content types, compression, limits, status codes) and nothing else. What a span means and
//! what may be kept is decided in `headcount-catalog`; where it is kept is `headcount-lake`'s affair. [`Intake`] is the
//! one path from bytes to an acknowledgement, whichever door they came through. No address and no user agent of a sender is stored or logged (promise 10), and no log line holds any
//! text of a request (promise 1).

mod activity;
mod arrival;
mod body;
mod budget;
mod counters;
mod erase_door;
mod error;
mod grpc;
mod http_door;
mod intake;
mod listener;
mod metrics;
mod options;
mod refusal;
mod server;

pub use body::{BodyError, Coding, Notation, read_codings};
pub use counters::{Counters, Reason};
pub use error::ServeError;
pub use intake::{Intake, IntakeError, Taken};
pub use options::{ReceiverLimits, ServeOptions};
pub use server::Collector;
