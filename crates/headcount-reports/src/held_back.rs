//! Counts of crews below the threshold are not shown, nor is what would tell them: columns beside them, and other counts of
//! a sum in which they would be the rest. A note says so. A count of zero is about nobody, and is shown.

use std::collections::{BTreeMap, BTreeSet};

use headcount_answer::Answer;
use serde_json::Value;

use crate::header::HeldBack;
use crate::sums::{Place, Sum, told_by_others};

/// The end of a note on what is not shown, for readers who may see it.
pub(crate) const HOW_TO_SHOW_ALL: &str = "; --min-crews 1 shows every value";

/// Takes the counts below `min_crews` out of the rows, with those that would tell them by one of `sums`, and returns a note
/// if there were any.
pub(crate) fn hold_back(
    answer: &mut Answer,
    columns: &[HeldBack],
    sums: &[Sum],
    min_crews: u64,
) -> Option<String> {
    let mut numbers: BTreeMap<Place, u64> = BTreeMap::new();
    for counted in columns {
        if let Some(column) = answer.column_index(&counted.column) {
            let counts = answer.rows.iter().enumerate();
            let counts =
                counts.filter_map(|(row, cells)| Some(((row, column), cells[column].as_u64()?)));
            numbers.extend(counts);
        }
    }
    let few = numbers
        .iter()
        .filter(|(_, count)| (1..min_crews).contains(*count));
    let few: BTreeSet<Place> = few.map(|(place, _)| *place).collect();
    if few.is_empty() {
        return None;
    }
    let beside = told_by_others(answer, sums, &few, &numbers, min_crews);
    for counted in columns {
        let Some(count) = answer.column_index(&counted.column) else {
            continue;
        };
        let with = counted.with.iter();
        let with: Vec<usize> = with.filter_map(|name| answer.column_index(name)).collect();
        let held = few.union(&beside).filter(|(_, column)| *column == count);
        for (row, _) in held {
            for index in with.iter().chain([&count]) {
                answer.rows[*row][*index] = Value::Null;
            }
        }
    }
    let noun = if few.len() == 1 { "number" } else { "numbers" };
    let beside = match beside.len() {
        0 => " crews".to_owned(),
        more => format!(" crews, and {more} more that would tell them,"),
    };
    Some(format!(
        "{} {noun} of 1 to {}{beside} are held back: null there is not zero{HOW_TO_SHOW_ALL}",
        few.len(),
        min_crews.saturating_sub(1)
    ))
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
        let note = hold_back(&mut found, &columns, &[], 5).unwrap();
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
        assert_eq!(hold_back(&mut all, &columns, &[], 1), None);
        assert_eq!(all, answer());
    }

    /// Fifty crews in two rows: without the second share, the first would tell the two.
    #[test]
    fn one_number_of_few_takes_another_of_its_sum_with_it() {
        let columns = [HeldBack {
            column: "crews".to_owned(),
            with: vec!["share".to_owned()],
        }];
        let mut found = answer();
        found.rows[2][0] = json!(50);
        let sums = [Sum::parse("crews within said").unwrap()];
        found.rows[1][2] = json!("b");
        let note = hold_back(&mut found, &columns, &sums, 5).unwrap();
        let numbers: Vec<_> = found.rows.iter().map(|row| json!(row[..2])).collect();
        let (open, held) = (json!([50, 0.0]), json!([null, null]));
        assert_eq!(numbers, [held.clone(), held.clone(), open, held]);
        assert!(note.contains("1 number of 1 to 4 crews, and 1 more that would tell them, are held back: null there is not zero"), "{note}");
    }

    #[test]
    fn what_several_rows_say_is_said_once() {
        assert_eq!(said_first(&answer(), "said"), ["b", "a"]);
        assert!(said_first(&answer(), "nothing").is_empty());
    }
}
