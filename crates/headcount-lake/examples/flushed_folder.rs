//! Makes a data folder whose tables' logs have checkpoints, and no commits before them, for other programs to read:
//! `cargo run --release -p headcount-lake --example flushed_folder -- FOLDER ROUNDS CHECKPOINT_EVERY`.
//!
//! Each round admits genuine requests, stores them and flushes; every third one merges. `tests/tables` runs it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use headcount_catalog::{Admission, Catalog, Dialect, Secret};
use headcount_demo::Scaled;
use headcount_lake::{Lake, LakeOptions};

/// Spans of a round.
const SPANS: u64 = 240;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let mut number = |name| -> u64 {
        let text = arguments.next();
        text.and_then(|text| text.parse().ok()).expect(name)
    };
    let rounds = number("a number of rounds");
    let options = LakeOptions {
        checkpoint_every: number("a number of commits"),
        log_retention: Duration::ZERO,
        background: false,
        ..LakeOptions::default()
    };
    let admission = Admission::new(
        Catalog::embedded(),
        Dialect::embedded().unwrap(),
        Secret::new([7; 32]),
    )
    .unwrap();
    let schema = Arc::clone(Catalog::embedded().schema());
    let lake = Lake::open(&folder, schema, options).await.unwrap();
    let end = SystemTime::now();
    let received = end.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let received = i64::try_from(received.as_micros()).unwrap();
    let begin = end - Duration::from_secs(2 * 86_400);
    let mut traffic = Scaled::new(rounds * SPANS).between(begin, end).batch(24);
    let mut body = Vec::new();
    for round in 0..rounds {
        let mut made = 0;
        while made < SPANS {
            body.clear();
            made += traffic.write_body(&mut body);
            let outcome = admission.admit(&body, 0, received).unwrap();
            lake.append(outcome.batch).await.unwrap();
        }
        lake.flush().await.unwrap();
        if round % 3 == 2 {
            lake.compact().await.unwrap();
        }
    }
    lake.close().await.unwrap();
}
