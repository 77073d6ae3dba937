//! Retention: for how long rows are kept.

use serde::Deserialize;

use crate::schema::Tier;

/// For how long a collector keeps a row at most, in days from its `time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Rows of the anonymous tier.
    pub default_days: u32,
    /// Rows of the shared tier.
    pub shared_days: u32,
}

impl Default for Retention {
    /// 400 days and 30 days.
    fn default() -> Self {
        Self {
            default_days: 400,
            shared_days: 30,
        }
    }
}

impl Retention {
    /// The days of a tier.
    pub fn days(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Default => self.default_days,
            Tier::Shared => self.shared_days,
        }
    }
}
