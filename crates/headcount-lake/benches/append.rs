//! How fast admitted spans go into the log alone: `cargo bench -p headcount-lake --profile release --bench append`.
//!
//! Spans are made and admitted before the clock runs. Then eight senders append batches of 512 spans, each after the
//! fsync that acknowledged its last one. Nothing is flushed meanwhile: what is timed is recognising spans that were
//! sent before, the log with its shared fsyncs, and the memtable. `HEADCOUNT_BENCH_SPANS` (2,000,000 if unset) scales it.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use headcount_catalog::{Admission, AdmittedBatch, Catalog, Dialect, Secret};
use headcount_demo::Scaled;
use headcount_lake::{Lake, LakeOptions};

const SENDERS: usize = 8;
const BATCH: usize = 512;
const ROUNDS: usize = 3;

fn main() {
    let spans = std::env::var("HEADCOUNT_BENCH_SPANS").map_or(2_000_000, |spans| {
        spans.parse().expect("HEADCOUNT_BENCH_SPANS is a number")
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for round in 1..=ROUNDS {
        let batches = admitted(spans);
        let bytes: usize = batches
            .iter()
            .flatten()
            .map(|batch| batch.bytes().len())
            .sum();
        let seconds = runtime.block_on(append(batches)).as_secs_f64();
        println!(
            "round {round}: {:.0} spans/s into the log ({spans} spans, {:.1} MiB, {seconds:.3} s)",
            spans as f64 / seconds,
            bytes as f64 / f64::from(1 << 20)
        );
    }
}

/// Batches of about `spans` spans, shared out among the senders.
fn admitted(spans: u64) -> Vec<Vec<AdmittedBatch>> {
    let admission = Admission::new(
        Catalog::embedded(),
        Dialect::embedded().unwrap(),
        Secret::new([7; 32]),
    )
    .unwrap();
    let end = SystemTime::now();
    let received = end.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let received = i64::try_from(received.as_micros()).unwrap();
    let begin = end - Duration::from_secs(86_400);
    let mut traffic = Scaled::new(spans).between(begin, end).batch(BATCH);
    let mut senders = vec![Vec::new(); SENDERS];
    let (mut body, mut made) = (Vec::new(), 0);
    while made < spans {
        body.clear();
        made += traffic.write_body(&mut body);
        let outcome = admission.admit(&body, 0, received).unwrap();
        assert_eq!(outcome.spans_rejected, 0);
        let sender = (made as usize / BATCH) % SENDERS;
        senders[sender].push(outcome.batch);
    }
    senders
}

async fn append(senders: Vec<Vec<AdmittedBatch>>) -> Duration {
    let folder = tempfile::tempdir_in(".").unwrap();
    let options = LakeOptions {
        flush_bytes: usize::MAX,
        memory_limit: usize::MAX,
        background: false,
        ..LakeOptions::default()
    };
    let schema = Arc::clone(Catalog::embedded().schema());
    let lake = Arc::new(Lake::open(folder.path(), schema, options).await.unwrap());
    let began = Instant::now();
    let tasks: Vec<_> = senders
        .into_iter()
        .map(|batches| {
            let lake = Arc::clone(&lake);
            tokio::spawn(async move {
                for batch in batches {
                    let appended = lake.append(batch).await.unwrap();
                    assert_eq!(appended.duplicates, 0);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed()
}
