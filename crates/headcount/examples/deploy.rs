//! A command that deploys a crew, step by step, and counts the steps.
//!
//! ```text
//! cargo run --release -p headcount --example deploy -- create
//! cargo run --release -p headcount --example deploy -- logs
//! cargo run --release -p headcount --example deploy -- remove
//! ```
//!
//! A command ends before its events could be sent: they wait on disk, and a later run sends them. With `--wait` as the second
//! argument they are sent before the command ends, within two seconds.
//!
//! `HEADCOUNT_ENDPOINT` names the collector. `create` packs the current folder's `crew.yaml`, if there is one, and fails
//! otherwise: both are counted.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::process::ExitCode;
use std::time::Duration;

use headcount::{DeploymentFailure, DeploymentSource, DeploymentStep, Telemetry};

fn main() -> ExitCode {
    let mut builder = Telemetry::builder("deploy-example", env!("CARGO_PKG_VERSION"));
    if let Ok(endpoint) = std::env::var("HEADCOUNT_ENDPOINT") {
        builder = builder.endpoint(endpoint);
    }
    let telemetry = builder.start();
    let code = deploy(&telemetry);
    if std::env::args().any(|word| word == "--wait") {
        let _sent = telemetry.flush(Duration::from_secs(2));
    }
    code
}

fn deploy(telemetry: &Telemetry) -> ExitCode {
    let deployment = telemetry.deployment(DeploymentSource::Cli);
    match std::env::args().nth(1).as_deref() {
        Some("create") => {
            deployment.step(DeploymentStep::Start);
            let Ok(text) = std::fs::read("crew.yaml") else {
                deployment.failed(DeploymentFailure::ZipError, None);
                eprintln!("there is no crew.yaml in this folder");
                return ExitCode::FAILURE;
            };
            deployment.step(DeploymentStep::Create);
            println!("packed {} bytes", text.len());
            deployment.step(DeploymentStep::Created);
        }
        Some("logs") => {
            deployment.logs_pulled("deployment");
            println!("no logs yet");
        }
        Some("remove") => {
            deployment.step(DeploymentStep::Remove);
            println!("removed");
        }
        _ => {
            eprintln!("usage: deploy create|logs|remove [--wait]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
