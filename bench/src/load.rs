//! The load generator: one thread per connection, in a closed loop or on a fixed schedule.

use std::io;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use headcount_demo::Scaled;

use crate::arguments::Arguments;
use crate::connection::{Connection, Target};
use crate::histogram::Histogram;

/// How long a sender waits before it retries a rejected request.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The measurements of a load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Spans in requests that were answered with 200.
    pub(crate) spans: u64,
    pub(crate) requests: u64,
    /// Responses 429 and 503, after which the request was sent again.
    pub(crate) retries: u64,
    /// Acknowledgements with a body (a `partial_success`, empty or not).
    pub(crate) answers_with_body: u64,
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Histogram,
}

/// Generates the load.
///
/// # Errors
///
/// A connection failed, a response was not 200, 429 or 503, or the time limit passed.
pub(crate) fn send(arguments: &Arguments) -> io::Result<Outcome> {
    let traffic = traffic(arguments);
    let target = Target::new(arguments)?;
    let ready = Barrier::new(arguments.connections as usize + 1);
    let mut total = Outcome::default();
    let (outcomes, elapsed) = thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.connections)
            .map(|index| {
                let stream = traffic.clone().stream(index, arguments.connections);
                let (ready, target) = (&ready, &target);
                scope.spawn(move || Sender::run(arguments, target, index, stream, ready))
            })
            .collect();
        ready.wait();
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

/// Generates the same traffic on one thread without sending it.
pub(crate) fn rehearse(arguments: &Arguments) -> Outcome {
    let mut traffic = traffic(arguments);
    let mut outcome = Outcome::default();
    let mut body = Vec::new();
    let began = Instant::now();
    while outcome.spans < arguments.spans {
        body.clear();
        outcome.spans += traffic.write_body(&mut body);
        outcome.requests += 1;
        outcome.bytes += body.len() as u64;
    }
    outcome.elapsed = began.elapsed();
    outcome
}

fn traffic(arguments: &Arguments) -> Scaled {
    let now = SystemTime::now();
    let days = Duration::from_secs(86_400) * arguments.days;
    let begin = now.checked_sub(days).unwrap_or(SystemTime::UNIX_EPOCH);
    Scaled::new(arguments.spans)
        .between(begin, now)
        .batch(arguments.batch)
}

struct Sender<'a> {
    arguments: &'a Arguments,
    connection: Connection,
    traffic: Scaled,
    body: Vec<u8>,
    outcome: Outcome,
    deadline: Instant,
}

impl<'a> Sender<'a> {
    fn run(
        arguments: &'a Arguments,
        target: &Target,
        index: u64,
        traffic: Scaled,
        ready: &Barrier,
    ) -> io::Result<Outcome> {
        let connection = Connection::open(target);
        // Every thread reaches the barrier, connected or not, so that none waits for one that failed.
        ready.wait();
        let began = Instant::now();
        let mut sender = Self {
            arguments,
            connection: connection?,
            traffic,
            body: Vec::with_capacity(arguments.batch * 512),
            outcome: Outcome::default(),
            deadline: began + arguments.limit,
        };
        let requests = arguments.spans.div_ceil(arguments.batch as u64);
        for request in (index..requests).step_by(arguments.connections as usize) {
            let due = sender.wait_for_schedule(began, request);
            sender.send_with_retries(due)?;
        }
        Ok(sender.outcome)
    }

    /// Prepares the body, then waits for the scheduled time of the request, from which its latency counts.
    fn wait_for_schedule(&mut self, began: Instant, request: u64) -> Instant {
        self.body.clear();
        self.outcome.spans += self.traffic.write_body(&mut self.body);
        let Some(rate) = self.arguments.rate else {
            return Instant::now();
        };
        let due = began
            + Duration::from_secs_f64((request * self.arguments.batch as u64) as f64 / rate as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due
    }

    fn send_with_retries(&mut self, due: Instant) -> io::Result<()> {
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
                    thread::sleep(RETRY_DELAY);
                }
                status => {
                    return Err(io::Error::other(format!(
                        "the server responded with status {status}"
                    )));
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

    /// A receiver whose response depends on the number of the request on its connection.
    fn receiver(answer: fn(usize) -> &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || serve(stream.unwrap(), answer));
            }
        });
        address
    }

    fn serve(stream: TcpStream, answer: fn(usize) -> &'static str) {
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

    fn arguments(line: &str, address: String) -> Arguments {
        let words = line.split_whitespace().map(str::to_owned);
        let mut arguments = Arguments::parse(words).unwrap().unwrap();
        arguments.address = address;
        arguments
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

    #[test]
    fn all_spans_are_sent_over_all_connections() {
        let address = receiver(|_| OK);
        let outcome = send(&arguments(
            "--spans 1000 --batch 10 --connections 3",
            address,
        ))
        .unwrap();
        assert_eq!(
            (outcome.spans, outcome.requests, outcome.retries),
            (1_000, 100, 0)
        );
        assert!(outcome.latency.longest() > 0.0);
    }

    #[test]
    fn a_stall_delays_all_requests_scheduled_meanwhile() {
        let address = receiver(|number| {
            if number == 4 {
                thread::sleep(Duration::from_millis(400));
            }
            OK
        });
        // 40 requests, one every 10 ms: the stall covers all that come after it.
        let outcome = send(&arguments(
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
    fn requests_to_a_busy_receiver_are_retried() {
        let address = receiver(|number| if number % 2 == 0 { BUSY } else { OK });
        let outcome = send(&arguments("--spans 50 --batch 10 --connections 1", address)).unwrap();
        assert_eq!((outcome.requests, outcome.retries), (5, 5));
    }

    #[test]
    fn a_rejection_ends_the_measurement() {
        let address = receiver(|_| "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        assert!(send(&arguments("--spans 50 --connections 2", address)).is_err());
        assert!(send(&arguments("--connections 2", "127.0.0.1:1".to_owned())).is_err());
    }
}
