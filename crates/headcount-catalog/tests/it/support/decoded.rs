//! The corpus as a second decoder read it.

use std::path::Path;

use serde_json::{Map, Value};

/// One span as a second decoder read it.
pub(crate) struct Decoded {
    pub(crate) name: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) failed: bool,
}

/// A body of `tests/corpus` and what is in it.
pub(crate) fn load(name: &str) -> (Vec<u8>, Vec<Decoded>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let body = std::fs::read(folder.join(format!("{name}.otlp"))).unwrap();
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let decoded = match serde_json::from_str(&text).unwrap() {
        Value::Array(spans) => spans.iter().map(first_form).collect(),
        request => wide_form(&request),
    };
    (body, decoded)
}

fn first_form(span: &Value) -> Decoded {
    let attributes = span["attributes"].as_object().unwrap();
    Decoded {
        name: span["name"].as_str().unwrap().to_owned(),
        attributes: attributes
            .iter()
            .map(|(key, typed)| (key.clone(), typed[1].clone()))
            .collect(),
        failed: span["status"] == 2,
    }
}

/// OTLP/JSON.
fn wide_form(request: &Value) -> Vec<Decoded> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut decoded = Vec::new();
    for resource in list(request, "resourceSpans") {
        for scope in list(&resource, "scopeSpans") {
            for span in list(&scope, "spans") {
                let attributes = list(&span, "attributes").into_iter().map(|attribute| {
                    let (kind, value) = attribute["value"]
                        .as_object()
                        .unwrap()
                        .iter()
                        .next()
                        .unwrap();
                    let value = match kind.as_str() {
                        "intValue" => value.as_str().unwrap().parse::<i64>().unwrap().into(),
                        _ => value.clone(),
                    };
                    (attribute["key"].as_str().unwrap().to_owned(), value)
                });
                decoded.push(Decoded {
                    name: span["name"].as_str().unwrap().to_owned(),
                    attributes: attributes.collect(),
                    failed: span["status"]["code"] == 2,
                });
            }
        }
    }
    decoded
}
