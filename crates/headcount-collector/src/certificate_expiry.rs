//! When a certificate ends: the field `notAfter` of X.509 (RFC 5280 §4.1). Nothing else of a certificate is read here, and nothing is
//! trusted because of it: rustls has judged the certificate.

use chrono::{Datelike as _, NaiveDateTime};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The version, which older certificates leave out.
const EXPLICIT_0: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Seconds since 1970 UTC of the certificate's end; `None` if that cannot be read.
pub(crate) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if let Some((_, after)) = element(rest, EXPLICIT_0) {
        rest = after;
    }
    // Serial number, signature algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = element(rest, tag)?;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let not_before = element(validity, UTC_TIME).or_else(|| element(validity, GENERALIZED_TIME));
    let (_, end) = not_before?;
    match element(end, UTC_TIME) {
        Some((text, _)) => utc_time(text),
        None => seconds(element(end, GENERALIZED_TIME)?.0, "%Y%m%d%H%M%SZ"),
    }
}

/// A time with two digits of the year, which is one from 1950 to 2049 (RFC 5280 §4.1.2.5.1).
fn utc_time(text: &[u8]) -> Option<i64> {
    let century: &[u8] = match text.first()? {
        b'0'..=b'4' => b"20",
        _ => b"19",
    };
    seconds(&[century, text].concat(), "%Y%m%d%H%M%SZ")
}

fn seconds(text: &[u8], format: &str) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let time = NaiveDateTime::parse_from_str(text, format).ok()?;
    (time.year() >= 1950).then(|| time.and_utc().timestamp())
}

/// The content of the DER element at the beginning of `bytes` if it has the tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // So many bytes hold the length; none of them would be an indefinite one, which DER forbids.
        let digits = usize::from(first & 0x7f);
        let (digits, rest) = rest.split_at_checked(digits)?;
        if !(1..=4).contains(&digits.len()) {
            return None;
        }
        let length = digits
            .iter()
            .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        (length, rest)
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("short").to_be_bytes();
        let mut bytes = vec![tag, 0x82, length[0], length[1]];
        bytes.extend_from_slice(content);
        bytes
    }

    fn certificate(with_version: bool, not_after: &[u8]) -> Vec<u8> {
        let times = [der(UTC_TIME, b"250101000000Z"), not_after.to_vec()].concat();
        let version = der(EXPLICIT_0, &der(INTEGER, &[2]));
        let fields = [
            if with_version { version } else { Vec::new() },
            der(INTEGER, &[1; 16]),
            der(SEQUENCE, b"algorithm"),
            der(SEQUENCE, &[7; 300]),
            der(SEQUENCE, &times),
            der(SEQUENCE, b"subject"),
        ];
        der(SEQUENCE, &der(SEQUENCE, &fields.concat()))
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_time() {
        let utc = der(UTC_TIME, b"491231235959Z");
        for with_version in [false, true] {
            let end = not_after(&certificate(with_version, &utc));
            assert_eq!(end, Some(2_524_607_999));
        }
        let last_century = der(UTC_TIME, b"700101000001Z");
        assert_eq!(not_after(&certificate(true, &last_century)), Some(1));
        let later = der(GENERALIZED_TIME, b"20500101000000Z");
        assert_eq!(not_after(&certificate(true, &later)), Some(2_524_608_000));
    }

    #[test]
    fn whatever_else_it_is_it_is_no_certificate() {
        let whole = certificate(true, &der(UTC_TIME, b"491231235959Z"));
        for end in 0..whole.len() {
            assert_eq!(not_after(&whole[..end]), None, "{end}");
        }
        for wrong in [&b"4912312359Z"[..], b"491331235959Z", b"\xff", b""] {
            assert_eq!(not_after(&certificate(true, &der(UTC_TIME, wrong))), None);
        }
    }
}
