//! `/metrics`, read as strictly as the text format 0.0.4 is written down, and what its numbers say.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Running, request, start};

/// A family: its type, and its samples by name and labels.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads a page; panics at whatever the format does not allow.
fn read(page: &str) -> BTreeMap<String, Family> {
    assert!(page.ends_with('\n'), "the last line has no end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut helped = String::new();
    let mut seen = BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(help.ends_with('.') && help.len() > 5, "{line}");
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, helped, "the type follows the help: {line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let before = families.insert(name.to_owned(), Family::default());
            assert!(before.is_none(), "a family comes once: {name}");
            families.get_mut(name).expect("it is there").kind = kind.to_owned();
            current = name.to_owned();
        } else {
            assert!(seen.insert(key(line)), "a sample comes once: {line}");
            let sample = sample(line);
            let family = families.get_mut(&current).expect("a family");
            assert_eq!(base(&sample.0, &family.kind), current, "{line}");
            family.samples.push(sample);
        }
    }
    families
}

fn key(line: &str) -> String {
    let (key, _) = line.rsplit_once(' ').expect("a value");
    key.to_owned()
}

/// The family that a sample belongs to.
fn base<'n>(name: &'n str, kind: &str) -> &'n str {
    if kind != "histogram" {
        return name;
    }
    let mut endings = ["_bucket", "_sum", "_count"].into_iter();
    let base = endings.find_map(|ending| name.strip_suffix(ending));
    base.unwrap_or_else(|| panic!("{name} is no sample of a histogram"))
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (key, value) = line.rsplit_once(' ').expect("a value");
    let value: f64 = value.parse().expect("a number");
    let (name, labels) = match key.split_once('{') {
        None => (key, ""),
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("a closing brace")),
    };
    let is_name = |text: &str| {
        let mut characters = text.chars();
        characters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    assert!(is_name(name), "{line}");
    let mut read = BTreeMap::new();
    // No value of ours has a comma or a quote.
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (label, value) = label.split_once('=').expect("a label");
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        let value = value.expect("a quoted value");
        assert!(
            is_name(label) && !value.contains(['"', '\\', '{']),
            "{line}"
        );
        assert!(
            read.insert(label.to_owned(), value.to_owned()).is_none(),
            "{line}"
        );
    }
    (name.to_owned(), read, value)
}

/// The rules of <https://prometheus.io/docs/practices/naming/>, and those of histograms.
fn check(name: &str, family: &Family) {
    assert!(
        name.starts_with("headcount_") || name.starts_with("process_"),
        "{name}"
    );
    assert!(!family.samples.is_empty(), "{name} has no samples");
    let is_counter = family.kind == "counter";
    assert_eq!(
        name.ends_with("_total"),
        is_counter,
        "{name} is a {}",
        family.kind
    );
    for wrong in [
        "_ms",
        "_milliseconds",
        "_kib",
        "_mb",
        "_count",
        "_sum",
        "_bucket",
    ] {
        assert!(!name.ends_with(wrong), "{name}");
    }
    if family.kind != "histogram" {
        return;
    }
    assert!(name.ends_with("_seconds"), "{name}");
    // By the other labels.
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let others = labels.iter().filter(|(label, _)| *label != "le");
        let others: String = others.map(|(l, v)| format!("{l}={v},")).collect();
        if sample.ends_with("_bucket") {
            let bound = match labels["le"].as_str() {
                "+Inf" => f64::INFINITY,
                bound => bound.parse().expect("a bound"),
            };
            series.entry(others).or_default().push((bound, *value));
        } else if sample.ends_with("_count") {
            counts.insert(others, *value);
        }
    }
    assert_eq!(series.len(), counts.len(), "{name}");
    for (labels, buckets) in series {
        assert!(
            buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "{name}"
        );
        let last = buckets.last().expect("a bucket");
        assert_eq!(*last, (f64::INFINITY, counts[&labels]), "{name}");
    }
}

async fn families(running: &Running) -> BTreeMap<String, Family> {
    let answer = running.send("GET /metrics", &[], b"").await;
    assert_eq!(answer.status, 200);
    let content_type = answer.header("content-type");
    assert_eq!(
        content_type,
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    read(&answer.text())
}

fn value(families: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = families.values().flat_map(|family| &family.samples);
    let mut samples = samples.filter(|(found, of, _)| {
        let has = |(label, value): &(&str, &str)| of.get(*label).is_some_and(|v| v == value);
        found == name && labels.iter().all(has)
    });
    let found = samples
        .next()
        .unwrap_or_else(|| panic!("no {name} {labels:?}"));
    assert!(samples.next().is_none(), "{name} is ambiguous");
    found.2
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_follows_the_format_and_the_conventions_of_names() {
    let running = start().await;
    let families = families(&running).await;
    for (name, family) in &families {
        check(name, family);
    }
    // A page of this size is scraped every few seconds.
    let samples: usize = families.values().map(|family| family.samples.len()).sum();
    assert!((200..1500).contains(&samples), "{samples}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_follow_a_request_through_log_and_refusals() {
    let running = start().await;
    let before = families(&running).await;
    assert_eq!(value(&before, "headcount_requests_total", &[]), 0.0);
    assert_eq!(value(&before, "headcount_log_lag_seconds", &[]), 0.0);
    assert_eq!(value(&before, "headcount_log_segments", &[]), 0.0);
    assert_eq!(value(&before, "headcount_ready", &[]), 1.0);

    assert_eq!(
        running.post(&request(&["Feature Usage"; 3])).await.status,
        200
    );
    assert_eq!(running.post(b"no request").await.status, 400);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let after = families(&running).await;
    let now = |name: &str, labels: &[(&str, &str)]| value(&after, name, labels);
    assert_eq!(now("headcount_requests_total", &[]), 1.0);
    let malformed = [("reason", "malformed")];
    assert_eq!(now("headcount_requests_refused_total", &malformed), 1.0);
    for (outcome, count) in [("done", 1.0), ("refused", 1.0), ("failed", 0.0)] {
        let labels = [("endpoint", "traces_http"), ("outcome", outcome)];
        assert_eq!(
            now("headcount_request_duration_seconds_count", &labels),
            count
        );
    }
    assert_eq!(now("headcount_log_fsync_duration_seconds_count", &[]), 1.0);
    assert!(now("headcount_log_lag_seconds", &[]) >= 0.02);
    assert_eq!(now("headcount_log_segments", &[]), 1.0);
    assert!(now("headcount_log_bytes", &[]) >= now("headcount_log_written_bytes_total", &[]));
    assert!(now("headcount_log_written_bytes_total", &[]) > now("headcount_memtable_bytes", &[]));
    assert!(now("headcount_memtable_bytes", &[]) > 0.0);
    let reserved = now(
        "headcount_request_memory_reserved_bytes",
        &[("lane", "small")],
    );
    assert_eq!(reserved, 0.0, "everything is given back");
    let usual = now("headcount_connections", &[("kind", "usual")]);
    assert!((1.0..=3.0).contains(&usual), "at least the one that asks");
    let (free, size) = (
        now("headcount_disk_free_bytes", &[]),
        now("headcount_disk_size_bytes", &[]),
    );
    assert!(free > 0.0 && free < size);
    assert!(now("headcount_log_silence_seconds", &[]) < 15.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_spans_are_counted_by_the_catalogs_reason() {
    let running = start().await;
    let body = request(&["Nobody Knows", "This Either"]);
    assert_eq!(running.post(&body).await.status, 200);
    let families = families(&running).await;
    for (reason, count) in [("unknown_span", 2.0), ("unknown_framework", 0.0)] {
        let counted = value(&families, "headcount_refusals_total", &[("reason", reason)]);
        assert_eq!(counted, count, "{reason}");
    }
}
