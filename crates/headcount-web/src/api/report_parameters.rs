//! Report parameters in a query string.

use headcount_problem::Problem;
use headcount_reports::ReportParameters;
use serde_json::Value;

use crate::role::{Role, Visibility as _};

/// Parses the parameters; `format` is not one of them.
///
/// # Errors
/// A parameter is unknown or invalid, or `role` may not use it.
pub(super) fn parse(query: &str, role: Role) -> Result<ReportParameters, Problem> {
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
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_rejected() {
        let query = "since=7d&min_crews=1&by=week&format=csv";
        assert!(parse(query, Role::Viewer).is_ok());
        for query in ["sincee=7d", "since=7d&since=8d", "min_crews=-1"] {
            assert!(parse(query, Role::Viewer).is_err(), "{query}");
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
        ] {
            assert!(parse(query, Role::Public).is_err(), "{query}");
        }
        let query = "since=2026-11-01&by=week";
        assert!(parse(query, Role::Public).is_ok());
    }
}
