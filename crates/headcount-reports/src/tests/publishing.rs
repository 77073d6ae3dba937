//! Every published number meets the threshold.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{AnswerColumn, ColumnKind, find_report, publish};

const K: u64 = 5;

fn answer(counts: &[Option<u64>]) -> Answer {
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let row = |(index, count): (usize, &Option<u64>)| {
        vec![
            json!(format!("tool {index}")),
            json!(count),
            json!(90),
            json!(1.5),
        ]
    };
    Answer {
        columns: vec![
            column("tool", ColumnKind::Text),
            column("crews", ColumnKind::Integer),
            column("uses", ColumnKind::Integer),
            column("attempts", ColumnKind::Number),
        ],
        rows: counts.iter().enumerate().map(row).collect(),
        notes: Vec::new(),
    }
}

fn published(counts: &[Option<u64>]) -> Vec<Vec<Value>> {
    publish(find_report("tools").unwrap(), &answer(counts), K).rows
}

#[test]
fn one_small_row_takes_the_next_with_it() {
    let rows = published(&[Some(40), Some(9), Some(6), Some(2)]);
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows[2],
        [
            json!("(2 together, some of fewer than 5)"),
            json!(8),
            json!(null),
            json!(null)
        ]
    );
    assert_eq!(rows[1], [json!("tool 1"), json!(9), json!(90), json!(1.5)]);
}

#[test]
fn small_rows_that_are_enough_together_are_grouped_without_others() {
    let rows = published(&[Some(40), Some(4), Some(3)]);
    assert_eq!(rows[1][1], json!(7));
    assert_eq!(rows.len(), 2);
}

#[test]
fn where_all_are_few_not_even_the_sum_is_told() {
    let rows = published(&[Some(2), None]);
    assert_eq!(
        rows,
        [vec![
            json!("(2 together, some of fewer than 5)"),
            json!(null),
            json!(null),
            json!(null)
        ]]
    );
    assert!(published(&[]).is_empty());
}

/// Crews where the release names them, runs where it does not.
fn crews_and_runs(rows: &[(Option<u64>, u64)]) -> Answer {
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let row = |(index, (crews, runs)): (usize, &(Option<u64>, u64))| {
        vec![json!(format!("1.{index}")), json!(crews), json!(runs)]
    };
    Answer {
        columns: vec![
            column("version", ColumnKind::Text),
            column("crews", ColumnKind::Integer),
            column("runs", ColumnKind::Integer),
        ],
        rows: rows.iter().enumerate().map(row).collect(),
        notes: Vec::new(),
    }
}

#[test]
fn crews_of_one_row_and_runs_of_another_are_no_sum() {
    let answer = crews_and_runs(&[(Some(1), 1), (None, 6)]);
    let rows = publish(find_report("versions").unwrap(), &answer, K).rows;
    let label = json!("(2 together, some of fewer than 5)");
    assert_eq!(rows, [vec![label, json!(null), json!(6)]]);
}

#[test]
fn small_numbers_beside_a_row_and_what_leaves_few_of_it_are_left_out() {
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let answer = Answer {
        columns: vec![
            column("step", ColumnKind::Text),
            column("count", ColumnKind::Integer),
            column("deployments", ColumnKind::Integer),
            column("from_cli", ColumnKind::Integer),
            column("from_tui", ColumnKind::Integer),
            column("details", ColumnKind::List),
        ],
        rows: vec![
            vec![
                json!("create"),
                json!(42),
                json!(30),
                json!(40),
                json!(2),
                json!(["quota: 2"]),
            ],
            vec![
                json!("start"),
                json!(42),
                json!(42),
                json!(42),
                json!(0),
                json!(null),
            ],
        ],
        notes: vec!["few are grouped; --min-crews 1 shows every value".to_owned()],
    };
    let published = publish(find_report("deployments").unwrap(), &answer, K);
    let expected = [
        vec![
            json!("create"),
            json!(42),
            json!(30),
            json!(null),
            json!(null),
            json!(null),
        ],
        vec![
            json!("start"),
            json!(42),
            json!(42),
            json!(42),
            json!(0),
            json!(null),
        ],
    ];
    assert_eq!(published.rows, expected);
    assert_eq!(published.notes[0], "few are grouped");
}

#[test]
fn a_share_is_not_published_beside_a_grouped_row() {
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let answer = Answer {
        columns: vec![
            column("value", ColumnKind::Text),
            column("runs", ColumnKind::Integer),
            column("share", ColumnKind::Number),
        ],
        rows: vec![
            vec![json!("a"), json!(80), json!(0.8)],
            vec![json!("b"), json!(18), json!(0.18)],
            vec![json!("c"), json!(2), json!(0.02)],
        ],
        notes: Vec::new(),
    };
    let report = find_report("environment").unwrap();
    let rows = publish(report, &answer, K).rows;
    assert_eq!(rows[0], [json!("a"), json!(80), json!(null)]);
    assert_eq!(rows[1][1..], [json!(20), json!(null)]);
}

/// Three failures of sixty attempts: a rate of 5 % would tell the three.
#[test]
fn a_share_is_not_published_beside_a_number_of_few_that_it_tells() {
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let answer = Answer {
        columns: vec![
            column("value", ColumnKind::Text),
            column("crews", ColumnKind::Integer),
            column("failures", ColumnKind::Integer),
            column("attempts", ColumnKind::Integer),
            column("rate", ColumnKind::Number),
        ],
        rows: vec![
            vec![json!("a"), json!(40), json!(3), json!(60), json!(0.05)],
            vec![json!("b"), json!(40), json!(30), json!(60), json!(0.5)],
        ],
        notes: Vec::new(),
    };
    let rows = publish(find_report("failing").unwrap(), &answer, K).rows;
    let expected = [
        vec![json!("a"), json!(40), json!(null), json!(60), json!(null)],
        vec![json!("b"), json!(40), json!(30), json!(60), json!(0.5)],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn rows_of_different_things_are_not_added_up() {
    let mut answer = answer(&[Some(40), Some(3), Some(0), Some(2)]);
    answer.columns[1].name = "value".to_owned();
    let rows = publish(find_report("overview").unwrap(), &answer, K).rows;
    let values: Vec<&Value> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!(values, [&json!(40), &json!(null), &json!(0), &json!(null)]);
}

/// A crew that came back after one week is no count of one crew.
#[test]
fn a_number_that_counts_nobody_is_published_however_small() {
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let answer = Answer {
        columns: vec![
            column("first_week", ColumnKind::Moment),
            column("crews", ColumnKind::Integer),
            column("week", ColumnKind::Integer),
            column("returned", ColumnKind::Integer),
        ],
        rows: vec![vec![json!("2026-11-02"), json!(40), json!(1), json!(3)]],
        notes: Vec::new(),
    };
    let rows = publish(find_report("retention").unwrap(), &answer, K).rows;
    assert_eq!(
        rows,
        [vec![json!("2026-11-02"), json!(40), json!(1), json!(null)]]
    );
}

#[test]
fn what_is_shared_is_never_published() {
    let shared = find_report("shared").unwrap();
    assert!(publish(shared, &answer(&[Some(40)]), K).rows.is_empty());
}

proptest! {
    #[test]
    fn no_number_of_crews_or_runs_is_below_the_threshold(
        rows in prop::collection::vec((prop::option::of(0_u64..12), 0_u64..12), 0..8)
    ) {
        let rows: Vec<(Option<u64>, u64)> =
            rows.into_iter().map(|(crews, more)| (crews, crews.unwrap_or(0) + more)).collect();
        let published = publish(find_report("versions").unwrap(), &crews_and_runs(&rows), K).rows;
        for row in &published {
            for number in &row[1..] {
                prop_assert!(number.as_u64().is_none_or(|number| number == 0 || number >= K), "{row:?}");
            }
        }
        // Who knows all crews learns those of the grouped rows: enough of them, of two rows, or all there are.
        let shown: u64 = published.iter().filter(|row| !row[0].as_str().unwrap().starts_with('(')).filter_map(|row| row[1].as_u64()).sum();
        let total: u64 = rows.iter().filter_map(|(crews, _)| *crews).sum();
        prop_assert!(total == shown || total - shown >= K || shown == 0);
    }

    #[test]
    fn nothing_about_few_can_be_subtracted(counts in prop::collection::vec(prop::option::of(0_u64..40), 0..12)) {
        let rows = published(&counts);
        let total: u64 = counts.iter().flatten().sum();
        let shown: u64 = rows.iter().filter(|row| !row[0].as_str().unwrap().starts_with('(')).map(|row| row[1].as_u64().unwrap()).sum();
        let grouped = rows.iter().find(|row| row[0].as_str().unwrap().starts_with('('));
        for row in &rows {
            prop_assert!(row[1].as_u64().is_none_or(|count| count >= K), "{row:?}");
        }
        // Who knows the total learns the sum of the grouped rows: at least two of them, and about enough, or all.
        if let Some(grouped) = grouped {
            let hidden = counts.len() - (rows.len() - 1);
            prop_assert!(hidden >= 2 || counts.len() == 1);
            prop_assert!(total - shown >= K || shown == 0);
            prop_assert!(grouped[1].is_null() || grouped[1] == json!(total - shown));
        } else {
            prop_assert_eq!(shown, total);
        }
    }
}
