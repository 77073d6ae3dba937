//! Sending: one thread a connection, as fast as it is acknowledged or on a fixed schedule.

use std::io;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use headcount_demo::Scaled;

use crate::arguments::Arguments;
use crate::connection::Connection;
use crate::histogram::Histogram;

/// How long a refused request waits before it is sent again.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// What a load has shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Spans in requests that were answered with 200.
    pub(crate) spans: u64,
    pub(crate) requests: u64,
    /// Answers 429 and 503, after which the request was sent again.
    pub(crate) retries: u64,
    /// Acknowledgements that said something (`partial_success`).
    pub(crate) remarks: u64,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Histogram,
}

/// Sends what was asked for.
///
/// # Errors
///
/// A connection that cannot be opened or breaks, an answer other than 200, 429 or 503, or time that ran out.
pub(crate) fn send(asked: &Arguments) -> io::Result<Outcome> {
    let traffic = traffic(asked);
    let ready = Barrier::new(asked.connections as usize + 1);
    let mut total = Outcome::default();
    let (outcomes, elapsed) = thread::scope(|scope| {
        let threads: Vec<_> = (0..asked.connections)
            .map(|index| {
                let stream = traffic.clone().stream(index, asked.connections);
                let (ready, asked) = (&ready, asked);
                scope.spawn(move || Sender::run(asked, index, stream, ready))
            })
            .collect();
        let _ = ready.wait();
        let began = Instant::now();
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        (outcomes, began.elapsed())
    });
    for outcome in outcomes {
        let outcome = outcome.map_err(|_| io::Error::other("a sending thread panicked"))??;
        total.spans += outcome.spans;
        total.requests += outcome.requests;
        total.retries += outcome.retries;
        total.remarks += outcome.remarks;
        total.bytes += outcome.bytes;
        total.latency.add(&outcome.latency);
    }
    total.elapsed = elapsed;
    Ok(total)
}

/// Makes the same traffic on one thread and sends it nowhere.
pub(crate) fn rehearse(asked: &Arguments) -> Outcome {
    let mut traffic = traffic(asked);
    let mut outcome = Outcome::default();
    let mut body = Vec::new();
    let began = Instant::now();
    while outcome.spans < asked.spans {
        body.clear();
        outcome.spans += traffic.write_body(&mut body);
        outcome.requests += 1;
        outcome.bytes += body.len() as u64;
    }
    outcome.elapsed = began.elapsed();
    outcome
}

fn traffic(asked: &Arguments) -> Scaled {
    let now = SystemTime::now();
    let days = Duration::from_secs(86_400) * asked.days;
    let begin = now.checked_sub(days).unwrap_or(SystemTime::UNIX_EPOCH);
    Scaled::new(asked.spans)
        .between(begin, now)
        .batch(asked.batch)
}

struct Sender<'a> {
    asked: &'a Arguments,
    connection: Connection,
    traffic: Scaled,
    body: Vec<u8>,
    outcome: Outcome,
    deadline: Instant,
}

impl<'a> Sender<'a> {
    fn run(
        asked: &'a Arguments,
        index: u64,
        traffic: Scaled,
        ready: &Barrier,
    ) -> io::Result<Outcome> {
        let connection = Connection::open(&asked.address);
        // Everyone arrives here, whether connected or not: nobody waits for the one that failed.
        let _ = ready.wait();
        let began = Instant::now();
        let mut sender = Self {
            asked,
            connection: connection?,
            traffic,
            body: Vec::with_capacity(asked.batch * 512),
            outcome: Outcome::default(),
            deadline: began + asked.limit,
        };
        let requests = asked.spans.div_ceil(asked.batch as u64);
        for request in (index..requests).step_by(asked.connections as usize) {
            let due = sender.await_turn(began, request);
            sender.deliver(due)?;
        }
        Ok(sender.outcome)
    }

    /// Prepares the body, then waits for the request's turn: the moment from which its latency counts.
    fn await_turn(&mut self, began: Instant, request: u64) -> Instant {
        self.body.clear();
        self.outcome.spans += self.traffic.write_body(&mut self.body);
        let Some(rate) = self.asked.rate else {
            return Instant::now();
        };
        let due = began
            + Duration::from_secs_f64((request * self.asked.batch as u64) as f64 / rate as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due
    }

    fn deliver(&mut self, due: Instant) -> io::Result<()> {
        loop {
            if Instant::now() > self.deadline {
                return Err(io::Error::other("the time limit passed; see --limit"));
            }
            let answer = self.connection.post(&self.body)?;
            match answer.status {
                200 => {
                    self.outcome.latency.record(due.elapsed());
                    self.outcome.requests += 1;
                    self.outcome.remarks += u64::from(answer.has_body);
                    self.outcome.bytes += self.body.len() as u64;
                    return Ok(());
                }
                429 | 503 => {
                    self.outcome.retries += 1;
                    thread::sleep(AFTER_REFUSAL);
                }
                status => {
                    return Err(io::Error::other(format!("the server answered {status}")));
                }
            }
        }
    }
}
