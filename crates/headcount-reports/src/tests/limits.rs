//! Free SQL only reads, and keeps its limits.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn limited(limits: QueryLimits) -> Reports {
    let tables = Catalog::embedded().schema().tables.iter();
    let dataset = dataset();
    Reports::over(
        tables.map(|table| source(table, &dataset)).collect(),
        limits,
    )
}

#[test]
fn a_query_reads_every_table_and_the_information_schema() {
    let reports = reports();
    let tables = &Catalog::embedded().schema().tables;
    for table in tables {
        assert!(sql(&reports, &format!("SELECT * FROM {}", table.name)).is_ok());
    }
    let listed = sql(
        &reports,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
    );
    assert_eq!(listed.unwrap().rows.len(), tables.len());
    assert!(sql(&reports, "SHOW TABLES").is_ok());
    assert!(sql(&reports, "DESCRIBE crews").is_ok());
    assert!(sql(&reports, "EXPLAIN SELECT count(*) FROM crews").is_ok());
}

#[test]
fn whatever_does_more_than_read_is_refused() {
    let reports = reports();
    for query in [
        "CREATE TABLE x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "DROP TABLE crews",
        "INSERT INTO crews (id) VALUES ('x')",
        "DELETE FROM crews",
        "UPDATE crews SET id = 'x'",
        "COPY crews TO '/tmp/headcount-reports-test.csv'",
        "SET datafusion.execution.batch_size = 1",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT 1; SELECT 2",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "",
        "-- nothing",
        "SELECT $1",
        "SELEKT 1",
        "SELECT nonsense FROM crews",
    ] {
        let error = sql(&reports, query).unwrap_err();
        assert!(error.is_client_error(), "{query}: {error}");
    }
    assert!(!std::path::Path::new("/tmp/headcount-reports-test.csv").exists());
}

#[test]
fn a_runaway_query_is_stopped() {
    let reports = limited(QueryLimits {
        time: Duration::from_millis(300),
        ..QueryLimits::default()
    });
    let start = Instant::now();
    let error = sql(
        &reports,
        "SELECT count(*) FROM generate_series(1, 100000000000) a, generate_series(1, 100000) b",
    );
    assert!(
        matches!(error, Err(ReportError::TooSlow { .. })),
        "{error:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn memory_is_limited() {
    let reports = limited(QueryLimits {
        memory_bytes: 8 << 20,
        ..QueryLimits::default()
    });
    let query = "SELECT count(*) FROM (SELECT value % 4999999, count(*) FROM generate_series(1, 5000000) GROUP BY value % 4999999)";
    let error = sql(&reports, query);
    assert!(
        matches!(error, Err(ReportError::TooMuchMemory { .. })),
        "{error:?}"
    );
    let query = "SELECT distinct_count(value) FROM generate_series(1, 5000000)";
    let error = sql(&reports, query);
    assert!(
        matches!(error, Err(ReportError::TooMuchMemory { .. })),
        "{error:?}"
    );
    let error = sql(&reports, "SELECT repeat('x', 2000000000)");
    assert!(matches!(error, Err(ReportError::Refused(_))), "{error:?}");
}

#[test]
fn the_answer_and_the_query_are_limited() {
    let reports = limited(QueryLimits {
        answer_bytes: 1 << 20,
        ..QueryLimits::default()
    });
    let error = sql(&reports, "SELECT value FROM generate_series(1, 10000000)");
    assert!(
        matches!(error, Err(ReportError::AnswerTooLarge { .. })),
        "{error:?}"
    );
    let error = sql(&reports, &format!("SELECT '{}'", "x".repeat(100_000)));
    assert!(
        matches!(error, Err(ReportError::QueryTooLong { .. })),
        "{error:?}"
    );
}

/// Views of one text are small in the engine, and each is a text of its own in an answer.
#[test]
fn an_answer_is_limited_by_what_its_rows_become() {
    let reports = limited(QueryLimits {
        answer_bytes: 8 << 20,
        ..QueryLimits::default()
    });
    let text = "x".repeat(1000);
    let name = "n".repeat(1000);
    for query in [
        format!(
            "SELECT t.word FROM (SELECT arrow_cast('{text}', 'Utf8View') AS word) AS t CROSS JOIN generate_series(1, 50000)"
        ),
        format!("SELECT value AS {name} FROM generate_series(1, 50000)"),
    ] {
        let error = sql(&reports, &query);
        assert!(
            matches!(error, Err(ReportError::AnswerTooLarge { .. })),
            "{:?}",
            error.map(|answer| answer.rows.len())
        );
    }
}

#[test]
fn hostile_nesting_is_survived() {
    let reports = limited(QueryLimits {
        time: Duration::from_secs(10),
        ..QueryLimits::default()
    });
    for query in [
        format!("SELECT 1{}", "+1".repeat(8_000)),
        format!("SELECT {}1", "- ".repeat(8_000)),
        format!(
            "SELECT 1 FROM crews WHERE {} true",
            "id = 'x' OR ".repeat(1_000)
        ),
        format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(800)),
    ] {
        let answer = sql(&reports, &query);
        assert!(!matches!(answer, Err(ReportError::Engine(_))), "{answer:?}");
    }
    let nested = format!("SELECT {}1{}", "(".repeat(8_000), ")".repeat(8_000));
    assert!(matches!(
        sql(&reports, &nested),
        Err(ReportError::Refused(_))
    ));
    assert!(
        sql(&reports, "SELECT 1").is_ok(),
        "and the next query is answered"
    );
}

#[test]
fn distinct_counts_are_exact() {
    let query = "SELECT distinct_count(value % 1000) AS a, distinct_count(CAST(value AS VARCHAR)) AS b, \
                 distinct_count(CASE WHEN value < 0 THEN 1 END) AS c, distinct_count(value) FILTER (WHERE value <= 7) AS d \
                 FROM generate_series(1, 200000)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([1000, 200_000, 0, 7]));
    let query = "SELECT max(d), min(d), count(*) FROM (SELECT value % 1000 AS g, distinct_count(value) AS d \
                 FROM generate_series(1, 200000) GROUP BY value % 1000)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([200, 200, 1000]));
}

#[test]
fn of_several_values_the_first_filled_one_counts() {
    let query = "SELECT distinct_count(a, b) AS n, distinct_count(b) AS b, distinct_count(a) AS a \
                 FROM (VALUES ('k', 'x'), ('k', 'y'), ('', 'x'), (NULL, 'z'), (NULL, ''), (NULL, NULL)) AS t (a, b)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([3, 3, 1]));
}

#[test]
fn a_list_counts_its_items() {
    let query = "SELECT distinct_count(l) AS n, distinct_count(tool_key(l)) AS tools \
                 FROM (VALUES (['Word Counter', 'a']), (['word_counter', '', NULL]), ([]), (NULL)) AS t (l)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([3, 2]));
}

#[test]
fn a_percentile_is_a_value_that_the_share_is_at_most() {
    let query = "SELECT percentile(v, 0.5) AS half, percentile(v, 0.95) AS most, percentile(v, 0) AS least, \
                 percentile(v, 1.0) AS all, percentile(v, 0.5) FILTER (WHERE v > 900) AS few, \
                 percentile(CAST(NULL AS DOUBLE), 0.5) AS none, percentile(-v, 0.5) AS negative \
                 FROM (VALUES (3.25), (7), (900), (1e9), (CAST('NaN' AS DOUBLE)), (NULL)) AS t (v)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    let expected = json!([7.0, 1e9, 3.25, 1e9, 1e9, null, -900.0]);
    assert_eq!(Value::from(row.as_slice()), expected);
    assert!(sql(&reports(), "SELECT percentile(1, 2)").is_err());
    assert!(
        sql(
            &reports(),
            "SELECT percentile(1, value) FROM generate_series(1, 2)"
        )
        .is_err()
    );
}

#[test]
fn a_percentile_of_many_values_is_close_and_the_same_in_any_order() {
    let of = |order: &str| {
        let query = format!(
            "SELECT value % 2, percentile(value, 0.5), percentile(value, 0.95) FROM \
             (SELECT value FROM generate_series(1, 100000) ORDER BY {order}) GROUP BY value % 2 ORDER BY 1"
        );
        sql(&reports(), &query).unwrap().rows
    };
    let answers = of("value");
    assert_eq!(answers, of("value DESC"));
    assert_eq!(answers, of("value % 1000"));
    for row in &answers {
        let (half, most) = (row[1].as_f64().unwrap(), row[2].as_f64().unwrap());
        assert!((50_000.0..=50_000.0 * 1.004).contains(&half), "{half}");
        assert!((95_000.0..=95_000.0 * 1.004).contains(&most), "{most}");
    }
}

#[test]
fn a_set_of_tools_has_each_key_once_in_order_on_a_line() {
    let query = "SELECT tool_set(l) AS s, tool_key(l) AS k \
                 FROM (VALUES (['b c', 'A', '', 'B_C', NULL]), (['A', 'b c']), (['']), ([]), (NULL)) AS t (l)";
    let rows = sql(&reports(), query).unwrap().rows;
    let expected = json!([
        ["a\nb_c", ["b_c", "a", "", "b_c", null]],
        ["a\nb_c", ["a", "b_c"]],
        ["", [""]],
        ["", []],
        [null, null]
    ]);
    assert_eq!(Value::from_iter(rows), expected);
    assert!(sql(&reports(), "SELECT tool_set('a')").is_err());
}

#[test]
fn a_text_counts_once_whichever_type_it_comes_in() {
    let query = "SELECT union_count(s) AS n FROM \
                 (SELECT distinct_set(arrow_cast('abc', 'Utf8')) AS s UNION ALL SELECT distinct_set(arrow_cast('abc', 'Utf8View')) \
                  UNION ALL SELECT distinct_set(tool_key('abc')) UNION ALL SELECT distinct_set(arrow_cast('abc', 'LargeUtf8')))";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([1]));
}

#[test]
fn sets_of_groups_are_counted_together() {
    let query = "SELECT union_count(s) AS n, union_count(s) FILTER (WHERE g = 0) AS zero FROM \
                 (SELECT value % 3 AS g, distinct_set(value % 1000) AS s FROM generate_series(1, 200000) GROUP BY value % 3)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([1000, 1000]));
    let query = "SELECT union_count(s) AS n FROM \
                 (SELECT distinct_set(value) AS s FROM generate_series(1, 10) WHERE value > 10)";
    let row = &sql(&reports(), query).unwrap().rows[0];
    assert_eq!(Value::from(row.as_slice()), json!([0]));
    assert!(sql(&reports(), "SELECT union_count(1)").is_err());
    assert!(sql(&reports(), "SELECT tool_key(1)").is_err());
    assert!(sql(&reports(), "SELECT distinct_count()").is_err());
}

fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "SELECT",
        "*",
        "FROM",
        "crews",
        "agents",
        "WHERE",
        "(",
        ")",
        ",",
        "id",
        "=",
        "'x'",
        "1",
        "GROUP BY",
        "key",
        "count(*)",
        "JOIN",
        "ON",
        "unnest(tool_names)",
        "CAST",
        "AS",
        "time",
        "-",
        "NULL",
        "ORDER BY",
        "LIMIT",
        "0",
        "tool_key(role)",
        "distinct_count(id)",
        "\"",
        "OVER",
        "UNION ALL",
        "[",
        "]",
        "CASE",
        "WHEN",
        "END",
        "DISTINCT",
        "$1",
        "1e400",
        "INTERVAL",
        "::",
        "date_trunc('day', time)",
    ];
    prop_oneof![9 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_brings_the_engine_down(words in prop::collection::vec(word(), 0..24)) {
        let reports = limited(QueryLimits { time: Duration::from_secs(2), ..QueryLimits::default() });
        let query = words.join(" ");
        if let Err(error) = sql(&reports, &query) {
            prop_assert!(!error.to_string().contains("internal error"), "{query}: {error}");
        }
    }
}
