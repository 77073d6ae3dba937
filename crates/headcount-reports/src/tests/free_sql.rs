//! How free SQL is planned: names of expressions with casts, and arithmetic that does not wrap around.

use serde_json::json;

use super::*;

fn rows(query: &str) -> Value {
    let answer = sql(&reports(), query);
    let answer = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
    answer.to_json_rows()
}

fn refusal(query: &str) -> String {
    let error = sql(&reports(), query).unwrap_err();
    assert!(error.is_client_error(), "{query}: {error}");
    error.to_string()
}

#[test]
fn expressions_that_differ_by_a_cast_alone_are_different_columns() {
    let numbers = "(VALUES (1), (2), (3)) AS t (x)";
    for (query, expected) in [
        (
            format!("SELECT max(x) AS a, max(CAST(x AS DOUBLE)) AS b FROM {numbers}"),
            json!([{"a": 3, "b": 3.0}]),
        ),
        (
            format!("SELECT avg(x) AS a, avg(x::FLOAT) AS b, avg(TRY_CAST(x AS SMALLINT)) AS c FROM {numbers}"),
            json!([{"a": 2.0, "b": 2.0, "c": 2.0}]),
        ),
        (
            format!("SELECT x, CAST(x AS TEXT) FROM {numbers} ORDER BY x LIMIT 1"),
            json!([{"x": 1, "CAST(x AS TEXT)": "1"}]),
        ),
        (
            format!("SELECT x AS a, CAST(x AS TEXT) AS b, count(*) AS n FROM {numbers} GROUP BY x, CAST(x AS TEXT) ORDER BY 1 LIMIT 1"),
            json!([{"a": 1, "b": "1", "n": 1}]),
        ),
        (
            format!("SELECT sum(x) OVER () AS a, sum(CAST(x AS DOUBLE)) OVER () AS b FROM {numbers} LIMIT 1"),
            json!([{"a": 6, "b": 6.0}]),
        ),
        (
            format!("WITH w AS (SELECT count(DISTINCT x) AS a, count(DISTINCT CAST(x % 2 AS TEXT)) AS b, count(DISTINCT x % 2) AS c FROM {numbers}) SELECT * FROM w"),
            json!([{"a": 3, "b": 2, "c": 2}]),
        ),
        (
            "SELECT date_trunc('day', time) AS utc, date_trunc('day', time AT TIME ZONE 'Europe/Berlin') AS berlin, count(*) AS n \
             FROM (VALUES (TIMESTAMP '2026-11-01T23:30:00')) AS t (time) GROUP BY 1, 2"
                .to_owned(),
            json!([{"utc": "2026-11-01T00:00:00Z", "berlin": "2026-10-31T23:00:00Z", "n": 1}]),
        ),
    ] {
        assert_eq!(rows(&query), expected, "{query}");
    }
    assert!(
        sql(
            &reports(),
            &format!("EXPLAIN SELECT max(x) AS a, max(CAST(x AS DOUBLE)) AS b FROM {numbers}")
        )
        .is_ok()
    );
}

#[test]
fn a_name_that_is_taken_twice_says_the_way_out() {
    for query in [
        "SELECT x, x FROM (VALUES (1)) AS t (x)",
        "SELECT x, CAST('1' AS INT), x FROM (VALUES (1)) AS t (x)",
    ] {
        let text = refusal(query);
        assert!(text.contains("name each with AS in a subquery"), "{text}");
    }
    // Casts elsewhere leave a query as it is.
    assert_eq!(
        rows("SELECT CAST(x AS TEXT) FROM (VALUES (1)) AS t (x)"),
        json!([{"t.x": "1"}])
    );
}

#[test]
fn whole_numbers_do_not_wrap_around() {
    let greatest = i64::MAX;
    for query in [
        format!("SELECT {greatest} + 1"),
        format!("SELECT -{greatest} - 2"),
        format!("SELECT {greatest} * 2"),
        format!("SELECT x + 1 FROM (VALUES ({greatest})) AS t (x)"),
        format!("SELECT max(x * x) FROM (VALUES ({greatest}), (1)) AS t (x)"),
        format!("SELECT count(*) FROM (VALUES ({greatest})) AS t (x) WHERE x + 1 < 0"),
        "SELECT CAST(127 AS TINYINT) + CAST(1 AS TINYINT)".to_owned(),
    ] {
        let text = refusal(&query);
        assert!(text.to_lowercase().contains("overflow"), "{query}: {text}");
    }
}

#[test]
fn other_arithmetic_is_as_before() {
    assert_eq!(
        rows(
            "SELECT x + 1, 2 * x, x - y, x + 0.5 AS half, x / 2 AS quotient, CAST(1 AS SMALLINT) + x AS wide, NULL + 1 AS nothing \
              FROM (VALUES (3, 1), (NULL, 1)) AS t (x, y) ORDER BY x NULLS LAST"
        ),
        json!([
            {"t.x + Int64(1)": 4, "Int64(2) * t.x": 6, "t.x - t.y": 2, "half": 3.5, "quotient": 1, "wide": 4, "nothing": null},
            {"t.x + Int64(1)": null, "Int64(2) * t.x": null, "t.x - t.y": null, "half": null, "quotient": null, "wide": null, "nothing": null},
        ])
    );
    assert_eq!(
        rows("SELECT 18446744073709551615 + 1 AS n"),
        json!([{"n": 18_446_744_073_709_551_616.0}])
    );
    assert_eq!(
        rows("SELECT count(*) AS n FROM generate_series(1, 2 + 3) LIMIT 1 + 1"),
        json!([{"n": 5}])
    );
    assert_eq!(
        rows("SELECT TIMESTAMP '2026-11-01' + INTERVAL '1 day' AS t"),
        json!([{"t": "2026-11-02T00:00:00Z"}])
    );
}

#[test]
fn a_pattern_that_cannot_be_read_is_the_querys_own_fault() {
    for query in [
        "SELECT regexp_like('a', '(')",
        "SELECT regexp_like(x, '(') FROM (VALUES ('a'), ('b')) AS t (x)",
        "SELECT regexp_replace(x, y, 'z') FROM (VALUES ('a', '('), ('b', '[')) AS t (x, y)",
        "SELECT x FROM (VALUES ('a'), ('b')) AS t (x) WHERE x ~ '('",
    ] {
        let text = refusal(query);
        assert!(!text.contains("store"), "{text}");
    }
}
