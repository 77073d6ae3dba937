//! Answers as JSON, CSV and Markdown.

use serde_json::json;

use super::*;

fn one(query: &str) -> Value {
    sql(&reports(), query).unwrap().to_json_rows()
}

#[test]
fn values_keep_their_types() {
    let rows = one(
        "SELECT true AS b, false AS f, 0 AS zero, 1.5 AS d, '' AS empty, NULL AS absent, \
                    CAST('nan' AS DOUBLE) AS nan, CAST(2.50 AS DECIMAL(5, 2)) AS price",
    );
    let expected = json!([{
        "b": true, "f": false, "zero": 0, "d": 1.5, "empty": "", "absent": null, "nan": null, "price": 2.5
    }]);
    assert_eq!(rows, expected);
}

#[test]
fn moments_are_iso_8601_in_utc_and_lists_are_arrays() {
    let rows = one(
        "SELECT TIMESTAMP '2026-11-02T09:00:00.125' AS t, DATE '2026-11-02' AS d, ['a', NULL] AS l, \
                    named_struct('a', 1) AS s, arrow_cast(9223372036854775807, 'Timestamp(Second, None)') AS absurd",
    );
    let expected = json!([{
        "t": "2026-11-02T09:00:00.125Z", "d": "2026-11-02", "l": ["a", null], "s": {"a": 1}, "absurd": null
    }]);
    assert_eq!(rows, expected);
    let rows = one("SELECT time, tool_names FROM agents WHERE key = 'amk1'");
    let expected =
        json!([{"time": "2026-11-03T09:00:00Z", "tool_names": ["Word Counter", "word counter"]}]);
    assert_eq!(rows, expected);
}

#[test]
fn columns_of_one_name_stay_apart() {
    let rows = one(
        "SELECT a.id, t.id FROM agents a JOIN tasks t ON a.crew_key = t.crew_key WHERE a.id = 'am1'",
    );
    assert_eq!(rows, json!([{"id": "am1", "id_2": "tm1"}]));
}

#[test]
fn cells_are_quoted_where_the_format_needs_it() {
    let answer = sql(
        &reports(),
        "SELECT 'a|b\n\"c\", d' AS text, '' AS empty, NULL AS absent, 1 AS n",
    )
    .unwrap();
    assert_eq!(
        answer.to_csv(),
        "text,empty,absent,n\n\"a|b\n\"\"c\"\", d\",\"\",,1\n"
    );
    let markdown = answer.to_markdown();
    let lines: Vec<&str> = markdown.lines().collect();
    assert_eq!(lines[0], "| text | empty | absent | n |");
    assert_eq!(lines[1], "| --- | --- | --- | ---: |");
    assert_eq!(lines[2], "| a\\|b \"c\", d |  |  | 1 |");
}

#[test]
fn an_answer_survives_its_own_json() {
    let answer = ask(&reports(), "versions", &ReportParameters::default());
    let text = serde_json::to_string(&answer).unwrap();
    assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
}

#[test]
fn the_tables_are_listed_with_tier_and_rows() {
    let tables = reports().tables().to_json_rows();
    let tables = tables.as_array().unwrap();
    assert!(tables.contains(&json!({"table_name": "crews", "tier": "default", "rows": 10})));
    assert!(tables.contains(&json!({"table_name": "shared_io", "tier": "shared", "rows": 2})));
}
