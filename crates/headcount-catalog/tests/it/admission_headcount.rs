//! What Headcount's own client sends arrives whole. The expectations come from the catalog: a field that is added to it is
//! missing here until the dialect has it.

use crate::support;
use std::collections::BTreeMap;

use crate::support::client::{
    NOT_SENT, SPANS, admit, admit_all, example, fields, filled, is_shared, resource,
};
use crate::support::{START_NS, holds, refusals, refused, span, table};
use headcount_catalog::{Catalog, Field, Kind, Outcome, Place, RECEIPT_COLUMN, Tier};
use serde_json::{Map, Value, json};

/// The row of the one span, without the columns that every table begins with.
fn own_columns(outcome: &Outcome, name: &str) -> Map<String, Value> {
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (1, 0));
    assert_eq!(refusals(outcome), [], "{name}");
    let mut rows = table(outcome, name);
    assert_eq!((rows.len(), outcome.batch.row_count()), (1, 1), "{name}");
    let mut row = rows.remove(0);
    let start_us = i64::try_from(START_NS / 1_000).unwrap();
    assert_eq!(row.remove("time"), Some(json!(start_us)));
    let mut said = BTreeMap::from([
        ("framework", "loom"),
        ("framework_version", "0.3.1"),
        ("runtime", "python"),
        ("runtime_version", "3.13.0"),
    ]);
    if !is_shared(name) {
        said.extend([
            ("coding_agent", "codex"),
            ("runtime_context", "ci"),
            ("cpu_band", "33+"),
            ("instrumentation", "loom-bridge"),
            ("instrumentation_version", "0.2.0"),
        ]);
    }
    for (column, value) in said {
        assert_eq!(row.remove(column), Some(json!(value)), "{name}.{column}");
    }
    row.remove("table");
    row
}

#[test]
fn each_span_fills_its_row_and_nothing_of_it_is_refused() {
    for (name, table, facts) in SPANS {
        let mut row = own_columns(&admit(&[filled(name, table, example)]), table);
        for fact in facts {
            assert!(row.remove(*fact).is_some(), "{name} says no {fact}");
        }
        for (key, field) in fields(name, table) {
            let found = row.remove(&field.name);
            match field.kind {
                // Its hash.
                Kind::Key => assert!(found.is_some_and(|key| key != example(field)), "{key}"),
                _ => assert_eq!(found, Some(example(field)), "{name}, {key}"),
            }
        }
        assert!(row.is_empty(), "{name} says more: {row:?}");
    }
}

/// Promise 9: absent is distinct from `false`, `0` and `""`.
#[test]
fn false_zero_and_nothing_written_are_kept() {
    let least = |field: &Field| match field.kind {
        Kind::Boolean => json!(false),
        Kind::Integer => json!(field.limits.min.unwrap() as i64),
        Kind::Double | Kind::Duration => json!(0.0),
        Kind::Enum | Kind::Timestamp | Kind::Version => example(field),
        _ if field.limits.max_items.is_some() => json!([]),
        _ => json!(""),
    };
    for (name, table, _) in SPANS {
        let row = own_columns(&admit(&[filled(name, table, least)]), table);
        for (key, field) in fields(name, table) {
            assert_eq!(row.get(&field.name), Some(&least(field)), "{name}, {key}");
        }
        let bare = filled(name, table, |_| json!(null));
        let outcome = admit(&[bare]);
        assert_eq!(refusals(&outcome), []);
        let rows = support::table(&outcome, table);
        assert_eq!(rows.len(), usize::from(!is_shared(table)), "{name}");
        for (key, field) in fields(name, table) {
            assert!(
                rows.iter().all(|row| !row.contains_key(&field.name)),
                "{name}, {key}"
            );
        }
    }
}

#[test]
fn each_field_that_a_client_may_send_is_reached() {
    let catalog = Catalog::embedded();
    for (id, table) in catalog.schema().iter() {
        let spans = SPANS.iter().filter(|(_, of, _)| *of == table.name);
        if NOT_SENT.contains(&table.name.as_str()) {
            assert_eq!(spans.count(), 0);
            continue;
        }
        // A receipt comes beside the spans.
        let mut reached: Vec<String> = ["time", RECEIPT_COLUMN].map(str::to_owned).to_vec();
        for (name, ..) in spans {
            let outcome = admit(&[filled(name, &table.name, example)]);
            reached.extend(support::table(&outcome, &table.name)[0].keys().cloned());
        }
        for (index, column) in table.columns.iter().enumerate() {
            let (category, _) = catalog.source(id, index).unwrap();
            assert!(
                reached.contains(&column.name),
                "{}.{} goes nowhere",
                category.id,
                column.name
            );
        }
    }
}

/// The client's author needs no table of names: the key says where a value goes.
#[test]
fn a_key_is_its_category_and_field() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../catalog/dialects/headcount.yaml"
    );
    let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let object = |value: &Value| value.as_object().unwrap().clone();
    let spans = object(&file["spans"]);
    let mut names: Vec<&str> = SPANS.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    let mut found: Vec<&str> = spans.keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, names);
    for (name, table, _) in SPANS {
        let mut attributes = object(&spans[name]["attributes"]);
        let mark = attributes.remove("consent.share_crew");
        assert_eq!(
            mark,
            is_shared(table).then(|| json!({"mark": true})),
            "{name}"
        );
        let expected: Map<String, Value> = fields(name, table)
            .iter()
            .map(|(key, field)| (key.clone(), json!(format!("{table}.{}", field.name))))
            .collect();
        assert_eq!(attributes, expected, "{name}");
    }
    let places = [Place::EveryTable, Place::EveryDefaultTable];
    let categories = Catalog::embedded().categories().iter().skip(1);
    let expected: Map<String, Value> = categories
        .flat_map(|category| category.fields.iter().map(move |field| (category, field)))
        .filter(|(_, field)| places.contains(&field.place))
        .map(|(category, field)| {
            let target = format!("every_row.{}", field.name);
            (format!("{}.{}", category.id, field.name), json!(target))
        })
        .collect();
    assert_eq!(object(&file["resource"]), expected);
}

#[test]
fn a_body_of_two_processes_gives_rows_of_both() {
    let crew = [span("Crew Created", json!({"crew.task_count": 0}))];
    let python = json!({"versions.framework": "loom", "versions.framework_version": "0.3.1", "versions.runtime": "python"});
    let rust = json!({"versions.framework": "reel", "versions.framework_version": "2.0.0", "versions.runtime": "rust"});
    let silent = json!({});
    let outcome = admit_all(&[
        (python, "headcount", &crew),
        (rust, "headcount", &crew),
        (silent, "headcount", &crew),
    ]);
    let found: Vec<Value> = table(&outcome, "crews")
        .iter()
        .map(|row| {
            json!([
                row["framework"],
                row.get("framework_version"),
                row["runtime"]
            ])
        })
        .collect();
    assert_eq!(
        found,
        [
            json!(["loom", "0.3.1", "python"]),
            json!(["reel", "2.0.0", "rust"]),
            json!(["headcount", null, "rust"]),
        ]
    );
}

#[test]
fn what_the_resource_says_amiss_is_counted_and_the_rest_is_kept() {
    let mut amiss = resource();
    amiss["versions.framework"] = json!("CONTENT with spaces");
    amiss["versions.runtime"] = json!("CONTENT");
    amiss["execution_environment.cpu_band"] = json!(4);
    amiss["host.name"] = json!("CONTENT");
    let outcome = admit_all(&[(
        amiss,
        "headcount",
        &[span("Losses", json!({"losses.count": 3}))],
    )]);
    assert!(!holds(&outcome, "CONTENT"));
    let row = &table(&outcome, "losses")[0];
    let columns = [
        "framework",
        "framework_version",
        "runtime",
        "runtime_version",
        "count",
    ];
    let found: Vec<_> = columns.iter().map(|column| row[*column].clone()).collect();
    assert_eq!(
        found,
        [
            json!("headcount"),
            json!("0.3.1"),
            json!("rust"),
            json!("3.13.0"),
            json!(3)
        ]
    );
    for (key, reason) in [
        ("versions.framework", "malformed_text"),
        ("versions.runtime", "not_in_vocabulary"),
        ("execution_environment.cpu_band", "wrong_type"),
    ] {
        assert_eq!(refused(&outcome, "Losses", key, reason), 1, "{key}");
    }
    assert_eq!(refusals(&outcome).len(), 3);
}

#[test]
fn a_span_of_another_name_is_refused() {
    let outcome = admit(&[span(
        "Flow Execution",
        json!({"flow_lifecycle.event": "started"}),
    )]);
    assert_eq!((outcome.spans_accepted, outcome.spans_rejected), (0, 1));
    assert_eq!(
        refusals(&outcome),
        [(
            "(unknown)".to_owned(),
            "(span)".to_owned(),
            "unknown_span".to_owned(),
            1
        )]
    );
}

#[test]
fn a_count_of_no_losses_is_refused() {
    for (count, reason) in [
        (json!(0), "out_of_range"),
        (json!(-1), "out_of_range"),
        (json!("many"), "wrong_type"),
    ] {
        let outcome = admit(&[span(
            "Losses",
            json!({"losses.reason": "too_old", "losses.count": count}),
        )]);
        assert_eq!(refused(&outcome, "Losses", "losses.count", reason), 1);
    }
}

#[test]
fn a_failed_span_says_so() {
    for (name, table) in [
        ("Task Execution", "task_runs"),
        ("Crew Completed", "crew_completions"),
    ] {
        let mut failed = span(name, json!({}));
        failed.status = headcount_wire::StatusCode::Error;
        let outcome = admit(&[failed, span(name, json!({}))]);
        let rows = support::table(&outcome, table);
        assert_eq!(
            (&rows[0]["outcome"], &rows[1]["outcome"]),
            (&json!("failed"), &json!("completed"))
        );
        assert_eq!(rows[0]["duration"], json!(1.5));
    }
}

#[test]
fn the_tiers_of_the_list_above_are_the_catalog_s() {
    for (_, table, _) in SPANS {
        let schema = Catalog::embedded().schema();
        let found = schema.table(schema.table_id(table).unwrap()).unwrap();
        assert_eq!(found.tier == Tier::Shared, is_shared(table), "{table}");
    }
}
