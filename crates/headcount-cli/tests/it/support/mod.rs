//! Runs the built `headcount` program.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Request bodies that real CrewAI releases sent.
pub fn corpus(scenario: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let folder = root.join(scenario);
    assert!(folder.is_dir(), "{} is missing", folder.display());
    folder
}

pub fn headcount() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    for name in [
        "HEADCOUNT_LOG",
        "HEADCOUNT_LOG_FORMAT",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "HEADCOUNT_TOKEN_FILE",
        "BROWSER",
        "DISPLAY",
        "WAYLAND_DISPLAY",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    headcount().args(arguments).output().expect("it starts")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Runs the program, which must succeed, and reads the JSON that it prints.
pub fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let errors = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    serde_json::from_str(&stdout(&output)).expect("standard output is pure JSON")
}

/// A folder's path as an argument.
pub fn path(folder: &Path) -> &str {
    folder.to_str().expect("UTF-8")
}

/// A running `headcount serve`; killed when it goes out of scope.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`, or with `https`.
    pub url: String,
    /// `127.0.0.1:PORT` of the gRPC listener, if it was asked for.
    pub grpc: Option<String>,
    /// The file with its access token, if it has one.
    pub token_file: PathBuf,
    /// Everything that it printed until it was ready.
    pub banner: String,
    /// Kept open, so that the server can write to its standard output.
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Server {
    /// Starts a server on `data` and on a free port, and waits until it takes requests.
    pub fn start(data: &Path) -> Server {
        Server::listening(data, "127.0.0.1:0", "none", &[])
    }

    /// The same with further options.
    pub fn start_with(data: &Path, options: &[&str]) -> Server {
        Server::listening(data, "127.0.0.1:0", "none", options)
    }

    /// The same on `address`, where one that is started again is found again.
    pub fn start_at(data: &Path, address: &str) -> Server {
        Server::listening(data, address, "none", &[])
    }

    /// The same with a gRPC listener.
    pub fn start_with_grpc(data: &Path) -> Server {
        Server::start_with_grpc_and(data, &[])
    }

    /// The same with further options.
    pub fn start_with_grpc_and(data: &Path, options: &[&str]) -> Server {
        Server::listening(data, "127.0.0.1:0", "127.0.0.1:0", options)
    }

    /// The same as [`Self::start_with`], with its standard error in the file `log`.
    pub fn start_logging(data: &Path, options: &[&str], log: &Path) -> Server {
        let log = std::fs::File::create(log).expect("a file");
        let mut command = Server::command(data, "127.0.0.1:0", "none", options);
        command.stderr(log);
        Server::spawn(data, command)
    }

    /// The same as [`Self::start_with`], with its standard error in a pipe.
    pub fn start_piped(data: &Path, options: &[&str]) -> Server {
        let mut command = Server::command(data, "127.0.0.1:0", "none", options);
        command.stderr(Stdio::piped());
        Server::spawn(data, command)
    }

    /// The same as [`Self::start_with`], with these variables in its environment.
    pub fn start_in(data: &Path, options: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = Server::command(data, "127.0.0.1:0", "none", options);
        command.envs(variables.iter().copied());
        Server::spawn(data, command)
    }

    fn listening(data: &Path, http: &str, grpc: &str, options: &[&str]) -> Server {
        Server::spawn(data, Server::command(data, http, grpc, options))
    }

    fn command(data: &Path, http: &str, grpc: &str, options: &[&str]) -> Command {
        let mut command = headcount();
        command
            .args(["serve", "--data", path(data)])
            .args(["--http", http, "--grpc", grpc])
            .args(options);
        command
    }

    fn spawn(data: &Path, mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut banner = String::new();
        while !banner.contains("Ctrl-C ends it") {
            let read = stdout.read_line(&mut banner).expect("UTF-8");
            assert_ne!(read, 0, "the server ended: {banner}");
        }
        let address = |protocol: &str| {
            let mut lines = banner.lines();
            let found = lines.find_map(|line| line.trim().strip_prefix(protocol));
            found.map(|address| address.trim().to_owned())
        };
        let traces = address("OTLP/HTTP").expect("an HTTP listener");
        let url = traces
            .strip_suffix("/v1/traces")
            .expect("the path of traces");
        let without_scheme = |url: String| {
            let (_, address) = url.split_once("://")?;
            Some(address.to_owned())
        };
        let grpc = address("OTLP/gRPC").and_then(without_scheme);
        Server {
            child,
            url: url.to_owned(),
            token_file: data.join("token"),
            grpc,
            banner,
            _stdout: stdout,
        }
    }

    /// Options by which a command queries this server.
    pub fn options(&self) -> [&str; 4] {
        ["--url", &self.url, "--token-file", path(&self.token_file)]
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without a chance to flush.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Stops it with SIGTERM and waits for its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.end()
    }

    /// Stops it with another signal and waits for its exit code; `None` if the signal killed it.
    pub fn stop_with(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.end()
    }

    /// Closes the end of its standard error that somebody could read.
    pub fn close_stderr(&mut self) {
        drop(self.child.stderr.take().expect("it is piped"));
    }

    /// Its exit code. Fails if it does not end within a minute.
    fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("its state can be read") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not end within a minute");
    }

    /// Sends it a signal.
    pub fn signal(&mut self, name: &str) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(asked.expect("kill is there").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
