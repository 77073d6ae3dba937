//! Report parameters in a query string.

use headcount_problem::Problem;
use headcount_reports::{ReportHeader, ReportParameters};
use serde_json::Value;

use crate::problem::report_problem;
use crate::role::{Role, Visibility as _};

/// Parses the parameters of `report`; `format` is not one of them.
///
/// # Errors
/// A parameter is unknown or invalid, or `role` may not use it.
pub(super) fn parse(
    query: &str,
    report: &ReportHeader,
    role: Role,
) -> Result<ReportParameters, Problem> {
    let mut fields = serde_json::Map::new();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    for (name, text) in pairs.filter(|(name, _)| name != "format") {
        let value = match (name.as_ref(), text.parse::<u64>()) {
            ("min_crews", Ok(number)) => Value::from(number),
            _ => Value::from(text.into_owned()),
        };
        if fields.insert(name.to_string(), value).is_some() {
            let detail = format!("{name:?} is given twice");
            return Err(Problem::bad_request("invalid parameter", detail));
        }
    }
    let parameters: ReportParameters = serde_json::from_value(Value::Object(fields))
        .map_err(|error| Problem::bad_request("invalid parameter", error.to_string()))?;
    role.check(&parameters)?;
    let checked = parameters.check(report);
    checked.map_err(|error| report_problem(&error, role))?;
    role.check_own(&parameters, report)?;
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use headcount_reports::find_report;
    use http::StatusCode;

    use super::*;

    #[test]
    fn an_unknown_parameter_is_rejected() {
        let report = find_report("removal").unwrap();
        let query = "since=7d&min_crews=1&format=csv&dimension=model&unused_for=30d";
        assert!(parse(query, report, Role::Viewer).is_ok());
        for query in [
            "sincee=7d",
            "since=7d&since=8d",
            "min_crews=-1",
            "dimension=role",
            "weeks=3",
            "unused_for=0",
            "by=week",
        ] {
            let refused = parse(query, report, Role::Viewer).unwrap_err();
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        }
    }

    #[test]
    fn the_public_queries_whole_days_and_no_part() {
        for query in [
            "since=7d",
            "since=2026-11-01T08:00:00Z",
            "framework=crewai",
            "version=1.*",
            "min_crews=1",
            "environment=x:y",
            "value=search",
            "unused_for=91",
        ] {
            let report = find_report("removal").unwrap();
            assert!(parse(query, report, Role::Public).is_err(), "{query}");
        }
        let query = "since=2026-11-01&dimension=model";
        let report = find_report("removal").unwrap();
        assert!(parse(query, report, Role::Public).is_ok());
    }
}
