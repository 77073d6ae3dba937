//! The few responses in JSON that a collector sends: `{}` and `{"partialSuccess": …}` (OTLP/HTTP), and `{"accepted": n}` of an
//! erasure endpoint. A gateway may respond in JSON although it was asked in protobuf; so may a captive portal, with other keys.

/// How many spans were rejected; `None` if this is not a collector's response.
pub(super) fn read(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let inner = text.strip_prefix('{')?.strip_suffix('}')?.trim();
    if inner.is_empty() || value(inner, "accepted").is_some() {
        return Some(0);
    }
    let partial = value(inner, "partialSuccess").or_else(|| value(inner, "partial_success"))?;
    // Integers of 64 bits are texts in ProtoJSON.
    let rejected = ["rejectedSpans", "rejected_spans"].iter().find_map(|key| {
        let (_, after) = partial.split_once(&format!("\"{key}\""))?;
        let digits = after.trim_start().strip_prefix(':')?.trim_start();
        let digits = digits.trim_start_matches('"');
        let end = digits.find(|character: char| !character.is_ascii_digit());
        digits[..end.unwrap_or(digits.len())].parse().ok()
    });
    Some(rejected.unwrap_or(0))
}

/// The text after the first key of an object, if the key is this one.
fn value<'t>(inner: &'t str, key: &str) -> Option<&'t str> {
    let after = inner.strip_prefix('"')?.strip_prefix(key)?;
    after.strip_prefix('"')?.trim_start().strip_prefix(':')
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_collectors_responses_are_told_from_others() {
        for (body, rejected) in [
            ("{}", Some(0)),
            (" { }\n", Some(0)),
            (r#"{"partialSuccess":{}}"#, Some(0)),
            (r#"{"partialSuccess":null}"#, Some(0)),
            (
                r#"{"partialSuccess":{"rejectedSpans":"7","errorMessage":"x"}}"#,
                Some(7),
            ),
            (
                r#"{ "partial_success" : { "rejected_spans" : 3 } }"#,
                Some(3),
            ),
            (r#"{"accepted": 24}"#, Some(0)),
            (r#"{"status":"login required"}"#, None),
            (r#"{"error":{"partialSuccess":{}}}"#, None),
            ("[]", None),
            ("<html></html>", None),
            ("{", None),
        ] {
            assert_eq!(read(body.as_bytes()), rejected, "{body}");
        }
        assert_eq!(read(&[0xff]), None);
    }
}
