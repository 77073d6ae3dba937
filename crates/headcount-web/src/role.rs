//! What each role sees: publication thresholds, and the parts of answers. [`Role`] itself says what each may do.

use std::sync::Arc;

use headcount_access::Right;
use headcount_problem::Problem;
use headcount_reports::{
    Answer, DEFAULT_MIN_CREWS, OwnKind, ReportError, ReportHeader, ReportParameters, publish,
};
use http::StatusCode;

pub(crate) use headcount_access::Role;

/// Counts below this are not published.
pub(crate) const PUBLIC_MIN_CREWS: u64 = DEFAULT_MIN_CREWS;

/// What a role sees of reports.
pub(crate) trait Visibility: Copy {
    /// Whether rare values and parts are visible: the role may read all of the anonymous tier.
    fn sees_all(self) -> bool;

    /// Rejects a role without the right.
    ///
    /// # Errors
    /// 403 without it.
    fn require(self, right: Right) -> Result<(), Problem>;

    /// Whether this role may read the report.
    fn may_read(self, report: &ReportHeader) -> bool;

    /// The part of an answer that this role may see.
    fn visible(self, report: &ReportHeader, answer: Arc<Answer>) -> Arc<Answer>;

    /// The text of an error for this role: the files of the store are named to those who may run SQL over them.
    fn error_text(self, error: &ReportError) -> String;

    /// Checks that this role may query with these parameters.
    ///
    /// Answers about smaller and smaller groups, or about ranges that differ by a minute, could be subtracted from each
    /// other until one crew is left. So the public queries whole days and cannot select a part.
    ///
    /// # Errors
    /// A parameter is not offered to the public.
    fn check(self, parameters: &ReportParameters) -> Result<(), Problem>;

    /// Checks that this role may use these parameters of the report's own: the public may choose among the ways to count that
    /// a header lists, but no name and no number of days, which select parts as well.
    ///
    /// # Errors
    /// A parameter is not offered to the public.
    fn check_own(self, parameters: &ReportParameters, report: &ReportHeader)
    -> Result<(), Problem>;

    /// Whether this role may read that `count` of `total` rows have a property: for the public, neither those rows nor the
    /// others may be few.
    fn may_read_count(self, count: f64, total: f64) -> bool;

    /// `Cache-Control` of responses to this role.
    fn cache_control(self) -> &'static str;
}

impl Visibility for Role {
    fn sees_all(self) -> bool {
        self.may(Right::ReadAnonymousTier)
    }

    fn require(self, right: Right) -> Result<(), Problem> {
        if self.may(right) {
            return Ok(());
        }
        let detail = match (self, right) {
            (Self::Public, _) => {
                "only reports are public on this collector; everything else requires a token"
            }
            (_, Right::ReadAccount) => {
                "the account of records requires a token with the role analyst or admin"
            }
            (_, Right::ReadAuditLog) => "the audit log requires a token with the role admin",
            (_, Right::EraseCrews) => "erasing crews requires a token with the role admin",
            (_, Right::ExportCrews) => "an export requires a token with the role analyst or admin",
            _ => {
                "the shared tier and SQL require a token with the role analyst or admin; this one is for the anonymous tier"
            }
        };
        let title = match self {
            Self::Public => "not public",
            _ => "not with this token",
        };
        Err(Problem::new(StatusCode::FORBIDDEN, title, detail))
    }

    fn may_read(self, report: &ReportHeader) -> bool {
        report.is_publishable() || self.may(Right::ReadSharedTier)
    }

    fn visible(self, report: &ReportHeader, answer: Arc<Answer>) -> Arc<Answer> {
        match self.sees_all() {
            true => answer,
            false => Arc::new(publish(report, &answer, PUBLIC_MIN_CREWS)),
        }
    }

    fn error_text(self, error: &ReportError) -> String {
        match error {
            ReportError::Unreadable(_) if !self.may(Right::RunSql) => {
                "the collector cannot read its store; its log has the reason".to_owned()
            }
            error => error.to_string(),
        }
    }

    fn check(self, parameters: &ReportParameters) -> Result<(), Problem> {
        if self.sees_all() {
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

    fn check_own(
        self,
        parameters: &ReportParameters,
        report: &ReportHeader,
    ) -> Result<(), Problem> {
        let is_choice = |name: &String| {
            let mut own = report.parameters.iter();
            own.any(|own| own.name == *name && matches!(own.kind, OwnKind::Choice { .. }))
        };
        match parameters.own.keys().find(|name| !is_choice(name)) {
            Some(name) if !self.sees_all() => Err(Problem::bad_request(
                "filter not offered",
                format!("public reports have no parameter {name}"),
            )),
            _ => Ok(()),
        }
    }

    fn may_read_count(self, count: f64, total: f64) -> bool {
        let are_few = |rows: f64| rows > 0.0 && rows < PUBLIC_MIN_CREWS as f64;
        self.sees_all() || !(are_few(count) || are_few(total - count))
    }

    fn cache_control(self) -> &'static str {
        match self {
            Self::Public => "public, max-age=300",
            _ => "private, no-cache",
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
            assert!(Role::Viewer.may_read_count(count, total));
        }
    }
}
