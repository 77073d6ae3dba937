use proptest::prelude::*;

use super::*;

fn is_json(text: &str) -> bool {
    let mut reader = StrictReader::new(text);
    reader.skip().and_then(|()| reader.end()).is_ok()
}

#[test]
fn text_that_serde_json_rejects_is_rejected() {
    for text in [
        "",
        "{",
        "[1,]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "01",
        "-",
        "1.",
        "1e",
        "+1",
        ".5",
        "nul",
        "truE",
        "\"",
        "1 2",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "'a'",
        "[\u{a0}1]",
    ] {
        assert!(!is_json(text), "{text}");
        assert!(
            serde_json::from_str::<serde_json::Value>(text).is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_lone_surrogate_is_the_replacement_character() {
    for (text, read) in [
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ude00""#, "\u{fffd}"),
        (r#""\ud83dA""#, "\u{fffd}A"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
    ] {
        assert_eq!(StrictReader::new(text).string().unwrap(), read, "{text}");
    }
    for text in [r#""\x""#, r#""\u12""#, r#""\ud83d\u12""#, "\"\n\"", "\""] {
        assert!(StrictReader::new(text).string().is_err(), "{text}");
    }
}

#[test]
fn a_skipped_string_costs_nothing_whatever_is_in_it() {
    for text in [
        r#""\x""#,
        r#"{"\u12":1}"#,
        "[\"\n\"]",
        "[\"\\\"\", NaN, -Infinity]",
    ] {
        assert!(is_json(text), "{text}");
    }
    assert!(!is_json("\"\\\""));
}

#[test]
fn skipped_values_may_have_any_depth() {
    for depth in [1, 63, 64, 65, 127, 128, 129, 1_000_000] {
        let open: String = ["[", "{\"a\":"].into_iter().cycle().take(depth).collect();
        let brackets = open.bytes().rev().filter_map(|byte| match byte {
            b'[' => Some(']'),
            b'{' => Some('}'),
            _ => None,
        });
        let closed: String = brackets.collect();
        assert!(is_json(&format!("{open}1{closed}")), "{depth}");
        assert!(!is_json(&format!("{open}1{}", &closed[1..])), "{depth}");
        let crossed = closed.replace(']', "?").replace('}', "]").replace('?', "}");
        assert!(!is_json(&format!("{open}1{crossed}")), "{depth}");
    }
}

proptest! {
    #[test]
    fn strings_are_read_as_serde_json_reads_them(text in any::<String>()) {
        let written = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(StrictReader::new(&written).string().unwrap(), text.as_str());
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let quoted = format!("\"{escaped}\"");
        prop_assert_eq!(StrictReader::new(&quoted).string().unwrap(), text.as_str());
    }

    #[test]
    fn text_is_json_exactly_when_serde_json_says_so(text in r#"[\[\]{}",:0-9eE.+\- a\\nulltrue]{0,24}"#) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match theirs {
            Ok(_) => prop_assert!(is_json(&text)),
            // A number too large for a double is well-formed all the same, and a skipped string is not decoded.
            Err(error) => prop_assert!(
                !is_json(&text) || text.contains('\\') || error.to_string().contains("out of range")
            ),
        }
    }
}
