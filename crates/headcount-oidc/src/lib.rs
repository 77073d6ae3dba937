//! Sign-in with an OpenID Connect provider: the authorization code flow with PKCE, as a relying party (OpenID Connect Core 1.0, RFC 9700).
//!
//! [`SignOn::begin`] says where to send a browser; [`SignOn::finish`] takes what the provider sent it back with, and says who it is and which
//! role that gives. Both ask the provider over HTTP and block: callers run them where that is allowed. The crate knows nothing of pages and
//! sessions.
//!
//! Signatures are checked by `ring`, which TLS uses anyhow; the form and the claims of tokens by `jsonwebtoken`.

mod attempt;
mod encoding;
mod error;
mod http;
mod id_token;
mod keys;
mod provider;
mod role_rule;
mod sign_on;
mod signature;

pub use error::SignOnError;
pub use role_rule::{RoleRule, RuleError};
pub use sign_on::{Began, Identity, SignOn, SignOnOptions};
