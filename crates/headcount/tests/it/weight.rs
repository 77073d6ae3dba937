//! The client is embedded in other programs, so its dependencies are limited.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates of a build, the client among them.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "-p",
            "headcount",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let name = |line: &str| {
        let mut words = line.split(' ');
        format!("{} {}", words.next().unwrap(), words.next().unwrap())
    };
    lines.lines().map(name).collect()
}

#[test]
fn at_most_thirty_crates_with_tls_and_fifteen_without() {
    let with = crates(&[]);
    let without = crates(&["--no-default-features"]);
    assert!(with.len() <= 30, "{}: {with:#?}", with.len());
    assert!(without.len() <= 15, "{}: {without:#?}", without.len());
    assert!(without.is_subset(&with));
}

#[test]
fn neither_a_runtime_nor_an_opentelemetry_sdk_is_a_dependency() {
    for name in crates(&[]) {
        for heavy in [
            "tokio",
            "async-std",
            "smol",
            "opentelemetry",
            "tracing",
            "hyper",
            "datafusion",
            "serde",
            "syn",
        ] {
            assert!(!name.starts_with(heavy), "{name}");
        }
    }
}

/// A Rust build must not need Python.
#[test]
fn nothing_depends_on_the_binding_for_python() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--workspace", "-i", "headcount-python"])
        .args(["-e", "normal,build,dev", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let dependents = String::from_utf8(output.stdout).unwrap();
    assert_eq!(dependents.lines().count(), 1, "{dependents}");
}
