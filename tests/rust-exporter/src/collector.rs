//! A running `headcount serve` on free ports, with a data folder of its own.

use std::env;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The server; it is ended when this is dropped.
#[derive(Debug)]
pub struct Collector {
    binary: PathBuf,
    data: PathBuf,
    child: Child,
    traces_url: String,
    grpc_url: String,
    _folder: TempDir,
}

impl Collector {
    /// Starts the binary that `HEADCOUNT_BINARY` names and waits for the banner that says where it listens.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let binary = env::var_os("HEADCOUNT_BINARY").ok_or("HEADCOUNT_BINARY is not set")?;
        let binary = PathBuf::from(binary);
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let child = Command::new(&binary)
            .arg("serve")
            .arg("--data")
            .arg(&data)
            .args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut collector = Self {
            binary,
            data,
            child,
            traces_url: String::new(),
            grpc_url: String::new(),
            _folder: folder,
        };
        let banner = collector.child.stdout.take().ok_or("it says nothing")?;
        for line in BufReader::new(banner).lines() {
            let line = line?;
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["OTLP/HTTP", url] => collector.traces_url = url.to_owned(),
                ["OTLP/gRPC", url] => collector.grpc_url = url.to_owned(),
                ["stores", ..] => break,
                _ => {}
            }
        }
        if collector.traces_url.is_empty() || collector.grpc_url.is_empty() {
            return Err("the banner does not say where it listens".into());
        }
        Ok(collector)
    }

    pub fn traces_url(&self) -> &str {
        &self.traces_url
    }

    pub fn grpc_url(&self) -> &str {
        &self.grpc_url
    }

    /// The rows of a query, beside the running server.
    pub fn sql(&self, query: &str) -> Result<Value, Box<dyn Error>> {
        self.ask(&["sql", query])
    }

    /// The rows of a report, however few crews they stand for.
    pub fn report(&self, name: &str) -> Result<Value, Box<dyn Error>> {
        self.ask(&["report", name, "--min-crews", "1"])
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .args(["--format", "json", "--data"])
            .arg(&self.data)
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{arguments:?} failed: {said}").into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Asks it to end, as an operator would, and waits for it.
    pub fn stop(&mut self) -> Result<(), Box<dyn Error>> {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        let ended = self.child.wait()?;
        if asked.success() && ended.success() {
            return Ok(());
        }
        Err(format!("it ended with {ended}").into())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
