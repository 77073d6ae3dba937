//! The differences between two answers of one report.

use std::collections::{HashMap, HashSet};

use headcount_answer::{Answer, AnswerColumn, ColumnKind};

/// Names with a count now and before: columns `name`, `now`, `before` and `change`, the greatest change first. A name that
/// only one answer has counts as zero in the other; where the other answer grouped names, it may be one of them, and is left out.
/// Rows without a name, and rows that stand for grouped names, are left out. Empty where an answer lacks one of the columns.
pub fn compare_answers(now: &Answer, before: &Answer, name: &str, count: &str) -> Answer {
    let sums = |answer| {
        let mut sums: HashMap<String, i64> = HashMap::new();
        for (name, count) in named_counts(answer, name, count) {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(count);
        }
        sums
    };
    let (now_sums, before_sums) = (sums(now), sums(before));
    let missing = |answer| (!has_grouped_names(answer, name)).then_some(0);
    let (now_else, before_else) = (missing(now), missing(before));
    let names: HashSet<&String> = now_sums.keys().chain(before_sums.keys()).collect();
    let counted = |name: &String| {
        let now = now_sums.get(name).copied().or(now_else)?;
        let before = before_sums.get(name).copied().or(before_else)?;
        Some((name.clone(), now, before))
    };
    let mut counts: Vec<(String, i64, i64)> = names.into_iter().filter_map(counted).collect();
    let change = |(_, now, before): &(String, i64, i64)| now.saturating_sub(*before);
    counts.sort_by(|left, right| {
        let (left_size, right_size) = (change(left).unsigned_abs(), change(right).unsigned_abs());
        right_size
            .cmp(&left_size)
            .then_with(|| left.0.cmp(&right.0))
    });
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let row = |counted: &(String, i64, i64)| {
        let (name, now, before) = counted;
        vec![
            name.as_str().into(),
            (*now).into(),
            (*before).into(),
            change(counted).into(),
        ]
    };
    Answer {
        columns: vec![
            column("name", ColumnKind::Text),
            column("now", ColumnKind::Integer),
            column("before", ColumnKind::Integer),
            column("change", ColumnKind::Integer),
        ],
        rows: counts.iter().map(row).collect(),
        notes: Vec::new(),
    }
}

fn named_counts<'a>(
    answer: &'a Answer,
    name: &str,
    count: &str,
) -> impl Iterator<Item = (String, i64)> + use<'a> {
    let columns = answer.column_index(name).zip(answer.column_index(count));
    answer.rows.iter().filter_map(move |row| {
        let (name, count) = columns?;
        let name = row[name].as_str().filter(|name| !is_grouped(name))?;
        Some((name.to_owned(), row[count].as_i64()?))
    })
}

fn has_grouped_names(answer: &Answer, name: &str) -> bool {
    let Some(name) = answer.column_index(name) else {
        return false;
    };
    let mut names = answer.rows.iter().filter_map(|row| row[name].as_str());
    names.any(is_grouped)
}

/// Whether `name` is the label of a row that stands for names that were grouped, by the threshold or for the public.
pub fn is_grouped(name: &str) -> bool {
    name.starts_with('(')
        && (name.ends_with(" crews)") || name.contains(" together, some of fewer than "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(rows: &[(Value, Value)]) -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        Answer {
            columns: vec![
                column("tool", ColumnKind::Text),
                column("crews", ColumnKind::Integer),
            ],
            rows: rows
                .iter()
                .map(|(name, count)| vec![name.clone(), count.clone()])
                .collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_came_and_what_went_counts() {
        let now = answer(&[
            (json!("search"), json!(10)),
            (json!("new"), json!(7)),
            (json!(null), json!(100)),
        ]);
        let before = answer(&[
            (json!("search"), json!(12)),
            (json!("gone"), json!(9)),
            (json!("unknown"), json!(null)),
        ]);
        let changed = compare_answers(&now, &before, "tool", "crews");
        assert_eq!(
            changed.rows,
            [
                vec![json!("gone"), json!(0), json!(9), json!(-9)],
                vec![json!("new"), json!(7), json!(0), json!(7)],
                vec![json!("search"), json!(10), json!(12), json!(-2)],
            ]
        );
        assert!(
            compare_answers(&now, &before, "nothing", "crews")
                .rows
                .is_empty()
        );
    }

    #[test]
    fn a_name_that_may_have_been_grouped_is_not_reported_as_gone() {
        let now = answer(&[
            (json!("search"), json!(10)),
            (json!("(3 values from fewer than 5 crews)"), json!(9)),
        ]);
        let before = answer(&[(json!("search"), json!(12)), (json!("gone"), json!(9))]);
        let names = |answer: &Answer| -> Vec<Value> {
            answer.rows.iter().map(|row| row[0].clone()).collect()
        };
        let changed = compare_answers(&now, &before, "tool", "crews");
        assert_eq!(names(&changed), [json!("search")]);
        let changed = compare_answers(&before, &now, "tool", "crews");
        assert_eq!(names(&changed), [json!("search")]);
    }
}
