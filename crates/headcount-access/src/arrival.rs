//! How a request arrived, as far as that can be trusted.

/// How the client of a request reached the collector. The receiver says it, and never the request alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Whether the client used TLS, with the collector itself or with a proxy that the operator trusts.
    pub is_tls: bool,
    /// The host that the client asked a trusted proxy for, with its port if it named one.
    pub host: Option<String>,
}
