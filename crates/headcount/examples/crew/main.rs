//! A crew of three agents: a researcher, a writer and a reviewer, at work on a topic, counted by Headcount.
//!
//! ```text
//! cargo run --release -p headcount --example crew -- --scripted "the history of the typewriter"
//! OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=llama3.2 cargo run --release -p headcount --example crew
//! ```
//!
//! | | |
//! | --- | --- |
//! | `HEADCOUNT_ENDPOINT` | the collector, such as `http://127.0.0.1:4318`; without it nothing is sent |
//! | `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `OPENAI_MODEL` | any endpoint that speaks OpenAI's chat completions |
//! | `--scripted` | plays a script instead of asking a model |
//! | `--share` | the crew shares its content (`share_crew`) |
//! | `--wait` | waits, for at most five seconds, until everything was sent |
//!
//! [`framework`] is what a framework that embeds the client looks like; [`model`] asks the model or plays the script.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

mod framework;
mod model;

use std::process::ExitCode;
use std::time::Duration;

use framework::{Framework, Member, Step};
use headcount::Telemetry;
use model::Model;

const USAGE: &str = "usage: crew [--scripted] [--share] [--wait] [TOPIC]";

struct Arguments {
    scripted: bool,
    share: bool,
    wait: bool,
    topic: String,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        scripted: false,
        share: false,
        wait: false,
        topic: String::new(),
    };
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--scripted" => arguments.scripted = true,
            "--share" => arguments.share = true,
            "--wait" => arguments.wait = true,
            "--help" | "-h" => return Err(USAGE.to_owned()),
            flag if flag.starts_with("--") => return Err(format!("no such flag: {flag}\n{USAGE}")),
            _ if arguments.topic.is_empty() => arguments.topic = word,
            _ => return Err(format!("more than one topic; put it in quotes\n{USAGE}")),
        }
    }
    if arguments.topic.is_empty() {
        arguments.topic = "the history of the typewriter".to_owned();
    }
    Ok(arguments)
}

fn telemetry() -> Telemetry {
    let mut builder = Telemetry::builder("crew-example", env!("CARGO_PKG_VERSION"))
        .switch("CREW_EXAMPLE_DISABLE_TELEMETRY")
        // The first lines of the output do.
        .told_user(true);
    if let Ok(endpoint) = std::env::var("HEADCOUNT_ENDPOINT") {
        builder = builder.endpoint(endpoint);
    }
    builder.start()
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let telemetry = telemetry();
    println!("telemetry is {}", telemetry.decision());
    println!(
        "(anonymous counts of tools, models and settings; see them with `headcount preview`, turn them off with `headcount off`)\n"
    );
    let model = match arguments.scripted {
        true => Model::script(),
        false => match Model::from_environment() {
            Ok(model) => model,
            Err(message) => {
                eprintln!("{message}");
                return ExitCode::from(2);
            }
        },
    };
    let framework = Framework::new(telemetry.clone(), model);
    let outcome = framework.kickoff(&members(), &steps(), &arguments.topic, arguments.share);
    if arguments.wait {
        let arrived = telemetry.flush(Duration::from_secs(5));
        println!(
            "\neverything was sent: {}",
            if arrived { "yes" } else { "no" }
        );
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the crew failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn members() -> Vec<Member> {
    vec![
        Member {
            role: "Researcher",
            goal: "Find what is worth knowing about a topic",
            backstory: "You have read encyclopedias for twenty years.",
            tools: &["search_notes", "count_words"],
        },
        Member {
            role: "Writer",
            goal: "Turn notes into three clear sentences",
            backstory: "You wrote captions for a museum.",
            tools: &["count_words"],
        },
        Member {
            role: "Reviewer",
            goal: "Say in one sentence what is wrong with a text",
            backstory: "You were an editor of a newspaper.",
            tools: &[],
        },
    ]
}

fn steps() -> Vec<Step> {
    vec![
        Step {
            member: 0,
            description: "Collect five facts about {topic}.",
            expected_output: "Five short lines",
        },
        Step {
            member: 1,
            description: "Write three sentences about {topic} from the notes.",
            expected_output: "Three sentences",
        },
        Step {
            member: 2,
            description: "Review the text about {topic}.",
            expected_output: "One sentence",
        },
    ]
}
