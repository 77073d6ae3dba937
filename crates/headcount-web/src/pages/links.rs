//! Links from an answer to its SQL and its files.

use headcount_access::Right;
use headcount_reports::{ReportHeader, ReportParameters};
use serde_json::Value;

use super::context::PageContext;

/// A link below a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) label: String,
    pub(crate) href: String,
    /// The name of the downloaded file, or empty.
    pub(crate) file: String,
}

/// The links to a report as SQL, CSV and JSON.
pub(crate) fn links(
    context: &PageContext,
    header: &ReportHeader,
    parameters: &ReportParameters,
) -> Vec<Link> {
    let query = query_of(parameters);
    let api = |format: &str| {
        let joint = if query.is_empty() { "" } else { "&" };
        format!(
            "/api/v1/reports/{}?{query}{joint}format={format}",
            header.name
        )
    };
    let link = |label: &str, href, file| Link {
        label: label.to_owned(),
        href,
        file,
    };
    let mut links = vec![
        link("CSV", api("csv"), format!("{}.csv", header.name)),
        link("JSON", api("json"), String::new()),
    ];
    if context.role.may(Right::RunSql) {
        let joint = if query.is_empty() { "" } else { "&" };
        let href = format!("/sql?report={}{joint}{query}", header.name);
        links.insert(0, link("SQL", href, String::new()));
    }
    links
}

/// The address of the SQL page with a query.
pub(crate) fn sql_address(query: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    format!("/sql?{}", pairs.append_pair("query", query).finish())
}

/// The parameters as a query string.
fn query_of(parameters: &ReportParameters) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Ok(Value::Object(fields)) = serde_json::to_value(parameters) {
        for (name, value) in fields {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    query.append_pair(&name, &text);
                }
                other => {
                    query.append_pair(&name, &other.to_string());
                }
            }
        }
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_as_a_query_string() {
        let parameters = ReportParameters {
            since: Some("2026-11-01".to_owned()),
            framework: Some("a&b".to_owned()),
            min_crews: Some(1),
            ..ReportParameters::default()
        };
        assert_eq!(
            query_of(&parameters),
            "since=2026-11-01&framework=a%26b&min_crews=1"
        );
    }
}
