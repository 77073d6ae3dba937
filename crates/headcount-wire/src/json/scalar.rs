//! Single values, as the OTLP/JSON encoding and protobuf's JSON mapping write them.

use std::borrow::Cow;

use super::lexer::{Kind, Lexer, Problem, number_length};

/// Doubles hold every integer up to here.
const LARGEST_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A number, or a string that holds one.
fn number_text<'a>(lexer: &mut Lexer<'a>) -> Result<Cow<'a, str>, Problem> {
    if lexer.kind()? == Kind::String {
        lexer.string()
    } else {
        lexer.number().map(Cow::Borrowed)
    }
}

/// An integer. `1e3` and `5.0` are integers too: JavaScript writes them.
fn integer<T: std::str::FromStr>(
    lexer: &mut Lexer<'_>,
    narrow: impl FnOnce(i64) -> Option<T>,
) -> Result<T, Problem> {
    let text = number_text(lexer)?;
    if number_length(text.as_bytes()) != Some(text.len()) {
        return Err(lexer.problem("expected an integer"));
    }
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    text.parse()
        .ok()
        .filter(|value: &f64| value.fract() == 0.0 && value.abs() <= LARGEST_EXACT_INTEGER)
        .and_then(|value| narrow(value as i64))
        .ok_or_else(|| lexer.problem("expected an integer within the range of its type"))
}

pub(super) fn signed(lexer: &mut Lexer<'_>) -> Result<i64, Problem> {
    integer(lexer, Some)
}

pub(super) fn unsigned(lexer: &mut Lexer<'_>) -> Result<u64, Problem> {
    integer(lexer, |value| value.try_into().ok())
}

pub(super) fn double(lexer: &mut Lexer<'_>) -> Result<f64, Problem> {
    let text = number_text(lexer)?;
    let value = match &*text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => Some(&text)
            .filter(|text| number_length(text.as_bytes()) == Some(text.len()))
            .and_then(|text| text.parse().ok())
            .filter(|value: &f64| value.is_finite())
            .ok_or_else(|| lexer.problem("expected a number within the range of a double"))?,
    };
    Ok(value)
}

/// `Status.code`, by number or by name.
pub(super) fn status_code(lexer: &mut Lexer<'_>) -> Result<i32, Problem> {
    if lexer.kind()? == Kind::String {
        let mut ahead = lexer.clone();
        let code = match &*ahead.string()? {
            "STATUS_CODE_UNSET" => Some(0),
            "STATUS_CODE_OK" => Some(1),
            "STATUS_CODE_ERROR" => Some(2),
            _ => None,
        };
        if let Some(code) = code {
            *lexer = ahead;
            return Ok(code);
        }
    }
    integer(lexer, |value| value.try_into().ok())
}

/// An id: hex digits of any case (OTLP departs from protobuf's base64 here).
pub(super) fn hex(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, Problem> {
    let text = lexer.string()?;
    let digits = text.as_bytes();
    // Longer ids are refused by the reader; there is no need to write them.
    if digits.len() % 2 != 0 || digits.len() > 64 {
        return Err(lexer.problem("an id has the wrong length"));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
        .collect::<Option<_>>()
        .ok_or_else(|| lexer.problem("expected hex digits"))
}

pub(super) fn bytes(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, Problem> {
    let text = lexer.string()?;
    super::base64::decode(&text).ok_or_else(|| lexer.problem("expected base64"))
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
            assert_eq!(signed(&mut Lexer::new(text)).ok(), value, "{text}");
        }
        assert_eq!(
            unsigned(&mut Lexer::new("\"18446744073709551615\"")),
            Ok(u64::MAX)
        );
        assert!(unsigned(&mut Lexer::new("-1")).is_err());
        assert!(unsigned(&mut Lexer::new("-1.0")).is_err());
    }

    #[test]
    fn doubles_have_names_for_what_json_cannot_write() {
        assert!(double(&mut Lexer::new("\"NaN\"")).unwrap().is_nan());
        assert_eq!(double(&mut Lexer::new("\"Infinity\"")), Ok(f64::INFINITY));
        assert_eq!(
            double(&mut Lexer::new("\"-Infinity\"")),
            Ok(f64::NEG_INFINITY)
        );
        assert_eq!(double(&mut Lexer::new("\"1.5e2\"")), Ok(150.0));
        for text in ["1e999", "\"inf\"", "\"nan\"", "\"infinity\"", "true", "{}"] {
            assert!(double(&mut Lexer::new(text)).is_err(), "{text}");
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
            assert_eq!(status_code(&mut Lexer::new(text)).ok(), code, "{text}");
        }
    }

    #[test]
    fn ids_are_hex_of_any_case() {
        assert_eq!(hex(&mut Lexer::new("\"00aAFf\"")), Ok(vec![0, 0xaa, 0xff]));
        for text in ["\"0\"", "\"0g\"", "\"é\"", "5"] {
            assert!(hex(&mut Lexer::new(text)).is_err(), "{text}");
        }
    }
}
