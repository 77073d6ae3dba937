//! Rights and publication thresholds: what each role may see. No other module decides it.

use std::sync::Arc;

use headcount_problem::Problem;
use headcount_reports::{Answer, DEFAULT_MIN_CREWS, ReportHeader, ReportParameters, publish};
use http::StatusCode;

/// Counts below this are not published.
pub(crate) const PUBLIC_MIN_CREWS: u64 = DEFAULT_MIN_CREWS;

/// What a client may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    Owner,
    /// The reports of the anonymous tier, with rare values grouped ([`PUBLIC_MIN_CREWS`]).
    Public,
}

impl Role {
    pub(crate) fn is_owner(self) -> bool {
        self == Self::Owner
    }

    /// Rejects the public.
    ///
    /// # Errors
    /// 403 for the public.
    pub(crate) fn require_owner(self) -> Result<(), Problem> {
        match self {
            Self::Owner => Ok(()),
            Self::Public => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "not public",
                "only reports are public on this collector; everything else requires the access token",
            )),
        }
    }

    /// Whether this role may read the report.
    pub(crate) fn may_read(self, report: &ReportHeader) -> bool {
        self.is_owner() || report.is_publishable()
    }

    /// The part of an answer that this role may see.
    pub(crate) fn visible(self, report: &ReportHeader, answer: Arc<Answer>) -> Arc<Answer> {
        match self {
            Self::Owner => answer,
            Self::Public => Arc::new(publish(report, &answer, PUBLIC_MIN_CREWS)),
        }
    }

    /// Checks that this role may query with these parameters.
    ///
    /// Answers about smaller and smaller groups, or about ranges that differ by a minute, could be subtracted from each
    /// other until one crew is left. So the public queries whole days and cannot select a part.
    ///
    /// # Errors
    /// A parameter is not offered to the public.
    pub(crate) fn check(self, parameters: &ReportParameters) -> Result<(), Problem> {
        if self.is_owner() {
            return Ok(());
        }
        let reject = |detail: &str| Err(Problem::bad_request("filter not offered", detail));
        let selections = [
            &parameters.framework,
            &parameters.version,
            &parameters.environment,
        ];
        if selections.into_iter().any(Option::is_some) {
            return reject(
                "public reports cannot be filtered by framework, version or environment",
            );
        }
        let is_low = |crews: u64| crews < PUBLIC_MIN_CREWS;
        if parameters.min_crews.is_some_and(is_low) {
            return reject(&format!(
                "public reports require min_crews of {PUBLIC_MIN_CREWS} or more"
            ));
        }
        let bounds = [&parameters.since, &parameters.until];
        if bounds.into_iter().flatten().any(|text| !is_day(text)) {
            return reject(
                "public reports accept only whole days for since and until, such as 2026-11-01",
            );
        }
        Ok(())
    }

    /// Whether this role may read that `count` of `total` rows have a property: for the public, neither those rows nor the
    /// others may be few.
    pub(crate) fn may_read_count(self, count: f64, total: f64) -> bool {
        let are_few = |rows: f64| rows > 0.0 && rows < PUBLIC_MIN_CREWS as f64;
        self.is_owner() || !(are_few(count) || are_few(total - count))
    }

    /// `Cache-Control` of responses to this role.
    pub(crate) fn cache_control(self) -> &'static str {
        match self {
            Self::Owner => "private, no-cache",
            Self::Public => "public, max-age=300",
        }
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_few_rows_nor_all_but_few_are_published() {
        for (count, total, expected) in [
            (0.0, 200.0, true),
            (200.0, 200.0, true),
            (5.0, 10.0, true),
            (4.0, 200.0, false),
            (196.0, 200.0, false),
            (3.0, 3.0, false),
        ] {
            let is_published = Role::Public.may_read_count(count, total);
            assert_eq!(is_published, expected, "{count} of {total}");
            assert!(Role::Owner.may_read_count(count, total));
        }
    }
}
