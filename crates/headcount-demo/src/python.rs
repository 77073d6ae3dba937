//! JSON as Python's `json.dumps` writes it by default: `", "` and `": "` between things, everything outside ASCII escaped.

use std::borrow::Cow;
use std::fmt::Write;

/// A value that a release would have given to `json.dumps`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(Cow<'static, str>),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn texts<T: Into<Cow<'static, str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// The result of `json.dumps(value)`.
    pub(crate) fn dumps(&self) -> String {
        let mut written = String::with_capacity(256);
        self.write(&mut written);
        written
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(true) => out.push_str("true"),
            Self::Boolean(false) => out.push_str("false"),
            Self::Integer(number) => out.push_str(&number.to_string()),
            // `{:?}` keeps the `.0` of whole floats, as Python's repr does.
            Self::Real(number) => out.push_str(&format!("{number:?}")),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    separate(index, out);
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    separate(index, out);
                    write_text(name, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push_str(", ");
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(character),
            other => {
                // UTF-16 units: outside the basic plane Python writes a surrogate pair.
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _never_fails = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = Json::List(vec![
            Json::Object(vec![
                ("role", Json::text("na\u{ef}ve \"caf\u{e9}\" \u{1f600}\n")),
                ("max_rpm", Json::Null),
                ("verbose?", Json::Boolean(false)),
            ]),
            Json::Integer(25),
            Json::Real(1.0),
        ]);
        assert_eq!(
            value.dumps(),
            r#"[{"role": "na\u00efve \"caf\u00e9\" \ud83d\ude00\n", "max_rpm": null, "verbose?": false}, 25, 1.0]"#
        );
    }
}
