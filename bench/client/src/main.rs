//! What one event costs the thread that records it: the client beside others of its kind, in one run.
//!
//! ```text
//! bench/client/run event
//! ```
//!
//! Each subject records the same event: a name and six attributes (four texts, two numbers). It does so in bursts of a few
//! hundred with pauses in between, as programs do, so that no queue overflows; what its own threads do in the pauses is not
//! counted. Bursts begin with cold caches, as in a program that does something else in between. Everything goes to a server on this machine that answers 200 and keeps nothing.

mod allocations;
mod sink;
mod subjects;

use std::time::{Duration, Instant};

use subjects::Subject;

const BURSTS: usize = 120;
const PAUSE: Duration = Duration::from_millis(70);

fn main() {
    let endpoint = sink::start();
    let threads: usize = std::env::args()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(1);
    println!("| subject | median | p99 of single calls | allocations an event | bytes allocated |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for subject in subjects::all(&endpoint) {
        let measured = measure(&*subject, threads);
        println!(
            "| {} | {} | {} | {:.1} | {:.0} |",
            subject.name(),
            nanos(measured.median),
            nanos(measured.p99),
            measured.allocations,
            measured.bytes,
        );
        subject.end();
    }
}

struct Measured {
    /// Of one event, in nanoseconds: the median of the bursts' means.
    median: f64,
    /// Of single calls, less what reading the clock costs.
    p99: f64,
    allocations: f64,
    bytes: f64,
}

fn measure(subject: &dyn Subject, threads: usize) -> Measured {
    let burst = subject.burst();
    let means: Vec<f64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut means = Vec::with_capacity(BURSTS);
                    for _ in 0..BURSTS {
                        let begun = Instant::now();
                        for number in 0..burst / threads {
                            subject.record(number);
                        }
                        let taken = begun.elapsed().as_nanos() as f64;
                        means.push(taken / (burst / threads) as f64);
                        std::thread::sleep(PAUSE);
                    }
                    means
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    let clock = percentile((0..10_000).map(|_| single(|| {})).collect(), 0.5);
    let singles = (0..20).flat_map(|_| {
        std::thread::sleep(PAUSE);
        (0..400)
            .map(|number| single(|| subject.record(number)))
            .collect::<Vec<_>>()
    });
    let p99 = (percentile(singles.collect(), 0.99) - clock).max(0.0);
    std::thread::sleep(PAUSE);
    let before = allocations::of_this_thread();
    for number in 0..400 {
        subject.record(number);
    }
    let after = allocations::of_this_thread();
    Measured {
        median: percentile(means, 0.5),
        p99,
        allocations: (after.0 - before.0) as f64 / 400.0,
        bytes: (after.1 - before.1) as f64 / 400.0,
    }
}

fn single(run: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_nanos() as f64
}

fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}

fn nanos(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.1} ns"),
        value if value < 10_000.0 => format!("{value:.0} ns"),
        value => format!("{:.1} µs", value / 1_000.0),
    }
}
