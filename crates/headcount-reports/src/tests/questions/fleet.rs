//! Generated runs of crews: the same for the same seed.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// The first day of the data: a Monday, ten weeks before the end of [`super::TODAY`].
pub(super) const FIRST: &str = "2026-09-07";

/// Releases in their order, with the day of their first run.
pub(super) const RELEASES: [(&str, i64); 5] = [
    ("1.9.0", 0),
    ("1.10.0rc1", 12),
    ("1.10.0", 20),
    ("1.10.1", 41),
    ("1.11.0", 58),
];

const TOOLS: [&str; 4] = ["search", "read_file", "old_tool", "rare_tool"];
const MODELS: [&str; 3] = ["gpt-4o", "claude", "llama"];

/// A kickoff.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) crew: usize,
    /// Days since [`FIRST`].
    pub(super) day: i64,
    pub(super) release: &'static str,
    pub(super) tools: Vec<&'static str>,
    pub(super) model: &'static str,
    pub(super) process: &'static str,
    pub(super) tasks: u64,
    pub(super) memory: Option<bool>,
    pub(super) failed: bool,
    pub(super) error: &'static str,
    pub(super) seconds: f64,
    pub(super) score: f64,
}

/// A generator of even noise (splitmix64).
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        (self.below(1 << 30) as f64) < share * f64::from(1 << 30)
    }
}

/// Runs of eighty crews over ten weeks.
pub(super) fn runs(seed: u64) -> Vec<Run> {
    let mut noise = Noise(seed);
    let mut runs = Vec::new();
    for crew in 0..80 {
        let first = noise.below(60) as i64;
        let last = first + noise.below(70) as i64;
        let lag = noise.below(15) as i64;
        let tool = TOOLS[noise.below(2) as usize];
        let model = MODELS[noise.below(3) as usize];
        for day in first..last.min(70) {
            for _ in 0..noise.below(3) {
                let known = RELEASES.iter().rev();
                let release = known.clone().find(|(_, since)| day >= since + lag);
                let release = release.unwrap_or(&RELEASES[0]).0;
                let mut tools = vec![tool];
                if day < 25 && noise.chance(0.3) {
                    tools.push("old_tool");
                }
                if crew % 25 == 3 {
                    tools.push("rare_tool");
                }
                runs.push(Run {
                    crew,
                    day,
                    release,
                    tools,
                    model: if day > 63 && crew.is_multiple_of(4) {
                        "new-model"
                    } else {
                        model
                    },
                    process: if crew.is_multiple_of(9) {
                        "hierarchical"
                    } else {
                        "sequential"
                    },
                    tasks: 1 + (crew as u64 % 10),
                    // As of a release that does not report it.
                    memory: (release != "1.9.0").then_some(crew.is_multiple_of(2)),
                    failed: noise.chance(0.1),
                    error: if release == "1.11.0" {
                        "NewError"
                    } else {
                        "OldError"
                    },
                    seconds: 1.0 + noise.below(1000) as f64 / 10.0,
                    score: 5.0 + noise.below(50) as f64 / 10.0,
                });
            }
        }
    }
    runs
}

pub(super) fn date(day: i64) -> String {
    let first: chrono::NaiveDate = FIRST.parse().unwrap();
    (first + chrono::TimeDelta::days(day)).to_string()
}

/// The columns of a run's record in any table, with more of its own.
fn row(run: &Run, more: Value) -> Value {
    let mut row = json!({
        "framework": "crewai", "framework_version": run.release, "runtime": "python",
        "time": format!("{}T09:00:00Z", date(run.day)),
    });
    let own = more.as_object().unwrap().clone();
    row.as_object_mut().unwrap().extend(own);
    row
}

fn key(run: &Run) -> String {
    format!("crew {}", run.crew)
}

fn outcome(run: &Run) -> &'static str {
    if run.failed { "failed" } else { "completed" }
}

/// The runs' starts and ends alone.
fn completions(runs: &[Run]) -> Dataset {
    let crews = runs.iter().map(|run| {
        row(run, json!({"key": key(run), "runtime_version": "3.12.1", "process": run.process, "memory": run.memory, "task_count": run.tasks, "agent_count": 1}))
    });
    let ends = runs.iter().map(|run| {
        row(
            run,
            json!({"crew_key": key(run), "outcome": outcome(run), "duration": run.seconds}),
        )
    });
    let mut dataset = Dataset::new();
    dataset.insert("crews".to_owned(), crews.collect());
    dataset.insert("crew_completions".to_owned(), ends.collect());
    dataset
}

/// Reports over the runs' starts and ends alone: there may be many.
pub(super) fn completions_of(runs: &[Run]) -> Reports {
    reports_over(&completions(runs))
}

/// Reports over the rows that the runs leave.
pub(super) fn reports_of(runs: &[Run]) -> Reports {
    let mut dataset = completions(runs);
    let rows = |of: &dyn Fn(&Run) -> Value| -> Value { runs.iter().map(of).collect() };
    let agents = rows(&|run| {
        row(
            run,
            json!({"crew_key": key(run), "tool_names": run.tools, "llm_model": run.model, "max_iterations": 25, "delegation_enabled": run.crew.is_multiple_of(3)}),
        )
    });
    dataset.insert("agents".to_owned(), agents);
    let task_runs = rows(&|run| {
        let error = run.failed.then_some(run.error);
        row(
            run,
            json!({"crew_key": key(run), "outcome": outcome(run), "duration": run.seconds, "error_type": error}),
        )
    });
    dataset.insert("task_runs".to_owned(), task_runs);
    let tool_uses = rows(&|run| {
        let outcome = if run.failed { "error" } else { "used" };
        row(
            run,
            json!({"tool_name": run.tools[0], "outcome": outcome, "attempts": 1, "llm_model": run.model}),
        )
    });
    dataset.insert("tool_uses".to_owned(), tool_uses);
    let tests = rows(&|run| {
        row(
            run,
            json!({"crew_key": key(run), "step": "result", "model_name": run.model, "quality": run.score, "execution_time": run.seconds}),
        )
    });
    dataset.insert("tests".to_owned(), tests);
    reports_over(&dataset)
}

/// The distinct crews of the runs that are wanted.
pub(super) fn crews_of<'a>(
    runs: &'a [Run],
    is_wanted: impl Fn(&Run) -> bool + 'a,
) -> BTreeSet<usize> {
    let wanted = runs.iter().filter(|run| is_wanted(run));
    wanted.map(|run| run.crew).collect()
}
