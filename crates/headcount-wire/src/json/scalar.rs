//! Scalar values of OTLP/JSON and protobuf's JSON mapping.

use std::borrow::Cow;
use std::str::FromStr;

use super::strict::{Kind, Problem, StrictReader, number_length};
use crate::hex;

/// A number, or a string with a number.
fn number_text<'a>(reader: &mut StrictReader<'a>) -> Result<Cow<'a, str>, Problem> {
    if reader.kind()? == Kind::String {
        reader.string()
    } else {
        reader.number().map(Cow::Borrowed)
    }
}

/// An integer. `1e3` and `5.0` are integers too: JavaScript and Python write them.
fn integer<T: FromStr + TryFrom<i128>>(reader: &mut StrictReader<'_>) -> Result<T, Problem> {
    let text = number_text(reader)?;
    if number_length(text.as_bytes()) != Some(text.len()) {
        return Err(reader.problem("expected an integer"));
    }
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    exact_integer(&text)
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| reader.problem("expected an integer within the range of its type"))
}

/// The integer that a JSON number with a fraction or an exponent stands for; `None` if it is none, or has more than 38
/// digits.
fn exact_integer(number: &str) -> Option<i128> {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let shift = exponent.parse::<i64>().ok()?.checked_add(dropped)?;
    let zeros = usize::try_from(shift.checked_sub(i64::try_from(fraction.len()).ok()?)?).ok()?;
    let significant = significant.trim_start_matches('0');
    if significant.len().checked_add(zeros)? > 38 {
        return None;
    }
    let value: i128 = format!("{significant}{}", "0".repeat(zeros)).parse().ok()?;
    Some(if number.starts_with('-') {
        -value
    } else {
        value
    })
}

pub(super) fn signed(reader: &mut StrictReader<'_>) -> Result<i64, Problem> {
    integer(reader)
}

pub(super) fn unsigned(reader: &mut StrictReader<'_>) -> Result<u64, Problem> {
    integer(reader)
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

/// `Status.code`: a number, or its name, also without the prefix and in any case. `None` for an unknown name.
pub(super) fn status_code(reader: &mut StrictReader<'_>) -> Result<Option<i32>, Problem> {
    if reader.kind()? != Kind::String {
        return integer(reader).map(Some);
    }
    let name = reader.string()?.to_ascii_uppercase();
    Ok(match name.strip_prefix("STATUS_CODE_").unwrap_or(&name) {
        "UNSET" => Some(0),
        "OK" => Some(1),
        "ERROR" => Some(2),
        other => other.parse().ok(),
    })
}

/// An id: hex digits of any case (OTLP departs from protobuf's base64 here).
pub(super) fn id(reader: &mut StrictReader<'_>) -> Result<Vec<u8>, Problem> {
    let text = reader.string()?;
    let digits = text.as_bytes();
    // The protobuf reader rejects longer ids; there is no need to write them.
    if !digits.len().is_multiple_of(2) || digits.len() > 64 {
        return Err(reader.problem("an id has the wrong length"));
    }
    let mut bytes = vec![0; digits.len() / 2];
    hex::decode_into(digits, &mut bytes).ok_or_else(|| reader.problem("expected hex digits"))?;
    Ok(bytes)
}

/// The bytes of an id's hex digits; `None` if they are no id's.
pub(super) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 64 {
        return None;
    }
    let mut bytes = vec![0; digits.len() / 2];
    hex::decode_into(digits, &mut bytes).map(|_| bytes)
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
            ("1e99999999999999999999", None),
            ("9.223372036854775807e18", Some(i64::MAX)),
            ("9.223372036854775808e18", None),
            ("-120e-1", Some(-12)),
            ("12e-2", None),
            ("0e99", Some(0)),
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
        assert_eq!(
            unsigned(&mut StrictReader::new("1.7332e+18")),
            Ok(1_733_200_000_000_000_000)
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
            ("2", Some(Some(2))),
            ("2.0", Some(Some(2))),
            ("\"STATUS_CODE_OK\"", Some(Some(1))),
            ("\"2\"", Some(Some(2))),
            ("-7", Some(Some(-7))),
            ("\"OK\"", Some(Some(1))),
            ("\"Error\"", Some(Some(2))),
            ("\"status_code_error\"", Some(Some(2))),
            ("\"unset\"", Some(Some(0))),
            ("\"FINE\"", Some(None)),
            ("\"\"", Some(None)),
            ("4294967296", None),
            ("true", None),
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
