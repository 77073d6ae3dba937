use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Reads all complete values, as a list of (path, scalar) in the text's order.
fn read_all(text: &str) -> (Vec<(String, Value)>, bool) {
    let mut reader = JsonReader::new(text);
    let mut found = Vec::new();
    walk(&mut reader, "", &mut found);
    (found, reader.is_broken())
}

fn walk(reader: &mut JsonReader<'_>, path: &str, found: &mut Vec<(String, Value)>) {
    match reader.shape() {
        Some(Shape::Object) => {
            let mut inside = reader.enter().unwrap();
            while let Some(key) = reader.next_key(&mut inside) {
                walk(reader, &format!("{path}/{key}"), found);
            }
        }
        Some(Shape::Array) => {
            let mut inside = reader.enter().unwrap();
            let mut index = 0;
            while reader.next_element(&mut inside) {
                walk(reader, &format!("{path}/{index}"), found);
                index += 1;
            }
        }
        Some(Shape::Scalar) => {
            if let Some(scalar) = reader.scalar() {
                let value = match scalar {
                    Scalar::Null => Value::Null,
                    Scalar::Boolean(value) => value.into(),
                    Scalar::Integer(value) => value.into(),
                    Scalar::Double(value) => value.into(),
                    Scalar::Text(value) => value.into_owned().into(),
                };
                found.push((path.to_owned(), value));
            }
        }
        None => {}
    }
}

fn expected(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                expected(value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                expected(value, &format!("{path}/{index}"), found);
            }
        }
        scalar => found.push((path.to_owned(), scalar.clone())),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        ".{0,12}".prop_map(Value::from),
        "[\\\\\"\n\u{1f600}üa/]{0,6}".prop_map(Value::from),
    ];
    let inner = scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-z?\\\\]{0,6}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    // Top-level numbers are not read at the end of the text, so that the document is an array.
    prop::collection::vec(inner, 0..4).prop_map(Value::from)
}

proptest! {
    #[test]
    fn valid_json_reads_as_serde_json_reads_it(json in any_json()) {
        let text = json.to_string();
        let mut wanted = Vec::new();
        // Parsed again: printing a double may have rounded it.
        expected(&serde_json::from_str(&text).unwrap(), "", &mut wanted);
        prop_assert_eq!(read_all(&text), (wanted, false));
    }

    #[test]
    fn every_prefix_gives_a_prefix_of_the_values(json in any_json(), cut in any::<prop::sample::Index>()) {
        let text = json.to_string();
        let (whole, _) = read_all(&text);
        let mut end = cut.index(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (part, broken) = read_all(&text[..end]);
        prop_assert!(broken, "the closing bracket is missing");
        prop_assert_eq!(&whole[..part.len()], &part[..]);
    }

    #[test]
    fn a_value_is_skipped_completely(json in any_json()) {
        let text = format!("[{json},7]");
        let mut reader = JsonReader::new(&text);
        let mut inside = reader.enter().unwrap();
        prop_assert!(reader.next_element(&mut inside) && reader.skip());
        prop_assert!(reader.next_element(&mut inside));
        prop_assert_eq!(reader.scalar(), Some(Scalar::Integer(7)));
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}:,\"\\\\unaNtrlse0-9.eE+ü \\-]{0,60}") {
        let _ = read_all(&text);
        let _ = JsonReader::new(&text).skip();
    }
}

#[test]
fn python_writes_nan_and_infinity() {
    let mut reader = JsonReader::new("[NaN, -Infinity]");
    let mut inside = reader.enter().unwrap();
    assert!(reader.next_element(&mut inside));
    assert!(matches!(reader.scalar(), Some(Scalar::Double(value)) if value.is_nan()));
    assert!(reader.next_element(&mut inside));
    assert_eq!(reader.scalar(), Some(Scalar::Double(f64::NEG_INFINITY)));
    assert!(!reader.next_element(&mut inside) && !reader.is_broken());
}

#[test]
fn surrogates_pair_up_and_a_lone_one_is_replaced() {
    let (found, _) = read_all(r#"["\ud83d\ude00", "\ud83d", "\ude00x", "\ud83dA"]"#);
    let texts: Vec<_> = found
        .iter()
        .filter_map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(texts, ["😀", "\u{fffd}", "\u{fffd}x", "\u{fffd}A"]);
}

#[test]
fn a_number_at_the_cut_is_not_read() {
    let (found, broken) = read_all(r#"[{"max_iter": 25, "max_rpm": 1"#);
    assert_eq!(found, [("/0/max_iter".to_owned(), Value::from(25))]);
    assert!(broken);
}

#[test]
fn deep_nesting_breaks_the_text_and_not_the_stack() {
    let text = "[".repeat(1_000_000);
    let mut reader = JsonReader::new(&text);
    assert!(!reader.skip() && reader.is_broken());
}
