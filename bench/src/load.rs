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
    /// Acknowledgements with a body (a `partial_success`, empty or not).
    pub(crate) answers_with_body: u64,
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
        total.answers_with_body += outcome.answers_with_body;
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
                    self.outcome.answers_with_body += u64::from(answer.has_body);
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A receiver that answers each request of its connections as `answer` says: by the number of the request.
    fn receiver(answer: fn(usize) -> &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let _detached = thread::spawn(move || {
            for stream in listener.incoming() {
                let _detached = thread::spawn(move || converse(stream.unwrap(), answer));
            }
        });
        address
    }

    fn converse(stream: TcpStream, answer: fn(usize) -> &'static str) {
        let mut reader = BufReader::new(stream);
        for number in 0.. {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let answered = reader.get_mut().write_all(answer(number).as_bytes());
            if answered.is_err() {
                return;
            }
        }
    }

    fn asked(line: &str, address: String) -> Arguments {
        let words = line.split_whitespace().map(str::to_owned);
        let mut asked = Arguments::parse(words).unwrap().unwrap();
        asked.address = address;
        asked
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

    #[test]
    fn everything_is_sent_over_all_connections() {
        let address = receiver(|_| OK);
        let outcome = send(&asked("--spans 1000 --batch 10 --connections 3", address)).unwrap();
        assert_eq!(
            (outcome.spans, outcome.requests, outcome.retries),
            (1_000, 100, 0)
        );
        assert!(outcome.latency.longest() > 0.0);
    }

    #[test]
    fn a_stall_shows_in_everything_that_was_due_meanwhile() {
        let address = receiver(|number| {
            if number == 4 {
                thread::sleep(Duration::from_millis(400));
            }
            OK
        });
        // 40 requests, one every 10 ms: the stall covers all that come after it.
        let outcome = send(&asked(
            "--spans 400 --batch 10 --connections 1 --rate 1000",
            address,
        ))
        .unwrap();
        assert!(
            outcome.latency.quantile(0.5) > 100.0,
            "{}",
            outcome.latency.quantile(0.5)
        );
    }

    #[test]
    fn a_busy_receiver_is_asked_again() {
        let address = receiver(|number| if number % 2 == 0 { BUSY } else { OK });
        let outcome = send(&asked("--spans 50 --batch 10 --connections 1", address)).unwrap();
        assert_eq!((outcome.requests, outcome.retries), (5, 5));
    }

    #[test]
    fn a_refusal_ends_the_measurement() {
        let address = receiver(|_| "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        assert!(send(&asked("--spans 50 --connections 2", address)).is_err());
        assert!(send(&asked("--connections 2", "127.0.0.1:1".to_owned())).is_err());
    }
}
