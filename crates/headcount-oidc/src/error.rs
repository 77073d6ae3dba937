//! Why somebody is not signed in.

/// Why somebody is not signed in. No text of it quotes a token, a code or a secret.
#[derive(Debug, thiserror::Error)]
pub enum SignOnError {
    /// The provider does not answer, or not as the specification asks.
    #[error("the identity provider cannot be used: {what}")]
    Provider {
        /// What went wrong.
        what: String,
    },
    /// So many people sign in at once that this one was not taken further; for callers that limit how many ask the provider.
    #[error("too many people sign in at once; try again in a moment")]
    Busy,
    /// The provider sent the browser back with an error, such as `access_denied` (RFC 6749 §4.1.2.1).
    #[error("the identity provider refused: {code}")]
    Refused {
        /// Its code: letters, digits and `_`.
        code: String,
    },
    /// The answer does not belong to a sign-in that this browser began here, or began within ten minutes, or it was used before.
    #[error(
        "this sign-in did not begin in this browser, or began too long ago, or was used before; begin again"
    )]
    UnknownAttempt,
    /// The provider's token does not hold (OpenID Connect Core §3.1.3.7).
    #[error("the identity provider's token was not accepted: {what}")]
    Token {
        /// The rule that it breaks.
        what: &'static str,
    },
    /// Nothing that the provider says of the person gives a role.
    #[error(
        "{name} has no role on this collector; a role comes from {claims}, which the identity provider states"
    )]
    NoRole {
        /// The person, as [`Identity::name`](crate::Identity::name).
        name: String,
        /// The names of the claims that were looked at.
        claims: String,
    },
    /// The operating system gives no random bytes.
    #[error("no random numbers")]
    Random(#[from] std::io::Error),
}
