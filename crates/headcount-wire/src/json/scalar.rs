//! Scalar values of OTLP/JSON and protobuf's JSON mapping.

use std::borrow::Cow;

use super::strict::{Kind, Problem, StrictReader, number_length};
use crate::hex;

/// Doubles represent every integer up to here.
const LARGEST_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A number, or a string with a number.
fn number_text<'a>(reader: &mut StrictReader<'a>) -> Result<Cow<'a, str>, Problem> {
    if reader.kind()? == Kind::String {
        reader.string()
    } else {
        reader.number().map(Cow::Borrowed)
    }
}

/// An integer. `1e3` and `5.0` are integers too: JavaScript writes them.
fn integer<T: std::str::FromStr>(
    reader: &mut StrictReader<'_>,
    narrow: impl FnOnce(i64) -> Option<T>,
) -> Result<T, Problem> {
    let text = number_text(reader)?;
    if number_length(text.as_bytes()) != Some(text.len()) {
        return Err(reader.problem("expected an integer"));
    }
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    text.parse()
        .ok()
        .filter(|value: &f64| value.fract() == 0.0 && value.abs() <= LARGEST_EXACT_INTEGER)
        .and_then(|value| narrow(value as i64))
        .ok_or_else(|| reader.problem("expected an integer within the range of its type"))
}

pub(super) fn signed(reader: &mut StrictReader<'_>) -> Result<i64, Problem> {
    integer(reader, Some)
}

pub(super) fn unsigned(reader: &mut StrictReader<'_>) -> Result<u64, Problem> {
    integer(reader, |value| value.try_into().ok())
}

pub(super) fn double(reader: &mut StrictReader<'_>) -> Result<f64, Problem> {
    let text = number_text(reader)?;
    let value = match &*text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => Some(&text)
            .filter(|text| number_length(text.as_bytes()) == Some(text.len()))
            .and_then(|text| text.parse().ok())
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| reader.problem("expected a number within the range of a double"))?,
    };
    Ok(value)
}

/// `Status.code`, by number or by name.
pub(super) fn status_code(reader: &mut StrictReader<'_>) -> Result<i32, Problem> {
    if reader.kind()? == Kind::String {
        let mut ahead = reader.clone();
        let code = match &*ahead.string()? {
            "STATUS_CODE_UNSET" => Some(0),
            "STATUS_CODE_OK" => Some(1),
            "STATUS_CODE_ERROR" => Some(2),
            _ => None,
        };
        if let Some(code) = code {
            *reader = ahead;
            return Ok(code);
        }
    }
    integer(reader, |value| value.try_into().ok())
}

/// An id: hex digits of any case (OTLP departs from protobuf's base64 here).
pub(super) fn id(reader: &mut StrictReader<'_>) -> Result<Vec<u8>, Problem> {
    let text = reader.string()?;
    let digits = text.as_bytes();
    // The protobuf reader rejects longer ids; there is no need to write them.
    if digits.len() % 2 != 0 || digits.len() > 64 {
        return Err(reader.problem("an id has the wrong length"));
    }
    let mut bytes = vec![0; digits.len() / 2];
    hex::decode_into(digits, &mut bytes).ok_or_else(|| reader.problem("expected hex digits"))?;
    Ok(bytes)
}

pub(super) fn bytes(reader: &mut StrictReader<'_>) -> Result<Vec<u8>, Problem> {
    let text = reader.string()?;
    super::base64::decode(&text).ok_or_else(|| reader.problem("expected base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_numbers_or_strings_within_their_range() {
        for (text, value) in [
            ("5", Some(5)),
            ("\"-5\"", Some(-5)),
            ("\"9223372036854775807\"", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("5.0", Some(5)),
            ("1e3", Some(1_000)),
            ("1.5", None),
            ("1e300", None),
            ("\"\"", None),
            ("\"+5\"", None),
            ("\" 5\"", None),
            ("\"inf\"", None),
            ("true", None),
            ("[]", None),
        ] {
            assert_eq!(signed(&mut StrictReader::new(text)).ok(), value, "{text}");
        }
        assert_eq!(
            unsigned(&mut StrictReader::new("\"18446744073709551615\"")),
            Ok(u64::MAX)
        );
        assert!(unsigned(&mut StrictReader::new("-1")).is_err());
        assert!(unsigned(&mut StrictReader::new("-1.0")).is_err());
    }

    #[test]
    fn doubles_have_names_for_what_json_cannot_write() {
        assert!(double(&mut StrictReader::new("\"NaN\"")).unwrap().is_nan());
        assert_eq!(
            double(&mut StrictReader::new("\"Infinity\"")),
            Ok(f64::INFINITY)
        );
        assert_eq!(
            double(&mut StrictReader::new("\"-Infinity\"")),
            Ok(f64::NEG_INFINITY)
        );
        assert_eq!(double(&mut StrictReader::new("\"1.5e2\"")), Ok(150.0));
        for text in ["1e999", "\"inf\"", "\"nan\"", "\"infinity\"", "true", "{}"] {
            assert!(double(&mut StrictReader::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn status_codes_have_numbers_and_names() {
        for (text, code) in [
            ("2", Some(2)),
            ("\"STATUS_CODE_OK\"", Some(1)),
            ("\"2\"", Some(2)),
            ("-7", Some(-7)),
            ("\"OK\"", None),
            ("4294967296", None),
        ] {
            assert_eq!(
                status_code(&mut StrictReader::new(text)).ok(),
                code,
                "{text}"
            );
        }
    }

    #[test]
    fn ids_are_hex_of_any_case() {
        assert_eq!(
            id(&mut StrictReader::new("\"00aAFf\"")),
            Ok(vec![0, 0xaa, 0xff])
        );
        for text in ["\"0\"", "\"0g\"", "\"é\"", "5"] {
            assert!(id(&mut StrictReader::new(text)).is_err(), "{text}");
        }
    }
}
