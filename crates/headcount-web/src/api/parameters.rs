//! The parameters of a report in an address's query.

use headcount_reports::{DEFAULT_MIN_CREWS, ReportParameters};
use serde_json::Value;

use crate::access::Reader;
use crate::filters::NOT_SINGLED_OUT;
use crate::problem::Problem;

/// Counts of fewer crews are not published.
pub(crate) const PUBLIC_MIN_CREWS: u64 = DEFAULT_MIN_CREWS;

/// Reads the parameters; `format` is not one of them.
///
/// # Errors
/// A parameter is not known, cannot be read, or is not for this reader.
pub(super) fn read(query: &str, reader: Reader) -> Result<ReportParameters, Problem> {
    let mut fields = serde_json::Map::new();
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    for (name, value) in pairs.filter(|(name, _)| name != "format") {
        let value = match (name.as_ref(), value.parse::<u64>()) {
            ("min_crews", Ok(number)) => Value::from(number),
            _ => Value::from(value.into_owned()),
        };
        if fields.insert(name.to_string(), value).is_some() {
            let detail = format!("{name:?} is given twice");
            return Err(Problem::bad("a parameter cannot be read", detail));
        }
    }
    let parameters: ReportParameters = serde_json::from_value(Value::Object(fields))
        .map_err(|error| Problem::bad("a parameter cannot be read", error.to_string()))?;
    if reader == Reader::Public {
        check_public(&parameters)?;
    }
    Ok(parameters)
}

/// What the public may ask: answers about ever smaller groups, or about spans that differ by a minute, could be
/// subtracted from each other until one crew is left.
fn check_public(parameters: &ReportParameters) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::bad("a parameter is not offered", detail));
    let singled_out = [
        &parameters.framework,
        &parameters.version,
        &parameters.environment,
    ];
    if singled_out.into_iter().any(Option::is_some) {
        return refuse(NOT_SINGLED_OUT);
    }
    let is_low = |crews: u64| crews < PUBLIC_MIN_CREWS;
    if parameters.min_crews.is_some_and(is_low) {
        return refuse("min_crews cannot be lowered here");
    }
    let is_day =
        |text: &String| text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
    let moments = [&parameters.since, &parameters.until];
    if moments.into_iter().flatten().any(|text| !is_day(text)) {
        return refuse("since and until are whole days here, as 2026-11-01");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_refused() {
        let query = "since=7d&min_crews=1&by=week&format=csv";
        assert!(read(query, Reader::Owner).is_ok());
        for query in ["sincee=7d", "since=7d&since=8d", "min_crews=-1"] {
            assert!(read(query, Reader::Owner).is_err(), "{query}");
        }
    }

    #[test]
    fn the_public_asks_for_whole_days_and_no_part() {
        for query in [
            "since=7d",
            "since=2026-11-01T08:00:00Z",
            "framework=crewai",
            "version=1.*",
            "min_crews=1",
            "environment=x:y",
        ] {
            assert!(read(query, Reader::Public).is_err(), "{query}");
        }
        let query = "since=2026-11-01&by=week";
        assert!(read(query, Reader::Public).is_ok());
    }
}
