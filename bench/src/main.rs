//! `headcount-load`: sends CrewAI-shaped OTLP/HTTP traffic to a receiver and measures its responses.

// A command's answer belongs on standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod connection;
mod histogram;
mod load;
mod process;

use std::process::ExitCode;

use arguments::{Arguments, USAGE};
use load::Outcome;
use process::Usage;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::from(2);
        }
    };
    let before = arguments.server.and_then(Usage::of);
    let outcome = if arguments.dry_run {
        Ok(load::rehearse(&arguments))
    } else {
        load::send(&arguments)
    };
    match outcome {
        Ok(outcome) => {
            let after = arguments.server.and_then(Usage::of);
            println!("{}", describe(&arguments, &outcome, before.zip(after)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sending to {}: {error}", arguments.address);
            ExitCode::FAILURE
        }
    }
}

fn describe(arguments: &Arguments, outcome: &Outcome, server: Option<(Usage, Usage)>) -> String {
    let seconds = outcome.elapsed.as_secs_f64();
    let mut members = vec![
        format!("\"batch\": {}", arguments.batch),
        format!("\"connections\": {}", arguments.connections),
        arguments.rate.map_or_else(
            || "\"rate\": null".to_owned(),
            |rate| format!("\"rate\": {rate}"),
        ),
        format!("\"spans\": {}", outcome.spans),
        format!("\"requests\": {}", outcome.requests),
        format!("\"retries\": {}", outcome.retries),
        format!("\"answers_with_body\": {}", outcome.answers_with_body),
        format!("\"bytes\": {}", outcome.bytes),
        format!("\"seconds\": {seconds:.3}"),
        format!(
            "\"spans_per_second\": {:.0}",
            outcome.spans as f64 / seconds
        ),
    ];
    if !arguments.dry_run {
        let quantile = |part| outcome.latency.quantile(part);
        members.push(format!(
            "\"latency_ms\": {{\"p50\": {:.3}, \"p90\": {:.3}, \"p99\": {:.3}, \"p99.9\": {:.3}, \"max\": {:.3}}}",
            quantile(0.5),
            quantile(0.9),
            quantile(0.99),
            quantile(0.999),
            outcome.latency.longest(),
        ));
    }
    if let Some((before, after)) = server {
        members.push(format!(
            "\"server\": {{\"peak_mib\": {:.1}, \"cpu_seconds\": {:.2}}}",
            after.peak_mib,
            after.cpu_seconds - before.cpu_seconds,
        ));
    }
    format!("{{{}}}", members.join(", "))
}
