//! A collector on free ports, and a client that writes HTTP by hand, so that it can also send malformed requests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use headcount_access::AccessToken;
use headcount_collector::{Collector, IngestPipeline, ReceiverLimits, ServeOptions};
use headcount_web::{Access, Erasures, SiteOptions, Store, site};
use headcount_wire::{RequestEncoder, SpanHeader, StatusCode};
use tempfile::TempDir;

/// Headers by name.
pub type Headers<'h> = &'h [(&'h str, &'h str)];

/// The access token of collectors that have one.
pub const TOKEN: &str = "0123456789abcdef";

/// A running collector and its data folder.
pub struct Running {
    pub collector: Collector,
    pub folder: TempDir,
}

/// A response over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

pub async fn start() -> Running {
    start_within(ReceiverLimits::default()).await
}

pub async fn start_within(limits: ReceiverLimits) -> Running {
    start_with_access(limits, Access::Loopback).await
}

/// A collector whose queries need [`TOKEN`].
pub async fn start_with_token() -> Running {
    let token = AccessToken::parse(TOKEN).expect("a token");
    start_with_access(ReceiverLimits::default(), Access::Token(token.into())).await
}

/// A collector whose reports are public.
pub async fn start_public() -> Running {
    let token = AccessToken::parse(TOKEN).expect("a token");
    start_with_access(ReceiverLimits::default(), Access::Public(token.into())).await
}

async fn start_with_access(limits: ReceiverLimits, access: Access) -> Running {
    start_failing(limits, access, || None).await
}

/// A collector whose queries cannot be answered, for the reason that is given.
pub async fn start_without_queries(query_failure: fn() -> Option<&'static str>) -> Running {
    start_failing(ReceiverLimits::default(), Access::Loopback, query_failure).await
}

async fn start_failing(
    limits: ReceiverLimits,
    access: Access,
    query_failure: fn() -> Option<&'static str>,
) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = ServeOptions::local(folder.path().join("data"));
    options.http = vec!["127.0.0.1:0".to_owned()];
    options.grpc = Some("127.0.0.1:0".to_owned());
    options.limits = limits;
    options.query_failure = query_failure;
    let site_options = SiteOptions {
        timeout: Some(options.limits.timeout),
        ..SiteOptions::new(access)
    };
    let started = Collector::start(options, |pipeline| site(store(pipeline), site_options));
    let collector = started.await.expect("it starts");
    Running { collector, folder }
}

/// The site over the pipeline, which it does not keep alive.
fn store(pipeline: &Arc<IngestPipeline>) -> Store {
    let (tables, account, revisions, counts) = (
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
    );
    Store {
        snapshot: Box::new(move || {
            let pipeline = tables.upgrade();
            Box::pin(async move { pipeline.expect("it runs").snapshot().await })
        }),
        audit: Box::new(move || {
            let pipeline = account.upgrade();
            Box::pin(async move { pipeline.expect("it runs").audit().await })
        }),
        revision: Box::new(move || {
            revisions
                .upgrade()
                .map_or(0, |pipeline| pipeline.revision())
        }),
        metrics: Box::new(move || counts.upgrade().expect("it runs").metrics()),
        erasures: Some(erasures(pipeline)),
    }
}

/// Orders to erase crews, as the command passes them on.
fn erasures(pipeline: &Arc<IngestPipeline>) -> Erasures {
    let (ordered, all) = (Arc::downgrade(pipeline), Arc::downgrade(pipeline));
    Erasures {
        order: Box::new(move |selection| {
            let pipeline = ordered.upgrade().expect("it runs");
            Box::pin(async move { pipeline.order_crew_erasure(selection).await })
        }),
        all: Box::new(move || all.upgrade().expect("it runs").crew_erasures()),
    }
}

impl Running {
    pub fn http(&self) -> SocketAddr {
        self.collector.http_addresses()[0]
    }

    /// Sends a request with these headers and this body; the connection is closed after the answer.
    pub async fn send(&self, line: &str, headers: Headers<'_>, body: &[u8]) -> Answer {
        let mut request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.exchange(bytes).await
    }

    /// `POST /v1/traces` in protobuf.
    pub async fn post(&self, body: &[u8]) -> Answer {
        self.send(
            "POST /v1/traces",
            &[("Content-Type", "application/x-protobuf")],
            body,
        )
        .await
    }

    /// Writes `bytes` and reads until the other side closes.
    pub async fn exchange(&self, bytes: Vec<u8>) -> Answer {
        let address = self.http();
        let work = tokio::task::spawn_blocking(move || talk(address, &bytes));
        work.await.expect("the client does not panic")
    }

    /// The only number in the result of a query.
    pub async fn number(&self, query: &str) -> i64 {
        let answer = self.send("POST /api/v1/sql", &[], query.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let rows = answer.json();
        let row = rows[0].as_object().expect("a row");
        row.values()
            .next()
            .and_then(serde_json::Value::as_i64)
            .expect("a number")
    }
}

/// `POST /v1/traces` in protobuf, from the calling thread.
pub fn post_to(address: SocketAddr, body: &[u8]) -> Answer {
    let mut bytes = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    talk(address, &bytes)
}

fn talk(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a listener");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    // A server that has refused the request may close before it has read all of it.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let split = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer");
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    Answer {
        status,
        head,
        body: answer[split + 4..].to_vec(),
    }
}

/// When the first request was made: a span that is sent again has the start it had before.
static STARTED: OnceLock<u64> = OnceLock::new();

/// Nanoseconds since 1970 UTC.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_nanos()).expect("before 2554")
}

/// A request with the span names given, as CrewAI's telemetry would send them.
pub fn request(names: &[&str]) -> Vec<u8> {
    let mut encoder = RequestEncoder::new();
    encoder.resource(|attributes| attributes.string("service.name", "crewAI-telemetry"));
    encoder.scope("crewai.telemetry", "");
    let nanoseconds = *STARTED.get_or_init(now);
    for (index, name) in names.iter().enumerate() {
        let mut span_id = [7; 8];
        span_id[0] = u8::try_from(index + 1).expect("few spans");
        let header = SpanHeader {
            trace_id: [9; 16],
            span_id,
            name,
            start_unix_nano: nanoseconds,
            end_unix_nano: nanoseconds + 1_000_000,
            status: StatusCode::Ok,
        };
        encoder.span(&header, |attributes| {
            attributes.string("crewai_version", "1.15.30");
            attributes.string("feature", "memory:save");
        });
    }
    encoder.finish()
}
