//! What a running collector knows of itself.

use headcount_catalog::Retention;

/// How a collector runs, as far as it matters to the people whose data it holds.
#[derive(Debug, Clone)]
pub struct Operation {
    /// For how long it keeps rows.
    pub retention: Retention,
    /// For how many days it keeps the lines of the audit log.
    pub audit_days: u16,
    /// Whether it encrypts connections itself; a proxy in front of it may.
    pub has_tls: bool,
    /// Whether queries need a token.
    pub needs_token: bool,
    /// Whether everybody may read the reports of the default tier, with rare values grouped.
    pub is_public: bool,
    /// Whether telemetry needs a token.
    pub needs_ingest_token: bool,
}
