//! Which crews a request is about: the body of an order to erase, and of an export.

use std::time::Duration;

use axum::extract::Request;
use headcount_lake::CrewSelection;
use headcount_problem::Problem;
use headcount_reports::ExportFormat;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use crate::request_body::read_body;

/// The body of both requests. A word that is not known is refused: with `dry-run` instead of `dry_run` a request to count would erase.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CrewRequest {
    crew_keys: Vec<String>,
    crew_ids: Vec<String>,
    projects: Vec<String>,
    /// Of an order to erase: whether to count the rows only.
    dry_run: Option<bool>,
    /// Of an export: the form of the answer.
    format: Option<String>,
}

impl CrewRequest {
    /// Reads the JSON body of `request`.
    ///
    /// # Errors
    /// The body is late, too large, of another type or form. Nothing of it is repeated.
    pub(super) async fn read(request: Request, timeout: Duration) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(HeaderValue::as_bytes);
        if !content_type.is_some_and(|value| value.starts_with(b"application/json")) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = "send application/json";
            return Err(Problem::new(status, "unsupported media type", detail));
        }
        let bytes = read_body(request, timeout).await?;
        serde_json::from_slice(&bytes).map_err(|_| {
            invalid(
                "expected {\"crew_keys\": [\"16 hexadecimal digits\", …], \"crew_ids\": […], \"projects\": […]}; \
                 beside these, an order to erase may have \"dry_run\": true, and an export \"format\"",
            )
        })
    }

    /// The crews to erase, and whether to count their rows only.
    ///
    /// # Errors
    /// 400 where the body names nothing, too much, a value that cannot be stored, or what only an export has.
    pub(super) fn for_erasure(self) -> Result<(CrewSelection, bool), Problem> {
        if self.format.is_some() {
            return Err(invalid(
                "\"format\" is for exports; give the format of an answer as ?format= or Accept",
            ));
        }
        let is_dry_run = self.dry_run.unwrap_or(false);
        Ok((self.selection()?, is_dry_run))
    }

    /// The crews to export, and the format.
    ///
    /// # Errors
    /// 400 where the body names nothing, too much, a value that cannot be stored, no known format, or what only an erasure has.
    pub(super) fn for_export(self) -> Result<(CrewSelection, ExportFormat), Problem> {
        if self.dry_run.is_some() {
            return Err(invalid("\"dry_run\" is for orders to erase"));
        }
        let format = match &self.format {
            None => ExportFormat::default(),
            Some(name) => name
                .parse()
                .map_err(|detail: String| Problem::bad_request("unknown format", detail))?,
        };
        Ok((self.selection()?, format))
    }

    fn selection(self) -> Result<CrewSelection, Problem> {
        let selection = CrewSelection {
            crew_keys: self.crew_keys,
            crew_ids: self.crew_ids,
            projects: self.projects,
        };
        let checked = selection.checked();
        checked.map_err(|error| invalid(&error.to_string()))
    }
}

fn invalid(detail: &str) -> Problem {
    Problem::bad_request("invalid selection", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> CrewRequest {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_request_refuses_what_belongs_to_the_other() {
        let key = "\"crew_keys\": [\"5d41a2c8e0b7f319\"]";
        let with = |more: &str| parsed(&format!("{{{key}{more}}}"));
        assert!(!with("").for_erasure().unwrap().1);
        assert!(with(", \"dry_run\": true").for_erasure().unwrap().1);
        assert!(with(", \"format\": \"json\"").for_erasure().is_err());
        let exported = with(", \"format\": \"json\"").for_export().unwrap();
        assert_eq!(exported.1, ExportFormat::Json);
        assert!(with(", \"dry_run\": false").for_export().is_err());
        assert!(with(", \"format\": \"xml\"").for_export().is_err());
        assert!(parsed("{}").for_erasure().is_err(), "nobody is named");
    }
}
