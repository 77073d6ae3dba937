//! `version_key(release)`: a text that sorts as releases do, not as their text does: `1.9.0` before `1.10.0`, and
//! `1.10.0rc1` before `1.10.0`. Null for null.
//!
//! It reads both PEP 440 (`1.2rc1`, `1.2.post1`, `1!2.0`) and Semantic Versioning (`1.2.0-rc.1`). What is neither sorts before
//! all releases, by its text. Keys are for comparing, not for showing.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The SQL function of this module.
pub(crate) fn version_key() -> ScalarUDF {
    ScalarUDF::from(VersionKey {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct VersionKey {
    signature: Signature,
}

impl ScalarUDFImpl for VersionKey {
    fn name(&self) -> &'static str {
        "version_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let releases = cast(&arrays[0], &DataType::Utf8View)?;
        let keys = releases.as_string_view().iter();
        let keys: StringViewArray = keys.map(|release| release.map(key_of)).collect();
        let keys: ArrayRef = Arc::new(keys);
        Ok(ColumnarValue::Array(keys))
    }
}

/// What ends the numbers of a release: it sorts before any further number.
const END: char = '!';

/// A key: the epoch, the numbers without zeros at the end, then the stage of the release.
///
/// | stage | sorts as |
/// |---|---|
/// | `.dev1` | `0` |
/// | a pre-release of another name | `0`, its name |
/// | `a1`, `b1`, `rc1` | `1`, `2`, `3`, its number |
/// | the release | `4` |
/// | `.post1` | `5`, its number |
///
/// A development release of such a stage sorts before it.
fn key_of(release: &str) -> String {
    let text = release.trim().to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    // The local label, and what Semantic Versioning calls build metadata, order nothing.
    let text = text.split('+').next().unwrap_or_default();
    let (epoch, text) = match text.split_once('!') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        _ => ("0", text),
    };
    let (numbers, stage) = split_numbers(text);
    if numbers.is_empty() {
        return format!(" {release}");
    }
    let mut key = number_key(epoch);
    for number in without_zeros(&numbers) {
        key.push_str(&number_key(number));
    }
    key.push(END);
    key.push_str(&stage_key(stage));
    key
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The numbers between dots at the beginning, and the rest.
fn split_numbers(text: &str) -> (Vec<&str>, &str) {
    let mut numbers = Vec::new();
    let mut rest = text;
    loop {
        let length = rest
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(rest.len());
        if length == 0 {
            return (numbers, rest);
        }
        numbers.push(&rest[..length]);
        rest = &rest[length..];
        match rest.strip_prefix('.') {
            Some(after) if after.starts_with(|letter: char| letter.is_ascii_digit()) => {
                rest = after
            }
            _ => return (numbers, rest),
        }
    }
}

/// `1.2` and `1.2.0` are one release.
fn without_zeros<'a>(numbers: &'a [&'a str]) -> &'a [&'a str] {
    let is_zero = |number: &&str| number.bytes().all(|byte| byte == b'0');
    let kept = numbers.iter().rposition(|number| !is_zero(number));
    &numbers[..kept.map_or(0, |last| last + 1)]
}

/// A number of any length that sorts as text: the letter says how many digits follow.
fn number_key(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    let length = u8::try_from(digits.len()).unwrap_or(u8::MAX).min(25);
    format!("{}{digits}", char::from(b'a' + length))
}

fn stage_key(text: &str) -> String {
    let text = text.trim_start_matches(['.', '-', '_']);
    let (before_dev, development) = match text.find("dev") {
        Some(at) => (&text[..at], Some(&text[at + 3..])),
        None => (text, None),
    };
    let before_dev = before_dev.trim_end_matches(['.', '-', '_']);
    if before_dev.is_empty() && development.is_some() {
        return format!(
            "0{}",
            number_key(digits_of(development.unwrap_or_default()))
        );
    }
    let stages = [
        ("alpha", '1'),
        ("beta", '2'),
        ("preview", '3'),
        ("pre", '3'),
        ("rc", '3'),
        ("post", '5'),
        ("rev", '5'),
        ("a", '1'),
        ("b", '2'),
        ("c", '3'),
        ("r", '5'),
    ];
    let known = stages.iter().find_map(|(name, rank)| {
        let after = before_dev.strip_prefix(name)?;
        // Another word may begin with the same letter.
        (!after.starts_with(|letter: char| letter.is_ascii_alphabetic())).then_some((*rank, after))
    });
    let mut key = match (before_dev, known) {
        ("", _) => "4".to_owned(),
        (_, Some((rank, after))) => format!("{rank}{}", number_key(digits_of(after))),
        // 1.2-1 is PEP 440's older form of 1.2.post1.
        (number, None) if is_number(number) => format!("5{}", number_key(number)),
        (name, None) => format!("0~{name}"),
    };
    match development {
        Some(number) => {
            key.push('0');
            key.push_str(&number_key(digits_of(number)));
        }
        None => key.push('1'),
    }
    key
}

/// The first digits of `text`, after what separates them.
fn digits_of(text: &str) -> &str {
    let text = text.trim_start_matches(['.', '-', '_']);
    let length = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_releases_do() {
        let in_order = [
            "nightly",
            "0.9",
            "0.10.0",
            "1.2.dev1",
            "1.2a1.dev2",
            "1.2a1",
            "1.2-alpha.2",
            "1.2b1",
            "1.2.0-rc.1",
            "1.2rc2",
            "1.2rc10",
            "1.2",
            "1.2.post1",
            "1.2.1",
            "1.9.0",
            "1.10.0rc1",
            "1.10.0",
            "1.15.9",
            "1.15.30",
            "2.0",
            "10.0.0",
            "1!0.1",
        ];
        let keys: Vec<String> = in_order.iter().map(|release| key_of(release)).collect();
        for (pair, names) in keys.windows(2).zip(in_order.windows(2)) {
            assert!(pair[0] < pair[1], "{names:?}: {pair:?}");
        }
    }

    #[test]
    fn spellings_of_one_release_have_one_key() {
        for (one, other) in [
            ("1.2", "1.2.0"),
            ("1.2.0", "v1.2.0"),
            ("1.2rc1", "1.2.0-rc.1"),
            ("1.2.0+local", "1.2.0"),
            ("1.2-1", "1.2.post1"),
            ("01.2", "1.2"),
        ] {
            assert_eq!(key_of(one), key_of(other), "{one} {other}");
        }
    }

    #[test]
    fn nothing_that_is_stored_fails() {
        for text in [
            "",
            ".",
            "!",
            "1..2",
            "1.",
            "v",
            "1!",
            "99999999999999999999999999999999.1",
            "é1",
        ] {
            let _ = key_of(text);
        }
    }
}
