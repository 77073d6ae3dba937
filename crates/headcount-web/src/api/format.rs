//! The formats of an answer, chosen by the `format` parameter or the `Accept` header.

use axum::body::Body;
use axum::response::Response;
use headcount_problem::Problem;
use headcount_reports::Answer;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

/// A format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A JSON array of objects, one per row.
    Rows,
    /// A JSON object of columns with their kinds, rows and notes, for the command line.
    Answer,
    /// RFC 4180, but lines end in `\n`.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Format {
    pub(super) const ALL: [Self; 5] = [
        Self::Rows,
        Self::Answer,
        Self::Csv,
        Self::Arrow,
        Self::Parquet,
    ];

    /// The value of the `format` parameter.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rows => "json",
            Self::Answer => "answer",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// The file name extension.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Rows | Self::Answer => "json",
            Self::Csv => "csv",
            Self::Arrow => "arrows",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type, without parameters.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Rows => "application/json",
            Self::Answer => "application/vnd.headcount.answer+json",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Parses a value of the `format` parameter.
    ///
    /// # Errors
    /// 400 for an unknown name.
    pub(super) fn parse(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Problem::bad_request("unknown format", format!("format must be one of {names}"))
        })
    }

    /// The format that a request asks for; JSON rows by default.
    ///
    /// # Errors
    /// 400 for an unknown name, 406 where `Accept` allows no format.
    pub(super) fn requested(query: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        if let Some((_, name)) = pairs.find(|(name, _)| name == "format") {
            return Self::parse(&name);
        }
        let accept = headers.get_all(ACCEPT).iter();
        let texts: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        if texts.is_empty() {
            return Ok(Self::Rows);
        }
        negotiate(&texts.join(",")).ok_or_else(|| {
            let types = Self::ALL.map(Self::media_type).join(", ");
            let detail = format!("the available media types are {types}");
            Problem::new(StatusCode::NOT_ACCEPTABLE, "not acceptable", detail)
        })
    }

    /// The answer as a response in this format. Its notes are also `headcount-note` headers.
    pub(super) fn write(self, answer: &Answer) -> Result<Response, Problem> {
        let body = self.encode(answer).map_err(|error| {
            let detail = format!("cannot encode the answer as {}: {error}", self.name());
            Problem::internal("query failed", detail)
        })?;
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        let media_type = match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_type(),
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(VARY, HeaderValue::from_static("accept"));
        for note in &answer.notes {
            if let Ok(value) = HeaderValue::from_str(note) {
                headers.append("headcount-note", value);
            }
        }
        Ok(response)
    }

    fn encode(self, answer: &Answer) -> Result<Vec<u8>, String> {
        match self {
            Self::Rows => {
                serde_json::to_vec(&answer.json_rows()).map_err(|error| error.to_string())
            }
            Self::Answer => serde_json::to_vec(answer).map_err(|error| error.to_string()),
            Self::Csv => Ok(answer.to_csv().into_bytes()),
            Self::Arrow => {
                headcount_reports::to_arrow_ipc(answer).map_err(|error| error.to_string())
            }
            Self::Parquet => {
                headcount_reports::to_parquet(answer).map_err(|error| error.to_string())
            }
        }
    }
}

/// The format that an `Accept` header prefers (RFC 9110 §12.5.1); the first of [`Format::ALL`] among equals. Parameters
/// other than `q` and malformed ranges are ignored, as old clients send both (decision 0012).
fn negotiate(accept: &str) -> Option<Format> {
    let mut best = None;
    for format in Format::ALL {
        let quality = quality_of(accept, format.media_type());
        if quality > 0.0 && best.is_none_or(|(highest, _)| quality > highest) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format)
}

/// The quality that the most specific range of `accept` gives `media_type`, from 0 to 1.
fn quality_of(accept: &str, media_type: &str) -> f32 {
    let main = media_type.split('/').next().unwrap_or_default();
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let specificity = if name == media_type {
            3
        } else if name.strip_suffix("/*") == Some(main) {
            2
        } else if name == "*/*" {
            1
        } else {
            return None;
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        Some((specificity, quality.unwrap_or(1.0).clamp(0.0, 1.0)))
    });
    let best = ranges.max_by_key(|(specificity, _)| *specificity);
    best.map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_format_is_chosen() {
        for (accept, expected) in [
            ("*/*", Some(Format::Rows)),
            ("application/json", Some(Format::Rows)),
            ("text/csv", Some(Format::Csv)),
            ("text/html, text/*;q=0.5", Some(Format::Csv)),
            (
                "application/vnd.headcount.answer+json",
                Some(Format::Answer),
            ),
            (
                "application/json;q=0.1, application/vnd.apache.parquet",
                Some(Format::Parquet),
            ),
            (
                "application/vnd.apache.arrow.stream;q=0.9, */*;q=0.1",
                Some(Format::Arrow),
            ),
            ("*/*, application/json;q=0", Some(Format::Answer)),
            ("application/json; charset=utf-8", Some(Format::Rows)),
            ("text/csv, nonsense", Some(Format::Csv)),
            ("text/html", None),
            ("", None),
        ] {
            assert_eq!(negotiate(accept), expected, "{accept}");
        }
    }

    #[test]
    fn the_format_parameter_overrides_accept() {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/csv"))]);
        assert_eq!(
            Format::requested("format=json", &headers).unwrap(),
            Format::Rows
        );
        assert_eq!(
            Format::requested("since=7d", &headers).unwrap(),
            Format::Csv
        );
        assert!(Format::requested("format=xml", &headers).is_err());
    }
}
