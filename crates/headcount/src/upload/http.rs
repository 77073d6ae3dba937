//! One request over HTTP/1.1 (RFC 9112), and nothing else: no redirect is followed, no proxy used, no cookie kept, no
//! connection reused, no environment variable read.
//!
//! It is written by hand for two reasons: a deadline for the whole exchange, and a small dependency tree
//! (`docs/decisions/0009-the-clients-own-http.md`).

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use headcount_wire::{RECEIPT_HEADER, Receipt};

use super::answer::{Answer, JSON};
use super::endpoint::Endpoint;
use super::failure::UploadFailure;
use super::ingest_token::IngestToken;
use super::timed::Timed;
use super::trust::Trust;
use crate::platform::{self, Own};

/// How long one exchange may take, without name resolution, which cannot be interrupted and which no host thread waits for.
pub(crate) const EXCHANGE_LIMIT: Duration = Duration::from_secs(20);
/// How long connecting to one of the host's addresses may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long the body of a response may take after its head: it only changes a count.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// One body to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Post<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// The path of the request.
    pub(crate) path: &'a str,
    /// The token that the collector asks for.
    pub(crate) token: Option<&'a IngestToken>,
    pub(crate) content_type: &'static str,
    /// The body as it is sent.
    pub(crate) body: &'a [u8],
    /// `Some("gzip")` if it is compressed.
    pub(crate) encoding: Option<&'static str>,
    /// The same for every attempt to send the same body; empty if attempts need not be told apart.
    pub(crate) idempotency_key: &'a str,
    /// The receipt with which this installation can have the events erased.
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
        let token = self.token.map(IngestToken::header).unwrap_or_default();
        format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: headcount/{}\r\nContent-Type: {}\r\n{encoding}\
             Content-Length: {}\r\n{key}{receipt}{token}Connection: close\r\n\r\n",
            self.path,
            self.endpoint.authority(),
            env!("CARGO_PKG_VERSION"),
            self.content_type,
            self.body.len(),
        )
    }

    /// Sends the request and waits for the response, for at most [`EXCHANGE_LIMIT`].
    pub(crate) fn send(&self, trust: &Trust) -> Answer {
        let deadline = Cell::new(Instant::now() + EXCHANGE_LIMIT);
        let stream = match connect(self.endpoint, deadline.get()) {
            Ok(stream) => stream,
            Err(failure) => return Answer::NotSent(failure),
        };
        let stream = Timed::new(stream, &deadline);
        if !self.endpoint.is_tls {
            return self.exchange(stream, &deadline);
        }
        #[cfg(feature = "tls")]
        return match super::tls::connect(&self.endpoint.host, trust, stream) {
            Ok(stream) => self.exchange(stream, &deadline),
            Err(_) => Answer::NotSent(UploadFailure::Tls),
        };
        #[cfg(not(feature = "tls"))]
        {
            let _ = trust;
            Answer::NotSent(UploadFailure::Tls)
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
        Answer::read(&mut stream, self.content_type, || {
            let soon = Instant::now() + BODY_LIMIT;
            deadline.set(deadline.get().min(soon));
        })
    }
}

fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<Own<TcpStream>, UploadFailure> {
    let addresses = (endpoint.host.as_str(), endpoint.port).to_socket_addrs();
    for address in addresses.map_err(|_| UploadFailure::Name)? {
        // Plain HTTP is for this machine only, whatever address the name resolves to.
        if !endpoint.is_tls && !address.ip().is_loopback() {
            continue;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        if let Ok(stream) = platform::connect(&address, left.min(CONNECT_LIMIT)) {
            let _best_effort = stream.get().and_then(|stream| stream.set_nodelay(true));
            return Ok(stream);
        }
    }
    Err(UploadFailure::Connection)
}

/// Sends an erasure request, in JSON.
pub(crate) fn post_tokens(endpoint: &Endpoint, trust: &Trust, body: &[u8]) -> Answer {
    let post = Post {
        endpoint,
        path: &endpoint.erase_path(),
        // Whoever wants to be forgotten needs no token.
        token: None,
        content_type: JSON,
        body,
        encoding: None,
        idempotency_key: "",
        receipt: None,
    };
    post.send(trust)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_describes_the_body() {
        let endpoint = Endpoint::parse("http://127.0.0.1:4318").unwrap();
        let token = IngestToken::read("hc_x".to_owned());
        let post = Post {
            endpoint: &endpoint,
            path: &endpoint.path,
            token: token.as_ref().ok(),
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
        assert!(head.contains("\r\nAuthorization: Bearer hc_x\r\n"));
        let receipt = format!("\r\nheadcount-receipt: {}\r\n", "7".repeat(32));
        assert!(head.contains(&receipt), "{head}");
        assert!(head.ends_with("\r\n\r\n"));
    }
}
