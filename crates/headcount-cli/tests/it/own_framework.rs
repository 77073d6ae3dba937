//! A framework of one's own: the path of docs/your-own-framework.md, and what a server refuses.

use std::fs;
use std::path::Path;

use crate::support::{Server, headcount, json, path, run, stderr, stdout};

/// The document.
fn document() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/your-own-framework.md");
    fs::read_to_string(file).unwrap()
}

/// The code block that begins with `first`, without that line.
fn block(document: &str, first: &str) -> String {
    let start = document.find(first).unwrap_or_else(|| panic!("{first}")) + first.len() + 1;
    let block = &document[start..];
    block[..block.find("```").unwrap()].to_owned()
}

/// The commands of the document's shell blocks, in their order.
fn commands(document: &str) -> Vec<Vec<String>> {
    let blocks = document.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block[..block.find("```").unwrap()].lines());
    lines
        .filter_map(|line| line.strip_prefix("headcount "))
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect()
}

/// A reader's folder.
struct Reader {
    folder: tempfile::TempDir,
}

impl Reader {
    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of the document in the folder.
    fn run(&self, command: &[String]) -> (Option<i32>, String, String) {
        let output = headcount()
            .args(command)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        (output.status.code(), stdout(&output), stderr(&output))
    }

    /// Runs it, and it must succeed.
    fn done(&self, command: &[String]) -> String {
        let (code, text, errors) = self.run(command);
        assert_eq!(code, Some(0), "{command:?}: {text}{errors}");
        text
    }

    /// Starts the server of the document, sends the captured request to it, and gives the page at `address`.
    fn serve(&self, command: &[String], data: &str, address: &str) -> String {
        let options: Vec<String> = command[1..]
            .iter()
            .map(|word| match word.starts_with("--") {
                true => word.clone(),
                false => self.at(word).to_str().unwrap().to_owned(),
            })
            .collect();
        let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
        options.push("--no-token");
        let server = Server::start_with(&self.at(data), &options);
        let body = fs::read(self.at("captured/000.bin")).unwrap();
        let sent = ureq::post(format!("{}/v1/traces", server.url))
            .header("content-type", "application/x-protobuf")
            .send(&body[..])
            .unwrap();
        assert_eq!(sent.status(), 200);
        let mut page = ureq::get(format!("{}{address}", server.url))
            .call()
            .unwrap();
        page.body_mut().read_to_string().unwrap()
    }
}

fn reader() -> Reader {
    let folder = tempfile::tempdir().unwrap();
    let captured = folder.path().join("captured");
    fs::create_dir(&captured).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own_framework/captured.bin");
    fs::copy(fixture, captured.join("000.bin")).unwrap();
    Reader { folder }
}

#[test]
fn the_document_takes_a_reader_from_a_captured_body_to_a_page() {
    let document = document();
    let reader = reader();
    let mut commands = commands(&document).into_iter();
    let mut next = |begins: &str| {
        let command = commands.next().expect(begins);
        assert!(command.join(" ").starts_with(begins), "{command:?}");
        command
    };

    // 1 and 2: nothing is known; the template knows everything and stores nothing.
    let text = reader.done(&next("explain"));
    assert!(
        text.contains("unknown_framework") && text.contains("loom.tool.name"),
        "{text}"
    );
    let text = reader.done(&next("catalog new"));
    assert!(text.contains("wrote dialects/loom.yaml"), "{text}");
    let template = fs::read_to_string(reader.at("dialects/loom.yaml")).unwrap();
    for said in [
        "\"weather-bot\"",
        "\"loom.prompt\": {drop: not_needed} # text",
        "# How to read it",
    ] {
        assert!(template.contains(said), "{said} is not in\n{template}");
    }
    let lint = next("catalog --lint");
    reader.done(&lint);

    // 3: as the document has it.
    let dialect = block(&document, "# dialects/loom.yaml");
    fs::write(reader.at("dialects/loom.yaml"), &dialect).unwrap();
    reader.done(&lint);
    let text = reader.done(&next("explain"));
    for said in [
        "stored: in tool_uses.tool_name as free text, scrubbed",
        "stored: in crews.key as keyed hash",
        "The other policy changes 6 spans:",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert!(!text.contains("Berlin"), "{text}");

    // 4: a page.
    let page = reader.serve(&next("serve"), "headcount-data", "/tools?min_crews=1");
    assert!(
        page.contains("forecast") && page.contains("search"),
        "{page}"
    );
    let tools = reader.done(&next("report tools"));
    assert!(tools.contains("forecast"), "{tools}");
    let refused = reader.done(&next("report refusals"));
    assert!(
        refused.contains("loom.prompt") && refused.contains("content"),
        "{refused}"
    );
    let found = document.find("`headcount ingest captured/000.bin --data trial");
    assert!(found.is_some());
    let ingest: Vec<String> = "ingest captured/000.bin --data trial --dialects dialects"
        .split(' ')
        .map(str::to_owned)
        .collect();
    assert!(reader.done(&ingest).contains("6 spans stored"));

    // 5: a catalog of one's own.
    reader.done(&next("catalog new"));
    let catalog = fs::read_to_string(reader.at("catalog.yaml")).unwrap();
    let category = block(&document, "# catalog.yaml, the new category");
    let shared = catalog
        .find("  # ------------------------------------------------------------------ shared")
        .unwrap();
    let catalog = format!("{}{category}\n{}", &catalog[..shared], &catalog[shared..]);
    fs::write(reader.at("catalog.yaml"), &catalog).unwrap();
    let lint: Vec<String> = "catalog --lint --catalog catalog.yaml"
        .split(' ')
        .map(str::to_owned)
        .collect();
    let (code, text, errors) = reader.run(&lint);
    assert_eq!(code, Some(1), "{text}{errors}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let fingerprint = text.trim().rsplit(' ').next().unwrap();
    let revisions = catalog.matches("\n  - revision: ").count();
    let revision = block(&document, "# catalog.yaml, at the end of history")
        .replace("NEXT", &(revisions + 1).to_string())
        .replace("FINGERPRINT", fingerprint);
    let catalog = catalog.replace("\nswitches:\n", &format!("\n{revision}\nswitches:\n"));
    fs::write(reader.at("catalog.yaml"), &catalog).unwrap();
    let (kept, _) = dialect.split_once("  loom.tool:\n").unwrap();
    let changed = block(&document, "# dialects/loom.yaml, changed");
    fs::write(reader.at("dialects/loom.yaml"), format!("{kept}{changed}")).unwrap();
    let difference = reader.done(&next("catalog diff"));
    for said in [
        "`loom.cached` (table `loom_events`): newly collected, from everybody: boolean.",
        "Purpose: To learn whether caching of tools is worth its code.",
        "Added the category `loom`.",
    ] {
        assert!(difference.contains(said), "{said} is not in\n{difference}");
    }
    reader.done(&next("catalog --lint"));
    let page = reader.serve(&next("serve"), "second-data", "/policy");
    assert!(page.contains("Tool caching") && page.contains("loom_events"));
    assert!(commands.next().is_none());
    let data = reader.at("second-data");
    let query = "SELECT cached, count(*) AS uses FROM loom_events GROUP BY cached ORDER BY cached";
    let rows = json(&["sql", query, "--format", "json", "--data", path(&data)]);
    assert_eq!(rows[0]["uses"], 2);
    assert_eq!(rows[1]["cached"], true);

    // Whoever reads the folder knows its tables; whoever writes it must.
    let audit = run(&["audit", "--data", path(&data)]);
    assert_eq!(audit.status.code(), Some(0), "{}", stderr(&audit));
    let without = run(&[
        "serve",
        "--data",
        path(&data),
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "none",
    ]);
    assert_eq!(without.status.code(), Some(1));
    let errors = stderr(&without);
    assert!(
        errors.contains("loom_events") && errors.contains("policy/catalog.yaml"),
        "{errors}"
    );
}

#[test]
fn the_server_runs_sql_over_tables_of_its_own_catalog() {
    let reader = reader();
    let document = document();
    let category = block(&document, "# catalog.yaml, the new category");
    let built_in = headcount_catalog::Catalog::embedded_text();
    let shared = built_in
        .find("  # ------------------------------------------------------------------ shared")
        .unwrap();
    let catalog = format!("{}{category}\n{}", &built_in[..shared], &built_in[shared..]);
    let fingerprint = headcount_catalog::Catalog::parse(&catalog)
        .unwrap()
        .fingerprint();
    let revisions = catalog.matches("\n  - revision: ").count() + 1;
    let revision = format!(
        "  - {{revision: {revisions}, date: 2026-12-01, what: Loom., fingerprint: {fingerprint}}}\n"
    );
    let catalog = catalog.replace("\nswitches:\n", &format!("\n{revision}\nswitches:\n"));
    fs::write(reader.at("catalog.yaml"), &catalog).unwrap();
    let data = reader.at("data");
    let server = Server::start_with(
        &data,
        &["--no-token", "--catalog", path(&reader.at("catalog.yaml"))],
    );
    let answer = json(&[
        "sql",
        "SELECT count(*) AS rows FROM loom_events",
        "--url",
        &server.url,
        "--format",
        "json",
    ]);
    assert_eq!(answer[0]["rows"], 0);
    let mut page = ureq::get(format!("{}/privacy", server.url)).call().unwrap();
    assert!(
        page.body_mut()
            .read_to_string()
            .unwrap()
            .contains("Tool caching")
    );
}

#[test]
fn a_policy_that_breaks_a_rule_starts_no_server() {
    let reader = reader();
    let data = reader.at("data");
    let base = [
        "serve",
        "--data",
        path(&data),
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "none",
    ];
    let serve = |options: &[&str]| {
        let output = run(&[&base[..], options].concat());
        (output.status.code(), stderr(&output))
    };
    fs::create_dir(reader.at("dialects")).unwrap();
    let (code, errors) = serve(&["--dialects", path(&reader.at("dialects"))]);
    assert!(
        code == Some(1) && errors.contains("no dialect in"),
        "{errors}"
    );
    fs::write(
        reader.at("dialects/x.yaml"),
        "framework: x\nruntime: python\nmatch: {}\nspans:\n  s:\n    row: crews\n    attributes: {a: crews.colour}\n",
    )
    .unwrap();
    let (code, errors) = serve(&["--dialects", path(&reader.at("dialects"))]);
    assert!(code == Some(1) && errors.contains("x.yaml"), "{errors}");
    assert!(
        errors.contains("`colour`") && errors.contains("no service and no scope"),
        "{errors}"
    );

    let built_in = headcount_catalog::Catalog::embedded_text();
    let longer = built_in.replace("default_days: 400", "default_days: 4000");
    fs::write(reader.at("catalog.yaml"), longer).unwrap();
    let (code, errors) = serve(&["--catalog", path(&reader.at("catalog.yaml"))]);
    assert!(
        code == Some(1) && errors.contains("add one to `history`"),
        "{errors}"
    );

    let poorer = built_in.replace(
        "      - {name: attempts, kind: integer,",
        "      - {name: tries, kind: integer,",
    );
    assert_ne!(poorer, built_in);
    fs::write(reader.at("catalog.yaml"), poorer).unwrap();
    let (code, errors) = serve(&["--catalog", path(&reader.at("catalog.yaml"))]);
    assert!(
        code == Some(1) && errors.contains("built-in reports need"),
        "{errors}"
    );
}

#[test]
fn a_built_in_dialect_can_be_printed_changed_and_put_in_its_place() {
    let reader = reader();
    let printed = run(&["catalog", "--dialect", "crewai"]);
    assert_eq!(printed.status.code(), Some(0));
    fs::create_dir(reader.at("dialects")).unwrap();
    fs::write(reader.at("dialects/crewai.yaml"), stdout(&printed)).unwrap();
    let dialects = reader.at("dialects");
    let lint = run(&["catalog", "--lint", "--dialects", path(&dialects)]);
    assert_eq!(lint.status.code(), Some(0), "{}", stdout(&lint));
    let body = crate::support::corpus("crewai-1.15.30/flow").join("000.bin");
    let explained = stdout(&run(&[
        "explain",
        path(&body),
        "--dialects",
        path(&dialects),
    ]));
    assert!(explained.contains("changes nothing"), "{explained}");
    let unknown = run(&["catalog", "--dialect", "nonsense"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("crewai"), "{}", stderr(&unknown));
}

#[test]
fn nothing_is_overwritten() {
    let reader = reader();
    let new: Vec<String> = ["catalog", "new", "loom"].map(str::to_owned).into();
    reader.done(&new);
    let (code, _, errors) = reader.run(&new);
    assert!(
        code == Some(1) && errors.contains("is there already"),
        "{errors}"
    );
    let bad: Vec<String> = ["catalog", "new", "../loom"].map(str::to_owned).into();
    assert_eq!(reader.run(&bad).0, Some(2));
}
