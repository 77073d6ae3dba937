//! SQL of other people against a server: whatever a query does, the server lives and answers the next one.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use headcount_catalog::Catalog;
use headcount_lake::LakeSnapshot;
use headcount_reports::{Answer, QueryLimits, ReportError, Sandbox};
use serde_json::{Value, json};

use crate::support::{Server, corpus, headcount, json, path, run, stderr};

/// Joins that yield to nobody: they keep every thread of the engine until they are killed.
const ENDLESS: &str = "WITH t AS (SELECT value % 1000 AS v FROM generate_series(1, 3000)) \
                       SELECT count(*) FROM t a, t b, t c WHERE a.v + b.v + c.v = -1";

/// Rows for the queries that take memory.
const TEXTS: &str = "WITH texts AS (SELECT 'oooooooooo' || CAST(value AS TEXT) AS x FROM generate_series(1, 100000)) ";

fn ask(server: &Server, query: &str) -> Value {
    json(&[&["sql", query, "--format", "json"][..], &server.options()].concat())
}

/// Asks in the background.
fn start(server: &Server, query: &str) -> Child {
    let asked = headcount()
        .args(["sql", query])
        .args(server.options())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    asked.expect("it starts")
}

/// The highest resident memory of the process so far, in MiB.
fn peak_mib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().strip_suffix("kB").unwrap();
    kib.trim().parse::<u64>().unwrap() >> 10
}

/// The processes whose parent is `id`, with the processor time that each has used, in ticks.
fn children(id: u32) -> Vec<(u32, u64)> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name in parentheses may hold anything.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        if fields[1] == id.to_string() && fields[0] != "Z" {
            let own = entry.file_name().to_str().unwrap().parse().unwrap();
            children.push((own, fields[11].parse::<u64>().unwrap()));
        }
    }
    children
}

/// Waits until a query's process has computed for a second.
fn wait_for_work(server: &Server) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Some((id, _)) = children(server.id()).iter().find(|(_, ticks)| *ticks > 100) {
            return *id;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("no query computes");
}

fn is_running(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim().starts_with('Z'))
}

fn wait_for_end(id: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_running(id) {
        assert!(Instant::now() < deadline, "the query\'s process still runs");
        sleep(Duration::from_millis(50));
    }
}

/// Runs `query` in a process of its own over the rows of `data`.
fn in_sandbox(
    data: &std::path::Path,
    limits: QueryLimits,
    query: &str,
) -> Result<Answer, ReportError> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let program = env!("CARGO_BIN_EXE_headcount").into();
    let sandbox = Sandbox::new(program, vec!["query-process".into()], limits);
    runtime.block_on(async {
        let schema = Arc::clone(Catalog::embedded().schema());
        let snapshot = LakeSnapshot::read(data, schema).await.unwrap();
        let slot = sandbox.enter().await?;
        sandbox.sql(slot, snapshot, query).await
    })
}

#[test]
fn while_a_query_never_ends_every_other_question_is_answered() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let mut asking = start(&server, ENDLESS);
    let process = wait_for_work(&server);
    let begun = Instant::now();
    assert_eq!(ask(&server, "SELECT 1 AS one"), json!([{"one": 1}]));
    for arguments in [["report", "tools"], ["report", "overview"]] {
        let output = run(&[&arguments[..], &server.options()].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let sent = run(&[
        "ingest",
        path(&corpus("crewai-1.15.30/default")),
        "--url",
        &server.url,
    ]);
    assert_eq!(sent.status.code(), Some(0), "{}", stderr(&sent));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert!(is_running(process), "the first query is still computed");
    // Its asker gives up, and so does the server.
    asking.kill().unwrap();
    asking.wait().unwrap();
    wait_for_end(process);
}

#[test]
fn a_query_that_never_yields_ends_with_its_time() {
    let data = tempfile::tempdir().unwrap();
    let _server = Server::start(data.path());
    let limits = QueryLimits {
        time: Duration::from_secs(2),
        ..QueryLimits::default()
    };
    let begun = Instant::now();
    let error = in_sandbox(data.path(), limits, ENDLESS).unwrap_err();
    assert!(matches!(error, ReportError::TooSlow { .. }), "{error}");
    assert!(error.to_string().contains("timed out after 2 s"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_query_that_takes_memory_fails_alone() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let replaces = |depth: usize, start: &str| {
        format!(
            "{}{start}{}",
            "replace(".repeat(depth),
            ", 'o', 'oooooooooo')".repeat(depth)
        )
    };
    for query in [
        format!("SELECT length({})", replaces(10, "'oooooooooo'")),
        format!("{TEXTS}SELECT max(length({})) FROM texts", replaces(4, "x")),
        format!(
            "{TEXTS}SELECT max(length(replace(x, 'o', (SELECT string_agg(x, '') FROM texts)))) FROM texts"
        ),
        format!(
            "{TEXTS}SELECT max(length(overlay(x placing (SELECT string_agg(x, '') FROM texts) from 1 for 1))) FROM texts"
        ),
    ] {
        let begun = Instant::now();
        let output = run(&[&["sql", query.as_str()][..], &server.options()].concat());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{query}: {message}");
        assert!(
            message.contains("memory") || message.contains("overflow"),
            "{query}: {message}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(29),
            "{query}: {:?}",
            begun.elapsed()
        );
        assert_eq!(ask(&server, "SELECT 1 AS one"), json!([{"one": 1}]));
    }
    let peak = peak_mib(server.id());
    assert!(peak < 300, "the server took {peak} MiB");
}

#[test]
fn a_query_sees_the_rows_in_files_and_those_in_memory() {
    let data = tempfile::tempdir().unwrap();
    let count = |server: &Server, table: &str| {
        ask(server, &format!("SELECT count(*) AS n FROM \"{table}\""))[0]["n"]
            .as_u64()
            .unwrap()
    };
    let server = Server::start(data.path());
    let demo = |server: &Server, crews: &str| {
        let sent = run(&["demo", "--url", &server.url, "--crews", crews]);
        assert_eq!(sent.status.code(), Some(0), "{}", stderr(&sent));
    };
    demo(&server, "30");
    let in_memory = count(&server, "crews");
    assert!(in_memory > 0);
    // A stop flushes.
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(data.path());
    assert_eq!(count(&server, "crews"), in_memory);
    demo(&server, "60");
    for table in ["crews", "agents", "tasks", "tool_uses", "task_runs"] {
        let listed = json(&[&["tables", "--format", "json"][..], &server.options()].concat());
        let row = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["table_name"] == table);
        assert_eq!(
            count(&server, table),
            row.unwrap()["rows"].as_u64().unwrap(),
            "{table}"
        );
    }
    assert!(count(&server, "crews") > in_memory);
    let listed = ask(
        &server,
        "SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'public'",
    );
    assert_eq!(
        listed[0]["n"],
        json!(Catalog::embedded().schema().tables.len())
    );
}

#[test]
fn an_answer_is_the_same_in_a_process_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let ingested = run(&[
        "ingest",
        path(&corpus("crewai-1.15.30/default")),
        "--data",
        path(data.path()),
    ]);
    assert_eq!(ingested.status.code(), Some(0), "{}", stderr(&ingested));
    let server = Server::start(data.path());
    for query in [
        "SELECT * FROM crews",
        "SELECT * FROM agents ORDER BY role",
        "SELECT 0.1 + 0.2 AS a, 1e300 * 10 AS b, CAST('nan' AS DOUBLE) AS c, -0.0 AS d, 18446744073709551615 AS e, NULL AS f",
        "SELECT make_array(1, NULL, 3) AS a, named_struct('x', time, 'y', ['ä']) AS b FROM crews",
        "SELECT 1 AS a, 2 AS a_2, arrow_cast('x', 'Dictionary(Int32, Utf8)') AS b",
        "SELECT * FROM crews WHERE false",
    ] {
        let local = json(&[
            "sql",
            query,
            "--data",
            path(data.path()),
            "--format",
            "json",
        ]);
        assert_eq!(ask(&server, query), local, "{query}");
    }
    for query in [
        "SELEKT 1",
        "SELECT nonsense FROM crews",
        "SELECT 1/0",
        "SELECT CAST('x' AS INT)",
        "DROP TABLE crews",
    ] {
        let message = |backend: &[&str]| {
            let output = run(&[&["sql", query], backend].concat());
            assert_eq!(output.status.code(), Some(1), "{query}");
            // A server's text is not trusted with lines of the terminal.
            stderr(&output).replace('\u{fffd}', "\n")
        };
        assert_eq!(
            message(&server.options()),
            message(&["--data", path(data.path())])
        );
    }
}

#[test]
fn a_query_ends_with_its_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let mut asking = start(&server, ENDLESS);
    let process = wait_for_work(&server);
    server.kill();
    wait_for_end(process);
    asking.wait().unwrap();
}

#[test]
fn a_query_that_nests_deeply_is_answered_or_refused_and_the_next_one_answered() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    for query in [
        format!("SELECT {}1", "1+".repeat(8000)),
        format!("SELECT {}1{}", "(".repeat(4000), ")".repeat(4000)),
        format!("SELECT {}1", "NOT ".repeat(4000)),
    ] {
        let output = run(&[&["sql", query.as_str()][..], &server.options()].concat());
        assert!(
            !stderr(&output).contains("engine failed"),
            "{}",
            stderr(&output)
        );
        assert_eq!(ask(&server, "SELECT 1 AS one"), json!([{"one": 1}]));
    }
}

#[test]
fn a_process_inherits_nothing_and_may_not_write() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let mut asking = start(&server, ENDLESS);
    let process = wait_for_work(&server);
    let of_process = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap();
    assert_eq!(of_process("environ"), "");
    assert_eq!(of_process("oom_score_adj").trim(), "1000");
    let limits = of_process("limits");
    for (name, soft) in [
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max open files", "256"),
    ] {
        let line = limits
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        assert_eq!(line.split_whitespace().next(), Some(soft), "{name}");
    }
    let address_space = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"));
    assert!(
        !address_space.unwrap().trim().starts_with("unlimited"),
        "{limits}"
    );
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .flatten();
    for descriptor in descriptors {
        let target = fs::read_link(descriptor.path()).unwrap();
        assert!(!target.starts_with(data.path()), "{}", target.display());
    }
    asking.kill().unwrap();
    asking.wait().unwrap();
}

#[test]
fn a_process_without_a_query_ends_with_its_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    assert_eq!(ask(&server, "SELECT 1 AS one"), json!([{"one": 1}]));
    let deadline = Instant::now() + Duration::from_secs(20);
    let spare = loop {
        if let Some((id, _)) = children(server.id()).first() {
            break *id;
        }
        assert!(
            Instant::now() < deadline,
            "no process waits for the next query"
        );
        sleep(Duration::from_millis(20));
    };
    server.kill();
    wait_for_end(spare);
}

#[test]
fn what_is_no_query_ends_the_process() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_headcount"))
        .arg("query-process")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::Write as _;
    process
        .stdin
        .take()
        .unwrap()
        .write_all(b"\x05\0\0\0hello")
        .unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(1));
}

#[test]
fn the_fifth_of_five_long_queries_is_told_that_four_run() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let mut running: Vec<Child> = (0..4).map(|_| start(&server, ENDLESS)).collect();
    let token = fs::read_to_string(&server.token_file).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let page = ureq::get(format!("{}/metrics", server.url))
            .header("authorization", format!("Bearer {}", token.trim()))
            .call();
        let page = page.unwrap().body_mut().read_to_string().unwrap();
        if page.contains("\nheadcount_sql_queries_running 4\n") {
            break;
        }
        assert!(Instant::now() < deadline, "four queries do not run");
        sleep(Duration::from_millis(50));
    }
    let fifth = run(&[&["sql", "SELECT 1"][..], &server.options()].concat());
    assert_eq!(fifth.status.code(), Some(1));
    assert!(
        stderr(&fifth).contains("4 queries are running"),
        "{}",
        stderr(&fifth)
    );
    for asking in &mut running {
        asking.kill().unwrap();
        asking.wait().unwrap();
    }
}
