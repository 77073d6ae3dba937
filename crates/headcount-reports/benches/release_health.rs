//! How often the report `release-health` calls a sound release worse, and how often it finds three points more failures:
//! `cargo bench -p headcount-reports --bench release_health [-- FLEETS]` (20 fleets a line if not given).
//!
//! A fleet is 150 crews that ran six releases, 2,000 runs each, with three tasks and two tool calls a run. Crews differ in how
//! often they run and how often they fail. Prints the share of fleets in which any metric is called worse.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::compute::cast;
use datafusion::datasource::MemTable;
use headcount_catalog::{Catalog, Table};
use headcount_lake::arrow_schema;
use headcount_reports::{QueryLimits, ReportParameters, Reports, Source};

const CREWS: u64 = 150;
const RUNS: i64 = 2000;
const RELEASES: [&str; 6] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"];

/// Days between two releases; each runs for so many days.
const DAYS: i64 = 11;

/// 1 September 2026.
const FIRST_DAY: i64 = 20_697;

/// What a fleet is like.
#[derive(Debug, Clone, Copy)]
struct Fleet {
    name: &'static str,
    /// The mean share of failed runs, tasks and calls.
    failing: f64,
    /// Points that the last release adds to the failed runs.
    added: f64,
    /// The share of a crew's days on which half of everything fails.
    bad_days: f64,
    /// Whether crews that fail twice as often run the last release twice as often.
    other_crews: bool,
}

const FLEETS: [Fleet; 7] = [
    sound("sound, 5 % fail", 0.05),
    sound("sound, 15 % fail", 0.15),
    Fleet {
        bad_days: 0.03,
        ..sound("sound, failures of a crew come on the same days", 0.04)
    },
    Fleet {
        other_crews: true,
        ..sound("sound, crews that fail more upgrade more", 0.05)
    },
    Fleet {
        added: 0.03,
        ..sound("3 points worse, 3 % failed before", 0.03)
    },
    Fleet {
        added: 0.03,
        ..sound("3 points worse, 5 % failed before", 0.05)
    },
    Fleet {
        added: 0.03,
        ..sound("3 points worse, 10 % failed before", 0.10)
    },
];

const fn sound(name: &'static str, failing: f64) -> Fleet {
    Fleet {
        name,
        failing,
        added: 0.0,
        bad_days: 0.0,
        other_crews: false,
    }
}

fn main() {
    let fleets = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let fleets: u64 = fleets.unwrap_or(20);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let parameters = ReportParameters {
        until: Some("2026-11-05".to_owned()),
        ..ReportParameters::default()
    };
    for fleet in FLEETS {
        let mut worse = 0;
        for seed in 0..fleets {
            let reports = reports_of(fleet, seed);
            let answer = runtime
                .block_on(reports.report("release-health", &parameters))
                .unwrap();
            let verdict = answer.column_index("verdict").unwrap();
            worse += u64::from(answer.rows.iter().any(|row| row[verdict] == "worse"));
        }
        let share = 100.0 * worse as f64 / fleets as f64;
        println!("{:50} called worse: {share:5.1} % of {fleets}", fleet.name);
    }
}

/// A generator of even noise (splitmix64).
struct Noise(u64);

impl Noise {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.share() * limit as f64) as u64
    }

    fn seconds(&mut self, typical: f64) -> f64 {
        // About log-normal: the sum of three even numbers.
        typical * (self.share() + self.share() + self.share() - 1.5).exp()
    }
}

/// Rows of one table, column by column.
#[derive(Default)]
struct Rows {
    release: Vec<&'static str>,
    micros: Vec<i64>,
    crew: Vec<String>,
    outcome: Vec<&'static str>,
    duration: Vec<f64>,
    tool: Vec<&'static str>,
    attempts: Vec<i64>,
}

fn reports_of(fleet: Fleet, seed: u64) -> Reports {
    let mut noise = Noise(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ fleet.failing.to_bits());
    let habits: Vec<f64> = (0..CREWS)
        .map(|_| fleet.failing * 2.0 * noise.share())
        .collect();
    let mut bad_days: HashMap<(u64, i64), bool> = HashMap::new();
    let (mut runs, mut tasks, mut calls) = (Rows::default(), Rows::default(), Rows::default());
    for (place, release) in (0..).zip(RELEASES) {
        let is_last = place == 5;
        for number in 0..RUNS {
            let mut crew = noise.below(CREWS).min(noise.below(CREWS));
            if fleet.other_crews
                && is_last
                && habits[crew as usize] < fleet.failing
                && noise.share() < 0.5
            {
                crew = noise.below(CREWS);
            }
            let day = FIRST_DAY + place * DAYS + number % DAYS;
            let is_bad = *bad_days
                .entry((crew, day))
                .or_insert_with(|| noise.share() < fleet.bad_days);
            let failing = if is_bad { 0.5 } else { habits[crew as usize] };
            let added = if is_last { fleet.added } else { 0.0 };
            let mut end = |rows: &mut Rows, failing: f64, words: [&'static str; 2]| {
                rows.release.push(release);
                rows.micros.push(day * 86_400_000_000 + number * 1_000_000);
                rows.crew.push(format!("crew {crew}"));
                rows.outcome
                    .push(words[usize::from(noise.share() < failing)]);
                rows.duration.push(noise.seconds(10.0 + crew as f64));
                rows.tool
                    .push(["search", "read_file", "browse", "write_file"][noise.below(4) as usize]);
                rows.attempts.push(1 + i64::from(noise.share() < 0.1));
            };
            end(&mut runs, failing + added, ["completed", "failed"]);
            for _ in 0..3 {
                end(&mut tasks, failing, ["completed", "failed"]);
            }
            for _ in 0..2 {
                end(&mut calls, failing, ["used", "error"]);
            }
        }
    }
    let sources = Catalog::embedded().schema().tables.iter().map(|table| {
        let rows = match table.name.as_str() {
            "crews" | "crew_completions" => &runs,
            "task_runs" => &tasks,
            "tool_uses" => &calls,
            _ => &Rows::default(),
        };
        source(table, rows)
    });
    Reports::over(sources.collect(), QueryLimits::default())
}

fn source(table: &Table, rows: &Rows) -> Source {
    let schema = arrow_schema(table);
    let framework: Vec<&str> = vec!["crewai"; rows.release.len()];
    let column = |name: &str| -> Option<ArrayRef> {
        Some(match name {
            "framework" => Arc::new(StringArray::from(framework.clone())),
            "framework_version" => Arc::new(StringArray::from(rows.release.clone())),
            "time" => {
                let times = TimestampMicrosecondArray::from(rows.micros.clone());
                Arc::new(times.with_timezone("UTC"))
            }
            "key" | "crew_key" => Arc::new(StringArray::from(rows.crew.clone())),
            "outcome" => Arc::new(StringArray::from(rows.outcome.clone())),
            "duration" => Arc::new(Float64Array::from(rows.duration.clone())),
            "tool_name" => Arc::new(StringArray::from(rows.tool.clone())),
            "attempts" => Arc::new(Int64Array::from(rows.attempts.clone())),
            _ => return None,
        })
    };
    let columns = schema.fields().iter().map(|field| {
        let known = column(field.name());
        let empty = || new_null_array(field.data_type(), rows.release.len());
        known.map_or_else(empty, |values| cast(&values, field.data_type()).unwrap())
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    Source {
        name: table.name.clone(),
        tier: table.tier,
        rows: Some(rows.release.len() as u64),
        provider: Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap()),
    }
}
