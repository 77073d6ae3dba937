//! Who may do what on a collector, and a record of what was done.
//!
//! [`Role`] has the one table of rights. A request proves its role with a token: [`AccessToken`] is the token of the data folder,
//! made at the first start; a [`TokenStore`] holds any number of others, as hashes. An [`Authenticator`] tells the [`Principal`]
//! behind a bearer token or a session. The [`AuditLog`] records reads of the shared tier, erasures and changes of tokens.
//!
//! A [`RateLimiter`] says how often one sender may ask.
//!
//! This crate knows nothing of telemetry, pages or queries: the receivers and the site ask it.

mod access_token;
mod arrival;
mod audit;
mod authenticator;
mod bearer;
mod owner;
mod principal;
mod rate_limiter;
mod role;
mod secret;
mod sessions;
mod token_store;

pub use access_token::{AccessToken, AccessTokenError};
pub use arrival::Arrival;
pub use audit::{Action, AuditError, AuditEvent, AuditLog, AuditReader, DEFAULT_AUDIT_DAYS};
pub use authenticator::Authenticator;
pub use bearer::{Challenge, bearer_token};
pub use principal::Principal;
pub use rate_limiter::RateLimiter;
pub use role::{Right, Role};
pub use secret::Secret;
pub use token_store::{TokenRecord, TokenStore, TokenStoreError};
