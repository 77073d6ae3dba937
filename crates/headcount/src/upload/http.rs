//! One request over HTTP/1.1 (RFC 9112), and nothing else: no redirect is followed, no proxy asked, no cookie kept, no
//! connection reused, no environment variable read.
//!
//! This is ours and not a library's for two reasons: a deadline that holds for the whole exchange, and a dependency
//! tree that a program can take in (`docs/decisions/0009`).

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use headcount_wire::{RECEIPT_HEADER, Receipt};

use super::answer::Answer;
use super::endpoint::Endpoint;

/// How long one exchange may take, the name's resolution apart (which nothing can interrupt, and nobody waits for).
pub(crate) const EXCHANGE_LIMIT: Duration = Duration::from_secs(20);
/// How long one of the host's addresses may take to accept.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long the rest of an answer may take once its head is there: what it says changes a number, and no more.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// One body to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Post<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// Of the endpoint's paths the one that it is for.
    pub(crate) path: &'a str,
    pub(crate) content_type: &'static str,
    /// As it goes over the network.
    pub(crate) body: &'a [u8],
    /// `Some("gzip")` where it is compressed.
    pub(crate) encoding: Option<&'static str>,
    /// The same for every attempt to send the same body; empty where that does not matter.
    pub(crate) idempotency_key: &'a str,
    /// What lets this installation have erased what the body holds.
    pub(crate) receipt: Option<Receipt>,
}

impl Post<'_> {
    fn head(&self) -> String {
        let encoding = self
            .encoding
            .map(|encoding| format!("Content-Encoding: {encoding}\r\n"))
            .unwrap_or_default();
        let key = match self.idempotency_key {
            "" => String::new(),
            key => format!("Idempotency-Key: \"{key}\"\r\n"),
        };
        let receipt = self
            .receipt
            .map(|receipt| format!("{RECEIPT_HEADER}: {receipt}\r\n"))
            .unwrap_or_default();
        format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: headcount/{}\r\nContent-Type: {}\r\n{encoding}\
             Content-Length: {}\r\n{key}{receipt}Connection: close\r\n\r\n",
            self.path,
            self.endpoint.authority(),
            env!("CARGO_PKG_VERSION"),
            self.content_type,
            self.body.len(),
        )
    }

    /// Sends it and waits for the answer, for no longer than [`EXCHANGE_LIMIT`].
    pub(crate) fn send(&self, trust: &super::Trust) -> Answer {
        let deadline = Cell::new(Instant::now() + EXCHANGE_LIMIT);
        let Ok(stream) = connect(self.endpoint, deadline.get()) else {
            return Answer::NotSent;
        };
        let stream = Timed {
            stream,
            deadline: &deadline,
        };
        if !self.endpoint.is_tls {
            return self.exchange(stream, &deadline);
        }
        #[cfg(feature = "tls")]
        return match super::tls::connect(&self.endpoint.host, trust, stream) {
            Ok(stream) => self.exchange(stream, &deadline),
            Err(_) => Answer::NotSent,
        };
        #[cfg(not(feature = "tls"))]
        {
            let _ = trust;
            Answer::NotSent
        }
    }

    fn exchange(&self, mut stream: impl Read + Write, deadline: &Cell<Instant>) -> Answer {
        let mut request = self.head().into_bytes();
        request.extend_from_slice(self.body);
        if stream
            .write_all(&request)
            .and_then(|()| stream.flush())
            .is_err()
        {
            return Answer::Unanswered;
        }
        Answer::read(&mut stream, || {
            let soon = Instant::now() + BODY_LIMIT;
            deadline.set(deadline.get().min(soon));
        })
    }
}

fn connect(endpoint: &Endpoint, deadline: Instant) -> io::Result<TcpStream> {
    let addresses = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        // A name that is plain HTTP must really be this machine's, whatever its resolver says.
        if !endpoint.is_tls && !address.ip().is_loopback() {
            continue;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left.min(CONNECT_LIMIT)) {
            Ok(stream) => {
                let _best_effort = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A stream on which every read and write ends by one deadline: a peer that gives a byte a second gains nothing.
#[derive(Debug)]
pub(super) struct Timed<'d> {
    stream: TcpStream,
    deadline: &'d Cell<Instant>,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self
            .deadline
            .get()
            .saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(left),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_described_by_its_head() {
        let endpoint = Endpoint::parse("http://127.0.0.1:4318").unwrap();
        let post = Post {
            endpoint: &endpoint,
            path: &endpoint.path,
            content_type: "application/x-protobuf",
            body: b"abc",
            encoding: Some("gzip"),
            idempotency_key: "k",
            receipt: Receipt::parse(&[b'7'; 32]),
        };
        let head = post.head();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:4318\r\n"));
        assert!(head.contains("\r\nContent-Length: 3\r\n"));
        assert!(head.contains("\r\nContent-Encoding: gzip\r\n"));
        let receipt = format!("\r\nheadcount-receipt: {}\r\n", "7".repeat(32));
        assert!(head.contains(&receipt), "{head}");
        assert!(head.ends_with("\r\n\r\n"));
    }
}
