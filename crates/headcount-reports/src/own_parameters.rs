//! The parameters that a report declares for itself in its header, beside those that every report has.
//!
//! ```text
//! -- parameters:
//! --   NAME: one of A, B = A: its meaning
//! --   NAME: number MIN to MAX = DEFAULT: its meaning
//! --   NAME: days MIN to MAX = DEFAULT: its meaning
//! --   NAME: text: its meaning
//! ```
//!
//! The SQL names a parameter `$NAME`. A choice, a number and a day become part of the SQL's text, since the header
//! lists what they may be, and the planner then leaves out what another choice needs. A text never becomes SQL: it is bound to
//! a placeholder, and is null where it is not given.

use serde::Serialize;

/// The longest text that is accepted, in bytes: the catalog keeps no longer name.
const MAX_TEXT_BYTES: usize = 1024;

/// The value of a parameter for one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnValue {
    /// Part of the SQL.
    Written(String),
    /// Bound to a placeholder.
    Bound(Option<String>),
}

/// A parameter of one report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnParameter {
    /// Its name in the SQL, in a query string and, with dashes, on the command line.
    pub name: String,
    /// What it may be.
    #[serde(flatten)]
    pub kind: OwnKind,
    /// Its meaning.
    pub meaning: String,
    /// Its name on the command line: with dashes for underscores.
    #[serde(skip)]
    pub flag: String,
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OwnKind {
    /// One of these words.
    Choice {
        /// The words.
        choices: Vec<String>,
        /// The word that counts where none is given.
        default: String,
    },
    /// A whole number.
    Number {
        /// The smallest.
        min: i64,
        /// The greatest.
        max: i64,
        /// The one that counts where none is given.
        default: i64,
    },
    /// A number of days, also written as `90d` or `12w`.
    Days {
        /// The fewest.
        min: i64,
        /// The most.
        max: i64,
        /// Those that count where none are given.
        default: i64,
    },
    /// Any text; none where it is not given.
    Text,
}

impl OwnParameter {
    /// Reads `NAME: KIND [= DEFAULT]: MEANING`.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let (name, rest) = line.split_once(':').ok_or("no colon after the name")?;
        let (kind, meaning) = rest.split_once(':').ok_or("no colon after the kind")?;
        let (name, meaning) = (name.trim().to_owned(), meaning.trim().to_owned());
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        if name.is_empty() || !name.chars().all(is_name) || meaning.is_empty() {
            return Err("expected a name of lower-case letters, and a meaning".to_owned());
        }
        Ok(Self {
            kind: OwnKind::parse(kind.trim())?,
            flag: name.replace('_', "-"),
            name,
            meaning,
        })
    }

    /// The value that `text` gives, or the default.
    pub(crate) fn value(&self, text: Option<&str>) -> Result<OwnValue, String> {
        match &self.kind {
            OwnKind::Choice { choices, default } => {
                let chosen = text.unwrap_or(default);
                let known = choices.iter().find(|choice| *choice == chosen);
                let known = known
                    .ok_or_else(|| format!("{chosen:?} is not one of {}", choices.join(", ")))?;
                Ok(OwnValue::Written(format!("'{known}'")))
            }
            OwnKind::Number { min, max, default } => {
                let number = text.map_or(Some(*default), |text| text.parse().ok());
                within(number, *min, *max, text, "a whole number")
            }
            OwnKind::Days { min, max, default } => {
                let days = text.map_or(Some(*default), read_days);
                within(days, *min, *max, text, "days, as 90, 90d or 12w,")
            }
            OwnKind::Text => match text {
                Some(text) if text.len() > MAX_TEXT_BYTES => {
                    Err(format!("longer than {MAX_TEXT_BYTES} bytes"))
                }
                text => Ok(OwnValue::Bound(text.map(str::to_owned))),
            },
        }
    }
}

fn within(
    number: Option<i64>,
    min: i64,
    max: i64,
    text: Option<&str>,
    what: &str,
) -> Result<OwnValue, String> {
    let number = number.filter(|number| (min..=max).contains(number));
    number
        .map(|number| OwnValue::Written(number.to_string()))
        .ok_or_else(|| {
            let text = text.unwrap_or_default();
            format!("{text:?} is not {what} from {min} to {max}")
        })
}

fn read_days(text: &str) -> Option<i64> {
    let (number, days) = match text.strip_suffix('w') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('d').unwrap_or(text), 1),
    };
    number.parse::<i64>().ok()?.checked_mul(days)
}

impl OwnKind {
    /// Reads `one of A, B = A`, `number MIN to MAX = DEFAULT`, `days MIN to MAX = DEFAULT` or `text`.
    fn parse(text: &str) -> Result<Self, String> {
        if text == "text" {
            return Ok(Self::Text);
        }
        let (kind, default) = text.split_once('=').ok_or("no default after =")?;
        let (kind, default) = (kind.trim(), default.trim());
        if let Some(choices) = kind.strip_prefix("one of ") {
            let choices: Vec<String> = choices
                .split(',')
                .map(|word| word.trim().to_owned())
                .collect();
            // A choice becomes part of the SQL.
            let is_plain =
                |letter: char| letter.is_ascii_lowercase() || matches!(letter, '_' | '-');
            let is_sound = |word: &String| !word.is_empty() && word.chars().all(is_plain);
            if !choices.iter().all(is_sound) || !choices.iter().any(|choice| choice == default) {
                return Err(
                    "expected words of lower-case letters, the default among them".to_owned(),
                );
            }
            let default = default.to_owned();
            return Ok(Self::Choice { choices, default });
        }
        let (kind, range) = kind.split_once(' ').ok_or("no range")?;
        let (min, max) = range.split_once(" to ").ok_or("no \" to \" in the range")?;
        let number = |text: &str| {
            text.trim()
                .parse::<i64>()
                .map_err(|_| format!("{text:?} is not a number"))
        };
        let (min, max, default) = (number(min)?, number(max)?, number(default)?);
        if !(min..=max).contains(&default) {
            return Err("the default is outside of the range".to_owned());
        }
        match kind {
            "number" => Ok(Self::Number { min, max, default }),
            "days" => Ok(Self::Days { min, max, default }),
            other => Err(format!("{other:?} is not a kind of parameter")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_line_that_is_not_sound_is_refused() {
        for line in [
            "kind",
            "kind: one of tool, model = role: x",
            "kind: one of tool, it's = tool: x",
            "Kind: text: x",
            "weeks: number 1 to 52 = 53: x",
            "weeks: number 1 to 52: x",
            "weeks: moons 1 to 52 = 2: x",
            "value: text:",
        ] {
            assert!(OwnParameter::parse(line).is_err(), "{line}");
        }
    }
}
