//! Reads the values of a case's calls, as a binding of another language reads what it is handed.

use std::str::FromStr;

use headcount::Content;
use serde_json::Value as Json;

/// The text of a value: itself, or one that is too long to be written down. `None` for anything else.
pub(crate) fn text(value: &Json) -> Option<String> {
    if let (Some(part), Some(times)) = (value.get("repeat"), value.get("times")) {
        return Some(part.as_str()?.repeat(times.as_u64()? as usize));
    }
    value.as_str().map(str::to_owned)
}

/// Reads values, and counts those of a wrong type.
pub(crate) struct Reader<'v> {
    pub(crate) values: &'v Json,
    pub(crate) refused: u64,
}

impl<'v> Reader<'v> {
    pub(crate) fn new(values: &'v Json) -> Self {
        Self { values, refused: 0 }
    }

    /// The value of `name`, if there is one that `read` accepts.
    fn value<T>(&mut self, name: &str, read: impl FnOnce(&'v Json) -> Option<T>) -> Option<T> {
        let value = read(self.values.get(name)?);
        self.refused += u64::from(value.is_none());
        value
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.value(name, text)
    }

    pub(crate) fn content(&mut self, name: &str) -> Option<Content> {
        self.text(name).map(Content::from)
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.value(name, Json::as_bool)
    }

    pub(crate) fn integer(&mut self, name: &str) -> Option<i64> {
        self.value(name, Json::as_i64)
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<f64> {
        self.value(name, |value| match value.get("number") {
            Some(name) => name.as_str()?.parse().ok(),
            None => value.as_f64(),
        })
    }

    pub(crate) fn word<W: FromStr>(&mut self, name: &str) -> Option<W> {
        self.value(name, |value| value.as_str()?.parse().ok())
    }

    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let items = self.value(name, |value| {
            match (value.get("list"), value.get("times")) {
                (Some(item), Some(times)) => Some(vec![item; times.as_u64()? as usize]),
                _ => Some(value.as_array()?.iter().collect()),
            }
        })?;
        let texts: Vec<String> = items.iter().filter_map(|item| text(item)).collect();
        self.refused += (items.len() - texts.len()) as u64;
        Some(texts)
    }

    pub(crate) fn names(&self, name: &str) -> Vec<&'v str> {
        let names = self.values.get(name).and_then(Json::as_array);
        names
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect()
    }
}
