//! A value as text for people.

use headcount_answer::{ColumnKind, visible};
use serde_json::Value;

/// A value for people: null is empty, text has no quotes, a list has commas, times are to the second, numbers to three
/// decimals.
pub(crate) fn plain(value: &Value, kind: ColumnKind) -> String {
    match (value, kind) {
        (Value::Null, _) => String::new(),
        (Value::String(moment), ColumnKind::Moment) => to_the_second(moment),
        (Value::String(text), _) => on_one_line(text),
        (Value::Array(items), _) => {
            let items = items.iter().map(|item| plain(item, ColumnKind::Other));
            items.collect::<Vec<_>>().join(", ")
        }
        (Value::Number(number), ColumnKind::Number) => number
            .as_f64()
            .filter(|number| number.abs() >= 0.01 || *number == 0.0)
            .map_or_else(|| number.to_string(), to_three_decimals),
        (other, _) => on_one_line(&other.to_string()),
    }
}

/// `2026-11-16T00:10:39.932099Z` without the fraction of the second.
fn to_the_second(moment: &str) -> String {
    match moment.split_once('.') {
        Some((seconds, fraction)) if fraction.ends_with('Z') => on_one_line(seconds) + "Z",
        _ => on_one_line(moment),
    }
}

fn to_three_decimals(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that strangers sent must not move the cursor, recolour the terminal of the person who reads it, or turn the text
/// around it (see [`visible`]).
pub fn on_one_line(text: &str) -> String {
    visible(text)
        .chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_get_short_numbers_and_times() {
        let number = |number: f64| plain(&json!(number), ColumnKind::Number);
        assert_eq!(number(1.099_706_744_868_035), "1.1");
        assert_eq!(number(1200.0), "1200");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.000_25), "0.00025");
        let moment = json!("2026-11-16T00:10:39.932099Z");
        assert_eq!(plain(&moment, ColumnKind::Moment), "2026-11-16T00:10:39Z");
        assert_eq!(
            plain(&json!("2026-11-16"), ColumnKind::Moment),
            "2026-11-16"
        );
    }
}
