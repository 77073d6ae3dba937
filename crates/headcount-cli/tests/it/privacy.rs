//! The privacy reviewer's pack: printed, and on a page of a running collector.

use std::fs;

use crate::support::{Server, path, run, stderr, stdout};

const STATEMENT: &str =
    "version: 1\ncontroller: {name: Example GmbH}\nretention: {default_days: 90, shared_days: 7}\n";

#[test]
fn the_form_can_be_filled_in_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("privacy.yaml");
    let form = run(&["privacy", "--template"]);
    fs::write(&file, stdout(&form)).unwrap();
    let markdown = run(&["privacy", path(&file)]);
    assert_eq!(markdown.status.code(), Some(0), "{}", stderr(&markdown));
    assert_eq!(stdout(&markdown), stdout(&run(&["privacy"])));
    let html = stdout(&run(&["privacy", path(&file), "--format", "html"]));
    assert!(html.starts_with("<!doctype html>") && html.contains("<svg"));
}

#[test]
fn a_file_that_is_no_statement_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("privacy.yaml");
    fs::write(&file, "version: 1\ncontroler: {name: x}\n").unwrap();
    let wrong = run(&["privacy", path(&file)]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("controler") && stderr(&wrong).contains("--template"));
    assert_eq!(run(&["privacy", "/nowhere"]).status.code(), Some(1));
    assert_eq!(
        run(&["privacy", "--template", path(&file)]).status.code(),
        Some(2)
    );
}

#[test]
fn a_collector_shows_how_it_runs_and_keeps_what_the_statement_promises() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (
        folder.path().join("data"),
        folder.path().join("privacy.yaml"),
    );
    fs::write(&file, STATEMENT).unwrap();
    let too_long = [
        "serve",
        "--data",
        path(&data),
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "none",
        "--privacy",
        path(&file),
    ];
    let refused = run(&too_long);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("set --keep 90"),
        "{}",
        stderr(&refused)
    );

    let options = [
        "--privacy",
        path(&file),
        "--keep",
        "41",
        "--keep-shared",
        "7",
        "--base-path",
        "/headcount",
    ];
    let server = Server::start_with(&data, &options);
    // No token is sent.
    let url = server.url.trim_end_matches("/headcount").to_owned();
    let mut page = ureq::get(format!("{url}/headcount/privacy"))
        .call()
        .unwrap();
    let page = page.body_mut().read_to_string().unwrap();
    for text in [
        "Example GmbH",
        "41 days, as this collector runs",
        "answers no query without a token",
        "href=\"/headcount/assets/",
    ] {
        assert!(page.contains(text), "{text}");
    }
}
