//! The command line as scripts use it: help, exit codes, output streams.

use crate::support;
use std::io::Read as _;
use std::process::Stdio;

use crate::support::{headcount, path, run, stderr, stdout};

const COMMANDS: [&str; 13] = [
    "serve",
    "ingest",
    "report",
    "sql",
    "tables",
    "catalog",
    "privacy",
    "demo",
    "backup",
    "restore",
    "open",
    "completions",
    "health",
];

#[test]
fn every_command_has_help_with_examples_and_exit_codes() {
    for command in COMMANDS {
        let output = run(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let help = stdout(&output);
        assert!(help.contains(&format!("\n  headcount {command}")), "{help}");
        assert!(help.contains("Exit codes:\n  0  "), "{help}");
    }
}

#[test]
fn the_help_lists_every_command_and_the_exit_codes() {
    let help = stdout(&run(&["--help"]));
    for command in COMMANDS {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
    }
    assert!(help.contains("3  nothing to read"), "{help}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let wrong: [&[&str]; 35] = [
        &[],
        &["count"],
        &["report", "tools", "--by", "hour"],
        &["report", "no-such-report"],
        &["report", "tools", "--since", "yesterday"],
        &["report", "tools", "--until", "2026-13-01"],
        &["report", "tools", "--since", "1d", "--until", "2d"],
        &["ingest"],
        &["backup"],
        &["backup", "x", "--keep", "0"],
        &["restore", "x"],
        &["tables", "--data", "x", "--url", "http://127.0.0.1:1"],
        &["tables", "--url", "127.0.0.1:4318"],
        &["tables", "--log", "headcount=loud"],
        &["tables", "--log", "warning"],
        &["tables", "--log", "info,headcount_lake"],
        &["audit", "--keep", "0"],
        &["tables", "--log-format", "xml"],
        &["health", "--url", "127.0.0.1:4318"],
        &["serve", "--http", "nonsense"],
        &["serve", "--http", "127.0.0.1"],
        &["serve", "--http", "127.0.0.1:99999"],
        &["serve", "--grpc", "nonsense"],
        &["serve", "--http", ""],
        &["serve", "--no-token", "--http", "0.0.0.0:0"],
        &[
            "serve",
            "--no-token",
            "--http",
            "127.0.0.1:0",
            "--http",
            "[::]:0",
        ],
        &["serve", "--no-token", "--public"],
        &["serve", "--no-token", "--token-file", "x"],
        &["serve", "--oidc-role", "groups=a:viewer"],
        &["serve", "--oidc-issuer", "https://sso.example"],
        &[
            "serve",
            "--oidc-issuer",
            "http://sso.example",
            "--oidc-client-id",
            "x",
            "--http",
            "127.0.0.1:0",
            "--grpc",
            "none",
        ],
        &[
            "serve",
            "--oidc-issuer",
            "https://sso.example",
            "--oidc-client-id",
            "x",
            "--oidc-role",
            "groups=a:ingest",
        ],
        &["serve", "--http", "127.0.0.1:0", "--keep", "0"],
        // Longer than the published catalog promises.
        &["serve", "--http", "127.0.0.1:0", "--keep", "401"],
        &["serve", "--http", "127.0.0.1:0", "--keep-shared", "31"],
    ];
    for arguments in wrong {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_missing_data_folder_ends_with_3_and_explains() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nothing");
    for question in [
        &["tables"][..],
        &["report", "tools"],
        &["sql", "SELECT 1 AS one"],
        &["check"],
        &["backup", "repository"],
        &["open"],
    ] {
        let arguments = [question, &["--data", path(&missing)]].concat();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let message = stderr(&output);
        assert!(
            message.starts_with("headcount: there is no data folder at "),
            "{message}"
        );
        assert!(message.contains("headcount serve"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert!(!missing.exists(), "a question makes no folder");
}

#[test]
fn a_folder_with_other_files_is_not_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "Dear Sir").unwrap();
    let output = run(&["tables", "--data", path(folder.path())]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert!(stderr(&output).contains("there is no data folder at"));
}

#[test]
fn a_port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let output = run(&[
        "serve", "--data", data, "--http", &address, "--grpc", "none",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("another program uses that port"),
        "{message}"
    );
}

#[test]
fn repeated_spans_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let body = support::corpus("crewai-1.15.30/default").join("000.bin");
    let ingest = || stdout(&run(&["ingest", path(&body), "--data", data]));
    let first = ingest();
    let count = first
        .split_once("ingested: ")
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap();
    assert_eq!(
        first,
        format!("1 file ingested: {count} spans stored, 0 rejected\n")
    );
    assert_eq!(
        ingest(),
        format!("1 file ingested: 0 spans stored, {count} already stored, 0 rejected\n")
    );
}

#[test]
fn a_missing_secret_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let body = support::corpus("crewai-1.15.30/default").join("000.bin");
    let ingest = || stderr(&run(&["ingest", path(&body), "--data", data]));
    assert_eq!(ingest(), "", "a new folder needs a new secret");
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    let warned = ingest();
    assert!(warned.contains("holds data but no secret"), "{warned}");
    assert_eq!(ingest(), "");
}

#[test]
fn an_unreachable_server_ends_with_1_and_explains() {
    for question in [
        &["tables"][..],
        &["report", "tools"],
        &["demo", "--crews", "1"],
    ] {
        let arguments = [question, &["--url", "http://127.0.0.1:1"]].concat();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let message = stderr(&output);
        assert!(message.contains("http://127.0.0.1:1"), "{message}");
        assert!(message.contains("headcount serve"), "{message}");
    }
}

#[test]
fn reports_are_listed_with_their_questions() {
    let list = support::json(&["report", "--format", "json"]);
    let names: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["name"].as_str().unwrap())
        .collect();
    for name in [
        "overview",
        "versions",
        "crews",
        "features",
        "agents",
        "tasks",
        "tools",
        "models",
        "tests",
        "deployments",
        "flows",
        "environment",
        "shared",
        "losses",
        "refusals",
    ] {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .all(|report| report["question"].as_str().unwrap().ends_with('?'))
    );
}

#[test]
fn the_catalog_follows_its_rules() {
    let output = run(&["catalog", "--lint"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn the_published_page_is_the_catalog() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../TELEMETRY.md"));
    let printed = stdout(&run(&["catalog", "--format", "markdown"]));
    assert!(
        page.unwrap() == printed,
        "TELEMETRY.md has drifted: just generate"
    );
}

#[test]
fn the_catalog_is_also_data() {
    let catalog = support::json(&["catalog", "--format", "json"]);
    let categories = catalog["categories"].as_array().unwrap();
    assert!(categories.len() > 14, "{}", categories.len());
}

#[test]
fn shells_can_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = stdout(&output);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        // Fish, PowerShell and Elvish complete no values of arguments without an option.
        if matches!(shell, "bash" | "zsh") {
            for report in ["tools", "release-health"] {
                assert!(script.contains(report), "{shell}: {report}");
            }
        }
    }
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = headcount()
        .args(["catalog", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{errors}");
    assert_eq!(errors, "");
}
