//! What is published for operators fits the program: every metric that a dashboard or an alert names is at `/metrics`, and every
//! alert has its section in `docs/operations.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Server, path};
use crate::tls::certificate;

fn document(name: &str) -> String {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).expect(name)
}

/// The names of metrics in an expression or a page, without the endings of histograms.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words = words.filter(|word| word.starts_with("headcount_") || word.starts_with("process_"));
    let family = |word: &str| {
        let mut endings = ["_bucket", "_sum", "_count"].into_iter();
        let family = endings.find_map(|ending| word.strip_suffix(ending));
        family.unwrap_or(word).to_owned()
    };
    words.map(family).collect()
}

/// The names of the families on the page of a server with everything that has metrics of its own.
fn served() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let [chain, key, authority] = ["server.pem", "server.key", "authority.pem"].map(certificate);
    let options = ["--tls-cert", path(&chain), "--tls-key", path(&key)];
    let server = Server::start_with(folder.path(), &options);
    let token = fs::read_to_string(&server.token_file).unwrap();
    let authority = ureq::tls::Certificate::from_pem(&fs::read(authority).unwrap()).unwrap();
    let roots = ureq::tls::RootCerts::new_with_certs(&[authority]);
    let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().tls_config(tls).build());
    let response = agent
        .get(format!("{}/metrics", server.url))
        .header("authorization", format!("Bearer {}", token.trim()))
        .call();
    let page = response
        .expect("status 200")
        .body_mut()
        .read_to_string()
        .unwrap();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut families = BTreeSet::new();
    for line in types {
        let (name, _) = line.split_once(' ').expect("a type");
        families.insert(name.to_owned());
        if name == "headcount_certificate_expiry_timestamp_seconds" {
            let sample = page
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let end: u64 = sample.expect("a sample").parse().expect("a number");
            assert!(end > 1_790_000_000, "{end}");
        }
    }
    families
}

#[test]
fn what_operators_are_given_names_only_metrics_that_there_are() {
    let served = served();
    let alerts = names(&document("docs/prometheus/alerts.yaml"));
    let dashboard = names(&document("docs/grafana/headcount.json"));
    let handbook = names(&document("docs/operations.md"));
    assert!(alerts.len() > 15 && dashboard.len() > 40);
    for (place, named) in [
        ("alerts", &alerts),
        ("dashboard", &dashboard),
        ("handbook", &handbook),
    ] {
        let unknown: Vec<_> = named.difference(&served).collect();
        assert!(unknown.is_empty(), "{place}: {unknown:?}");
    }
    let named: BTreeSet<String> = &alerts | &dashboard;
    let forgotten: Vec<_> = served.difference(&named).collect();
    assert!(
        forgotten.is_empty(),
        "neither shown nor watched: {forgotten:?}"
    );
    let unexplained: Vec<_> = served.difference(&handbook).collect();
    assert!(
        unexplained.is_empty(),
        "not in docs/operations.md: {unexplained:?}"
    );
}

#[test]
fn every_alert_has_its_section_in_the_handbook() {
    let handbook = document("docs/operations.md");
    let headings = handbook.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: BTreeSet<String> = headings.map(anchor).collect();
    let alerts = document("docs/prometheus/alerts.yaml");
    let (mut count, mut links) = (0, 0);
    for line in alerts.lines().map(str::trim) {
        count += usize::from(line.starts_with("- alert: "));
        if let Some(link) = line.strip_prefix("runbook_url: ") {
            let (page, section) = link.split_once('#').expect("a section");
            assert!(page.ends_with("/blob/main/docs/operations.md"), "{link}");
            assert!(
                anchors.contains(section),
                "{section} is none of {anchors:?}"
            );
            links += 1;
        }
    }
    assert!(count > 15, "{count}");
    assert_eq!(count, links, "each alert has one");
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    let lower = kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    });
    lower.collect()
}
