//! Crews are erased and exported by whoever runs the collector, and a proof tells what is left.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use ureq::Agent;

use crate::support::{Server, corpus, json, path, run, stderr, stdout};

/// A folder with genuine traffic of several crews, some of which share their content.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = ["shared", "default", "hierarchical"].map(|name| {
        let folder = corpus(&format!("crewai-1.15.30/{name}"));
        path(&folder).to_owned()
    });
    let mut arguments = vec!["ingest", "--data", path(folder.path())];
    arguments.extend(scenarios.iter().map(String::as_str));
    let ingested = run(&arguments);
    assert_eq!(ingested.status.code(), Some(0), "{}", stderr(&ingested));
    folder
}

fn sql(data: &Path, query: &str) -> Vec<Value> {
    let rows = json(&["sql", query, "--data", path(data), "--format", "json"]);
    rows.as_array().unwrap().clone()
}

/// The crews' keys, the ones with most runs first.
fn keys(data: &Path) -> Vec<String> {
    let rows = sql(
        data,
        "SELECT key FROM crews GROUP BY key ORDER BY count(*) DESC, key",
    );
    let keys = rows
        .iter()
        .map(|row| row["key"].as_str().unwrap().to_owned());
    keys.collect()
}

/// The rows of each table, as a table of text, without those of the crew.
fn others(data: &Path, key: &str) -> BTreeMap<String, Vec<Value>> {
    let tables = json(&["tables", "--data", path(data), "--format", "json"]);
    let names = tables.as_array().unwrap().iter();
    let names = names.map(|table| table["table_name"].as_str().unwrap());
    names
        .map(|name| {
            let own = match name {
                "crews" => "key",
                "tool_uses" | "flow_events" | "feature_uses" | "human_feedback"
                | "environments" | "projects" | "activity" | "losses" | "refusals"
                | "deployments" | "agent_runs" | "model_calls" | "handoffs" => "NULL",
                _ => "crew_key",
            };
            let query = format!("SELECT * FROM {name} WHERE {own} IS DISTINCT FROM '{key}'");
            let mut rows = sql(data, &query);
            rows.sort_by_key(Value::to_string);
            (name.to_owned(), rows)
        })
        .collect()
}

fn erase(data: &Path, further: &[&str]) -> std::process::Output {
    run(&[&["erase", "--data", path(data)], further].concat())
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn an_erased_crew_is_gone_its_neighbours_stay_and_a_proof_finds_an_old_file() {
    let folder = filled();
    let data = folder.path();
    let key = keys(data).remove(0);
    let of_crew = ["--crew-key", key.as_str()];

    let counted = erase(
        data,
        &[&of_crew[..], &["--dry-run", "--format", "json"]].concat(),
    );
    assert_eq!(counted.status.code(), Some(0), "{}", stderr(&counted));
    let counted: Value = serde_json::from_str(&stdout(&counted)).unwrap();
    let count = |table: &str| {
        let mut rows = counted.as_array().unwrap().iter();
        let row = rows.find(|row| row["table_name"] == table).unwrap();
        row["rows"].as_u64().unwrap()
    };
    assert!(count("crews") > 0 && count("tasks") > 0 && count("shared_tasks") > 0);
    let total: u64 = counted
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["rows"].as_u64())
        .sum();

    // The export has exactly these rows, with every column.
    let exported = run(&[&["export", "--data", path(data)], &of_crew[..]].concat());
    assert_eq!(exported.status.code(), Some(0), "{}", stderr(&exported));
    let text = stdout(&exported);
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len() as u64, total);
    let tasks = rows.iter().filter(|row| row["table"] == "shared_tasks");
    let tasks: Vec<&Value> = tasks.collect();
    assert_eq!(tasks.len() as u64, count("shared_tasks"));
    assert!(
        tasks
            .iter()
            .all(|row| row["tier"] == "shared" && row["crew_key"] == key.as_str())
    );
    assert!(tasks.iter().any(|row| row["description"].is_string()));
    let columns = sql(data, "DESCRIBE shared_tasks").len();
    assert_eq!(tasks[0].as_object().unwrap().len(), columns + 2);
    let to = folder.path().join("../export-of-a-test.json");
    let array = run(&[
        &[
            "export",
            "--data",
            path(data),
            "--format",
            "json",
            "--to",
            path(&to),
        ],
        &of_crew[..],
    ]
    .concat());
    assert_eq!(array.status.code(), Some(0), "{}", stderr(&array));
    let array: Vec<Value> = serde_json::from_str(&fs::read_to_string(&to).unwrap()).unwrap();
    fs::remove_file(&to).unwrap();
    assert_eq!(array, rows);

    let before = others(data, &key);
    let old = files_below(&data.join("tables/shared/shared_tasks"));
    let old = old
        .iter()
        .find(|file| file.extension().is_some_and(|ending| ending == "parquet"));
    let old = fs::read(old.unwrap()).unwrap();
    let erased = erase(data, &[&of_crew[..], &["--prove"]].concat());
    assert_eq!(erased.status.code(), Some(0), "{}", stderr(&erased));
    assert!(
        stdout(&erased).contains(&format!("{total} rows were erased")),
        "{}",
        stdout(&erased)
    );
    assert!(
        stderr(&erased).contains("nothing is left"),
        "{}",
        stderr(&erased)
    );
    assert_eq!(others(data, &key), before);
    let nothing = run(&[&["export", "--data", path(data)], &of_crew[..]].concat());
    assert_eq!(
        (nothing.status.code(), stdout(&nothing).as_str()),
        (Some(0), "")
    );
    let listed = json(&["erase", "--list", "--data", path(data), "--format", "json"]);
    assert_eq!(
        (&listed[0]["order"], &listed[0]["state"], &listed[0]["rows"]),
        (&json!(1), &json!("done"), &json!(total))
    );
    assert!(!listed.to_string().contains(&key));

    // A copy that somebody kept is found, also without being told of whom.
    fs::write(data.join("tables/kept.parquet"), old).unwrap();
    for named in [&of_crew[..], &[]] {
        let proof = match named.is_empty() {
            true => erase(data, &["--prove", "--format", "json"]),
            false => erase(data, &[named, &["--prove", "--format", "json"]].concat()),
        };
        assert_eq!(proof.status.code(), Some(1), "{}", stderr(&proof));
        let text = stdout(&proof);
        let list = &text[text.find('[').unwrap()..];
        let left: Value = serde_json::from_str(list).unwrap();
        let files = left.as_array().unwrap().iter();
        assert!(
            files
                .clone()
                .all(|left| left["file"] == "tables/kept.parquet"),
            "{left}"
        );
        assert!(
            files.clone().any(|left| left["rows"].as_u64() > Some(0)),
            "{left}"
        );
    }
}

#[test]
fn wrong_selections_are_explained_and_erase_nothing() {
    let folder = filled();
    let data = folder.path();
    let before = json(&["tables", "--data", path(data), "--format", "json"]);
    for (arguments, code) in [
        (&[][..], 2),
        (&["--crew-key", "research crew"], 2),
        (&["--crew-id", ""], 2),
        (&["--list", "--crew-key", "5d41a2c8e0b7f319"], 2),
        (&["--prove", "--dry-run"], 2),
    ] {
        let refused = erase(data, arguments);
        assert_eq!(
            refused.status.code(),
            Some(code),
            "{arguments:?}: {}",
            stderr(&refused)
        );
    }
    let nowhere = run(&[
        "erase",
        "--crew-key",
        "5d41a2c8e0b7f319",
        "--data",
        "/nonexistent",
    ]);
    assert_eq!(nowhere.status.code(), Some(3));
    let nobody = erase(data, &["--crew-key", "5d41a2c8e0b7f319"]);
    assert_eq!(nobody.status.code(), Some(0), "{}", stderr(&nobody));
    assert!(stdout(&nobody).contains(" 0 rows were erased"));
    assert_eq!(
        json(&["tables", "--data", path(data), "--format", "json"]),
        before
    );
}

#[test]
fn a_running_server_takes_an_order_from_an_administrator_and_the_next_start_carries_it_out() {
    let folder = filled();
    let data = folder.path();
    let key = keys(data).remove(0);
    let server = Server::start(data);
    let token = |role: &str| {
        let made = run(&[
            "token",
            "new",
            "--role",
            role,
            "--name",
            role,
            "--data",
            path(data),
        ]);
        stdout(&made).trim().to_owned()
    };
    let [analyst, admin] = ["analyst", "admin"].map(token);
    std::thread::sleep(std::time::Duration::from_millis(700));
    let config = Agent::config_builder().http_status_as_error(false).build();
    let agent = Agent::new_with_config(config);
    let send = |path: &str, token: &str, headers: &[(&str, &str)], body: Value| {
        let mut request = agent
            .post(format!("{}{path}", server.url))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body.to_string()).expect("a response");
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    };
    let order = |token: &str| send("/api/v1/erasures", token, &[], json!({"crew_keys": [key]})).0;
    assert_eq!(order(&analyst), 403);
    let elsewhere = [("sec-fetch-site", "cross-site")];
    let forged = send(
        "/api/v1/erasures",
        &admin,
        &elsewhere,
        json!({"crew_keys": [key]}),
    );
    assert_eq!(forged.0, 403);
    for wrong in [
        json!({}),
        json!({"crew_keys": ["x"]}),
        json!([1]),
        json!({"crew_keys": "x"}),
    ] {
        let (status, text) = send("/api/v1/erasures", &admin, &[], wrong.clone());
        assert_eq!(status, 400, "{wrong}: {text}");
    }
    let counted = send(
        "/api/v1/erasures",
        &admin,
        &[],
        json!({"crew_keys": [key], "dry_run": true}),
    );
    assert_eq!(counted.0, 200);
    let counted: Vec<Value> = serde_json::from_str(&counted.1).unwrap();
    let total: u64 = counted.iter().filter_map(|row| row["rows"].as_u64()).sum();
    assert!(total > 0);

    // An export holds the same rows, over HTTP and by the command.
    let (status, exported) = send("/api/v1/export", &analyst, &[], json!({"crew_keys": [key]}));
    assert_eq!((status, exported.lines().count() as u64), (200, total));
    let options = server.options();
    let command = [
        &["export", "--crew-key", key.as_str()],
        &options.iter().map(|text| &**text).collect::<Vec<&str>>()[..],
    ]
    .concat();
    let by_command = run(&command);
    assert_eq!(by_command.status.code(), Some(0), "{}", stderr(&by_command));
    assert_eq!(stdout(&by_command), exported);
    let viewer = token("viewer");
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(
        send("/api/v1/export", &viewer, &[], json!({"crew_keys": [key]})).0,
        403
    );

    // The command finds the server that runs on the folder.
    let ordered = erase(data, &["--crew-key", &key]);
    assert_eq!(ordered.status.code(), Some(0), "{}", stderr(&ordered));
    assert!(
        stdout(&ordered).contains("order 1 is on the server's disk"),
        "{}",
        stdout(&ordered)
    );
    let states = json(
        &[
            &["erase", "--list", "--format", "json"],
            &options.iter().map(|text| &**text).collect::<Vec<&str>>()[..],
        ]
        .concat(),
    );
    assert_eq!(states[0]["order"], 1);
    let audited = json(&["audit-log", "--data", path(data), "--format", "json"]);
    let audited = audited.as_array().unwrap();
    let of = |action: &str, endpoint: &str| {
        let is_of = |line: &&Value| line["action"] == action && line["endpoint"] == endpoint;
        audited.iter().filter(is_of).count()
    };
    assert_eq!(of("erase_ordered", "POST /api/v1/erasures"), 1);
    assert_eq!(
        of("read_shared", "POST /api/v1/export"),
        3,
        "also one that was refused"
    );
    assert!(!Value::from(audited.clone()).to_string().contains(&key));

    // It may be in the middle of it. Without a server, the command carries out what is pending.
    drop(server);
    let rest = erase(data, &["--crew-key", "5d41a2c8e0b7f319", "--prove"]);
    assert_eq!(rest.status.code(), Some(0), "{}", stderr(&rest));
    let states = json(&["erase", "--list", "--data", path(data), "--format", "json"]);
    assert_eq!(
        (&states[0]["state"], &states[1]["state"]),
        (&json!("done"), &json!("done"))
    );
    let left = sql(
        data,
        &format!("SELECT count(*) AS n FROM tasks WHERE crew_key = '{key}'"),
    );
    assert_eq!(left[0]["n"], 0);
}

#[test]
fn an_export_that_fails_leaves_the_file_that_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("crew.jsonl");
    fs::write(&to, "what was there\n").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // A server that breaks off.
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _head = stream.read(&mut request).unwrap();
        let answer =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: 1000\r\n\r\n{}\n";
        stream.write_all(answer).unwrap();
    });
    let export = |place: &[&str]| {
        let arguments = [
            "export",
            "--crew-key",
            "5d41a2c8e0b7f319",
            "--to",
            path(&to),
        ];
        let exported = run(&[&arguments[..], place].concat());
        (exported.status.code(), stderr(&exported))
    };
    for place in [
        ["--url", &url],
        ["--url", "http://127.0.0.1:1"],
        ["--data", path(&folder.path().join("nothing"))],
    ] {
        let (code, errors) = export(&place);
        assert!(matches!(code, Some(1 | 3)), "{place:?}: {errors}");
        assert!(errors.contains("crew.jsonl was not written"), "{errors}");
        assert_eq!(fs::read_to_string(&to).unwrap(), "what was there\n");
        assert_eq!(files_below(folder.path()), std::slice::from_ref(&to));
    }
    server.join().unwrap();
    // One that succeeds replaces it, through a link as well.
    let data = filled();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&to, &link).unwrap();
    let key = keys(data.path()).remove(0);
    let exported = run(&[
        "export",
        "--crew-key",
        &key,
        "--to",
        path(&link),
        "--data",
        path(data.path()),
    ]);
    assert_eq!(exported.status.code(), Some(0), "{}", stderr(&exported));
    assert!(fs::read_to_string(&to).unwrap().contains(&key));
    assert!(link.is_symlink());
}
