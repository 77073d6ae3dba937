//! Counts of crews below the threshold are not shown, nor is what would tell them; a note says so. A count of zero is
//! about nobody, and is shown.

use headcount_answer::Answer;
use serde_json::Value;

use crate::header::HeldBack;

/// The end of a note on what is not shown, for readers who may see it.
pub(crate) const HOW_TO_SHOW_ALL: &str = "; --min-crews 1 shows every value";

/// Takes the counts below `min_crews` out of the rows, and returns a note if there were any.
pub(crate) fn hold_back(
    answer: &mut Answer,
    columns: &[HeldBack],
    min_crews: u64,
) -> Option<String> {
    let mut held = 0_u64;
    for counted in columns {
        let Some(count) = answer.column_index(&counted.column) else {
            continue;
        };
        let with = counted.with.iter();
        let with: Vec<usize> = with.filter_map(|name| answer.column_index(name)).collect();
        for row in &mut answer.rows {
            let is_few = |count: u64| (1..min_crews).contains(&count);
            if row[count].as_u64().is_some_and(is_few) {
                held += 1;
                row[count] = Value::Null;
                for &index in &with {
                    row[index] = Value::Null;
                }
            }
        }
    }
    let noun = if held == 1 { "number" } else { "numbers" };
    (held > 0).then(|| {
        format!(
            "{held} {noun} of 1 to {} crews are held back: null there is not zero{HOW_TO_SHOW_ALL}",
            min_crews.saturating_sub(1)
        )
    })
}

/// The texts of `column`, each once, in their order.
pub(crate) fn said_first(answer: &Answer, column: &str) -> Vec<String> {
    let Some(index) = answer.column_index(column) else {
        return Vec::new();
    };
    let mut said: Vec<String> = Vec::new();
    for text in answer.rows.iter().filter_map(|row| row[index].as_str()) {
        if !said.iter().any(|known| known == text) {
            said.push(text.to_owned());
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use headcount_answer::{AnswerColumn, ColumnKind};
    use serde_json::json;

    use super::*;

    fn answer() -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        Answer {
            columns: vec![
                column("crews", ColumnKind::Integer),
                column("share", ColumnKind::Number),
                column("said", ColumnKind::Text),
            ],
            rows: vec![
                vec![json!(5), json!(0.5), json!("b")],
                vec![json!(4), json!(0.4), json!("a")],
                vec![json!(0), json!(0.0), json!("b")],
                vec![json!(null), json!(null), json!(null)],
            ],
            notes: Vec::new(),
        }
    }

    #[test]
    fn few_and_what_tells_them_are_held_back_and_zero_is_shown() {
        let columns = [HeldBack {
            column: "crews".to_owned(),
            with: vec!["share".to_owned()],
        }];
        let mut found = answer();
        let note = hold_back(&mut found, &columns, 5).unwrap();
        assert!(note.starts_with("1 number of 1 to 4 crews"), "{note}");
        let numbers: Vec<_> = found.rows.iter().map(|row| json!(row[..2])).collect();
        assert_eq!(
            numbers,
            [
                json!([5, 0.5]),
                json!([null, null]),
                json!([0, 0.0]),
                json!([null, null])
            ]
        );
        let mut all = answer();
        assert_eq!(hold_back(&mut all, &columns, 1), None);
        assert_eq!(all, answer());
    }

    #[test]
    fn what_several_rows_say_is_said_once() {
        assert_eq!(said_first(&answer(), "said"), ["b", "a"]);
        assert!(said_first(&answer(), "nothing").is_empty());
    }
}
