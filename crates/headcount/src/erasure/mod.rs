//! Erasure of events that were already sent: each request carries a receipt that only the installation's secret can redeem.
//! See `docs/decisions/0011-erasure-by-receipts.md` and `docs/formats/client.md`.

mod receipt;
mod request;
mod secret;

pub use request::{ErasureAnswer, ErasureOutcome};

pub(crate) use receipt::{SENT_TO, issue};
pub(crate) use request::request;
pub(crate) use secret::{SECRET, saved_secret, secret};
