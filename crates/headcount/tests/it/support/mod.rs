//! Test support: a collector that stores its requests, and the program that embeds the client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount_wire::{TraceRequest, Value};

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) head: String,
    /// Decompressed.
    pub(crate) body: Vec<u8>,
    /// Its length as it was sent.
    pub(crate) wire_bytes: usize,
    pub(crate) status: u16,
}

/// A span of a request.
#[derive(Debug, Clone)]
pub(crate) struct SentSpan {
    pub(crate) name: String,
    pub(crate) id: Vec<u8>,
    pub(crate) attributes: Vec<(String, String)>,
}

impl SentSpan {
    /// Whether it is an event, and not a report that the client adds of itself.
    pub(crate) fn is_event(&self) -> bool {
        !["Losses", "Activity"].contains(&self.name.as_str())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// A collector on this machine. `answer` gives the response to each request by its number.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    pub(crate) fn answering(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let shared = Arc::clone(&arrived);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &shared, &*answer));
            }
        });
        Self { address, arrived }
    }

    /// Behind TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(config: Arc<rustls::ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let shared = Arc::clone(&arrived);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = rustls::StreamOwned::new(connection, stream.unwrap());
                serve(stream, &shared, &|_| {
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
                });
            }
        });
        Self { address, arrived }
    }

    pub(crate) fn new() -> Self {
        Self::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned())
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// The acknowledged spans.
    pub(crate) fn spans(&self) -> Vec<SentSpan> {
        let arrived = self.arrived();
        let acknowledged = arrived.iter().filter(|request| request.status == 200);
        acknowledged
            .flat_map(|request| spans(&request.body))
            .collect()
    }
}

fn serve(
    mut stream: impl Read + Write,
    arrived: &Mutex<Vec<Arrived>>,
    answer: &dyn Fn(usize) -> String,
) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 65_536];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = header(&head, "content-length")
                .unwrap()
                .parse::<usize>()
                .unwrap();
            if bytes.len() >= end + 4 + length {
                let body = &bytes[end + 4..end + 4 + length];
                let mut decoded = Vec::new();
                match header(&head, "content-encoding") {
                    Some("gzip") => {
                        let mut decoder = flate2::read::GzDecoder::new(body);
                        decoder.read_to_end(&mut decoded).unwrap();
                    }
                    _ => decoded.extend_from_slice(body),
                }
                let mut arrived = arrived.lock().unwrap();
                let answer = answer(arrived.len());
                let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
                arrived.push(Arrived {
                    head,
                    body: decoded,
                    wire_bytes: length,
                    status: status.unwrap_or(0),
                });
                drop(arrived);
                // The client may be gone.
                let _ = stream.write_all(answer.as_bytes());
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}

pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub(crate) fn spans(body: &[u8]) -> Vec<SentSpan> {
    let mut found = Vec::new();
    for group in TraceRequest::parse(body).unwrap().groups() {
        for raw in group.spans() {
            let mut scratch = Vec::new();
            let span = raw.parse(&mut scratch).unwrap();
            found.push(SentSpan {
                name: span.name.to_owned(),
                id: span.span_id.to_vec(),
                attributes: span
                    .attributes
                    .iter()
                    .map(|attribute| {
                        let value = match attribute.value {
                            Value::String(text) => text.to_owned(),
                            other => format!("{other:?}"),
                        };
                        (attribute.key.to_owned(), value)
                    })
                    .collect(),
            });
        }
    }
    found
}

/// The example program `subject`, with its environment.
pub(crate) struct Subject {
    pub(crate) home: PathBuf,
    pub(crate) endpoint: Option<String>,
    pub(crate) variables: Vec<(String, String)>,
}

impl Subject {
    pub(crate) fn new(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            endpoint: None,
            variables: Vec::new(),
        }
    }

    #[must_use]
    pub(crate) fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    #[must_use]
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(example("subject"));
        command
            .args(words)
            .env_clear()
            .env("HEADCOUNT_HOME", &self.home);
        if let Some(endpoint) = &self.endpoint {
            command.env("HEADCOUNT_ENDPOINT", endpoint);
        }
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.envs(variables);
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The file of this kind about the subject's collector.
    pub(crate) fn of_collector(&self, kind: &str) -> PathBuf {
        let address = format!("{}/v1/traces", self.endpoint.as_ref().unwrap());
        let hash = hmac_sha256::Hash::hash(address.as_bytes());
        let mark: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder().join(format!("{kind}-{mark}"))
    }

    /// The folder with the subject's files.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.join("state/subject")
    }
}

/// For a test that may affect others of its process. Returns `true` in the child process that runs this test alone; the
/// parent waits for it, checks that it ran and passed, and gets `false`. In the child `HEADCOUNT_HOME` is an empty folder that
/// everybody may read, so that the consent setting of the person who runs these tests does not matter.
///
/// `test` is the test's path, such as `runs::a_test`.
pub(crate) fn is_child(test: &str) -> bool {
    const CHILD: &str = "HEADCOUNT_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let person = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let readable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(person.path(), readable).unwrap();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("HEADCOUNT_HOME", person.path())
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(said.contains("1 passed"), "{test} did not run: {said}");
    false
}

/// The path of an example program, which Cargo builds with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Waits until `done` returns `true`; the test fails after 30 seconds.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
