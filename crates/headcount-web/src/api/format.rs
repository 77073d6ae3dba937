//! How an answer is written: `format=` in the address, or the `Accept` header.

use axum::body::Body;
use axum::response::Response;
use headcount_reports::Answer;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::problem::Problem;

/// A form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An array of objects with the columns' names.
    Rows,
    /// An object of columns with their kinds, rows and notes; the command line asks for it.
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

    /// The word for it in an address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rows => "json",
            Self::Answer => "answer",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// How the name of a file of it ends.
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

    /// The form that is called `name`.
    pub(super) fn named(name: &str) -> Result<Self, Problem> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Problem::bad("unknown format", format!("format is one of {names}"))
        })
    }

    /// The form that a request asks for; JSON rows where it does not care.
    pub(super) fn of(query: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        if let Some((_, name)) = pairs.find(|(name, _)| name == "format") {
            return Self::named(&name);
        }
        let accept = headers.get_all(ACCEPT).iter();
        let texts: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        if texts.is_empty() {
            return Ok(Self::Rows);
        }
        accepted(&texts.join(",")).ok_or_else(|| {
            let types = Self::ALL.map(Self::media_type).join(", ");
            let detail = format!("answers are {types}");
            Problem::new(StatusCode::NOT_ACCEPTABLE, "no such form", detail)
        })
    }

    /// `answer` in this form. Its notes travel as `headcount-note` headers as well.
    pub(super) fn write(self, answer: &Answer) -> Result<Response, Problem> {
        let body = self.encode(answer).map_err(|error| {
            let detail = format!("the answer cannot be written as {}: {error}", self.name());
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "there is no answer", detail)
        })?;
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        let media_type = match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_type(),
        };
        let _none = headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        let _none = headers.insert(VARY, HeaderValue::from_static("accept"));
        for note in &answer.notes {
            if let Ok(value) = HeaderValue::from_str(note) {
                let _first = headers.append("headcount-note", value);
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

/// The form that an `Accept` header prefers (RFC 9110 §12.5.1); of equals the first of [`Format::ALL`].
fn accepted(accept: &str) -> Option<Format> {
    let mut best = None;
    for format in Format::ALL {
        let weight = weight_in(accept, format.media_type());
        if weight > 0.0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format)
}

/// What the most precise range of `accept` gives `media_type`, from 0 to 1.
fn weight_in(accept: &str, media_type: &str) -> f32 {
    let main = media_type.split('/').next().unwrap_or_default();
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let precision = if name == media_type {
            3
        } else if name.strip_suffix("/*") == Some(main) {
            2
        } else if name == "*/*" {
            1
        } else {
            return None;
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        Some((precision, weight.unwrap_or(1.0).clamp(0.0, 1.0)))
    });
    let best = ranges.max_by_key(|(precision, _)| *precision);
    best.map_or(0.0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_preferred_is_written() {
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
            ("text/html", None),
            ("", None),
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_name_in_the_address_wins() {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/csv"))]);
        assert_eq!(Format::of("format=json", &headers).unwrap(), Format::Rows);
        assert_eq!(Format::of("since=7d", &headers).unwrap(), Format::Csv);
        assert!(Format::of("format=xml", &headers).is_err());
    }
}
