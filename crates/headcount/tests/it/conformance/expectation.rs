//! Compares the recorded spans with a case's expectation.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::reading::text;
use super::{FRAMEWORK, Kept, Recorded};

/// Attributes that the client detects itself.
const OWN: [&str; 5] = [
    "versions.runtime",
    "versions.runtime_version",
    "execution_environment.coding_agent",
    "execution_environment.runtime_context",
    "execution_environment.cpu_band",
];

/// All differences between the recorded spans and the expectation, in words.
pub(crate) fn differences(case: &Json, recorded: &[Recorded], refused: u64) -> Vec<String> {
    let expect = &case["expect"];
    let mut wrong = faults(recorded);
    wrong.extend(resource_differences(&expect["resource"], recorded));
    let wanted_refused = expect["values_refused"].as_u64().unwrap_or(0);
    if refused != wanted_refused {
        wrong.push(format!("{refused} values refused and not {wanted_refused}"));
    }
    for never in case["never"].as_array().into_iter().flatten() {
        let never = never.as_str().unwrap();
        let is_there = |span: &&Recorded| format!("{:?}", span.attributes).contains(never);
        wrong.extend(
            recorded
                .iter()
                .find(is_there)
                .map(|span| format!("{never:?} is in {}", span.name)),
        );
    }
    let wanted = expect["spans"].as_array().unwrap();
    let is_beat_compared = expect["with_activity"].as_bool().unwrap_or(false);
    let beats = recorded
        .iter()
        .filter(|span| span.name == "Activity")
        .count();
    let has_events = recorded.iter().any(|span| span.name != "Losses");
    if beats != usize::from(has_events) {
        wrong.push(format!("{beats} beats"));
    }
    let compared = recorded
        .iter()
        .filter(|span| is_beat_compared || span.name != "Activity");
    // When these are recorded depends on when the client's own thread looks.
    let (own, events): (Vec<_>, Vec<_>) =
        compared.partition(|span| ["Losses", "Activity"].contains(&span.name.as_str()));
    let found: Vec<&Recorded> = events.into_iter().chain(own).collect();
    let names = |name: &Json| name["name"].as_str().unwrap().to_owned();
    let wanted_names: Vec<String> = wanted.iter().map(names).collect();
    let found_names: Vec<String> = found.iter().map(|span| span.name.clone()).collect();
    if wanted_names != found_names {
        wrong.push(format!("spans {found_names:?} and not {wanted_names:?}"));
        return wrong;
    }
    let mut known = Names::default();
    for (wanted, span) in wanted.iter().zip(found) {
        if span.failed != wanted["failed"].as_bool().unwrap_or(false) {
            wrong.push(format!("{}: failed is {}", span.name, span.failed));
        }
        wrong.extend(known.attribute_differences(&wanted["attributes"], span));
    }
    wrong
}

/// Checks that apply to every span.
fn faults(recorded: &[Recorded]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ids = std::collections::HashSet::new();
    for span in recorded {
        let is_whole = span.trace_id.len() == 16 && span.span_id.len() == 8;
        if !is_whole || !ids.insert(&span.trace_id) || !ids.insert(&span.span_id) {
            wrong.push(format!("{}: its ids are not its own", span.name));
        }
        if span.start == 0 || span.start > span.end {
            wrong.push(format!(
                "{}: from {} to {}",
                span.name, span.start, span.end
            ));
        }
        if span.scope != "headcount" {
            wrong.push(format!("{}: of the scope {}", span.name, span.scope));
        }
    }
    wrong
}

fn resource_differences(wanted: &Json, recorded: &[Recorded]) -> Vec<String> {
    let mut expected: BTreeMap<&str, &str> = BTreeMap::from([
        ("service.name", "headcount"),
        ("versions.framework", FRAMEWORK),
    ]);
    match wanted.as_object() {
        Some(wanted) => expected.extend(
            wanted
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str().unwrap())),
        ),
        None => expected.extend([("versions.framework_version", "1.2.3")]),
    }
    let mut wrong = Vec::new();
    for span in recorded {
        let found: BTreeMap<&str, &str> = span
            .resource
            .iter()
            .filter(|(key, _)| !OWN.contains(&key.as_str()))
            .filter_map(|(key, value)| match value {
                Kept::Text(text) => Some((key.as_str(), text.as_str())),
                _ => None,
            })
            .collect();
        if found != expected {
            wrong.push(format!("resource {found:?} and not {expected:?}"));
        }
    }
    wrong
}

/// Ids and keys are random: a case names them. One name is one value, and two names are two.
#[derive(Debug, Default)]
struct Names(BTreeMap<(String, String), String>);

impl Names {
    fn attribute_differences(&mut self, wanted: &Json, span: &Recorded) -> Vec<String> {
        let wanted = wanted.as_object().unwrap();
        let mut wrong = Vec::new();
        for (key, value) in &span.attributes {
            match wanted.get(key) {
                None => wrong.push(format!("{}: {key} is too much", span.name)),
                Some(wanted) if self.is_same(wanted, value) => {}
                Some(wanted) => wrong.push(format!(
                    "{}: {key} is {value:?} and not {wanted}",
                    span.name
                )),
            }
        }
        for key in wanted.keys() {
            let count = span
                .attributes
                .iter()
                .filter(|(found, _)| found == key)
                .count();
            if count != 1 {
                wrong.push(format!("{}: {key} is there {count} times", span.name));
            }
        }
        wrong
    }

    fn is_same(&mut self, wanted: &Json, found: &Kept) -> bool {
        if let Some(integer) = wanted.get("integer") {
            return *found == Kept::Integer(integer.as_i64().unwrap());
        }
        if let Some(double) = wanted.get("double") {
            return *found == Kept::Double(double.as_f64().unwrap());
        }
        if let Some(kind) = wanted.get("any") {
            return matches!(
                (kind.as_str().unwrap(), found),
                ("text", Kept::Text(_))
                    | ("integer", Kept::Integer(_))
                    | ("double", Kept::Double(_))
            );
        }
        if let (Some(item), Some(times)) = (wanted.get("list"), wanted.get("times")) {
            let times = times.as_u64().unwrap() as usize;
            return *found == Kept::Texts(vec![item.as_str().unwrap().to_owned(); times]);
        }
        match (wanted, found) {
            (Json::Bool(wanted), Kept::Boolean(found)) => wanted == found,
            (Json::Array(wanted), Kept::Texts(found)) => wanted
                .iter()
                .map(|text| text.as_str().unwrap())
                .eq(found.iter().map(String::as_str)),
            (wanted, Kept::Text(found)) => self.is_same_text(wanted, found),
            _ => false,
        }
    }

    fn is_same_text(&mut self, wanted: &Json, found: &str) -> bool {
        for (kind, is_one) in [("id", is_id as fn(&str) -> bool), ("key", is_key)] {
            if let Some(name) = wanted.get(kind) {
                return is_one(found) && self.is_named(kind, name.as_str().unwrap(), found);
            }
        }
        text(wanted).is_some_and(|wanted| wanted == found)
    }

    fn is_named(&mut self, kind: &str, name: &str, found: &str) -> bool {
        let name = (kind.to_owned(), name.to_owned());
        if let Some(known) = self.0.get(&name) {
            return known == found;
        }
        let is_new = self.0.values().all(|known| known != found);
        self.0.insert(name, found.to_owned());
        is_new
    }
}

/// A random UUID (RFC 9562, version 4).
fn is_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hexadecimal = |part: &&str| part.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    parts.iter().all(is_hexadecimal)
        && lengths == [8, 4, 4, 4, 12]
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

/// 128 bits of a keyed hash.
fn is_key(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
}
