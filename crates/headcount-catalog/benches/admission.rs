//! Spans admitted in a second, on one core: `cargo bench -p headcount-catalog`. Bodies are genuine CrewAI traffic.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use headcount_catalog::{Admission, Catalog, Dialect, Secret};

/// A day after the bodies were recorded.
const RECEIVED_US: i64 = 1_795_500_000_000_000;

const BODIES: [(&str, &[u8]); 4] = [
    (
        "1.15.30-default",
        include_bytes!("../tests/corpus/1.15.30-default.otlp"),
    ),
    (
        "1.15.30-shared",
        include_bytes!("../tests/corpus/1.15.30-shared.otlp"),
    ),
    (
        "1.15.30-test",
        include_bytes!("../tests/corpus/1.15.30-test.otlp"),
    ),
    (
        "0.86.0-default",
        include_bytes!("../tests/corpus/0.86.0-default.otlp"),
    ),
];

fn main() {
    divan::main();
}

#[divan::bench(args = BODIES.map(|(name, _)| name))]
fn admit(bencher: Bencher<'_, '_>, name: &str) {
    let body = BODIES.iter().find(|(known, _)| *known == name);
    let body = body.map(|(_, body)| *body).unwrap_or_default();
    let dialects = Dialect::embedded().expect("the dialects are part of this program");
    let admission = Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32]))
        .expect("the dialects fit the catalog");
    let outcome = admission
        .admit(body, 0, RECEIVED_US)
        .expect("the body is a request");
    bencher
        .counter(ItemsCount::new(outcome.spans_accepted))
        .counter(BytesCount::new(body.len()))
        .bench(|| admission.admit(black_box(body), 0, RECEIVED_US));
}
