//! What is counted of recorded bodies, beside what really happened: `docs/genai-facts.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::support::recorded::scenarios;

const TRUTH: &str = include_str!("../corpus/genai-truth.yaml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/genai-facts.md");

type Row = Map<String, Value>;

/// The verdict on one fact of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Right,
    /// The sender does not say it, and so nothing is said.
    Unknown,
    Wrong(String),
    /// Nothing of the kind happened, and nothing was counted.
    Nothing,
}

/// Judges one fact of what was admitted.
type Judge = fn(&Facts<'_>) -> Verdict;

/// The facts, in the order of the table's columns.
const FACTS: [(&str, Judge); 17] = [
    ("runs", |facts| facts.count("runs", "crews")),
    ("failed runs", |facts| {
        facts.failures("failed_runs", "crew_completions")
    }),
    ("tasks", |facts| facts.count("tasks", "task_runs")),
    ("flows", |facts| facts.count("flows", "flow_events")),
    ("agent runs", |facts| facts.length("agents", "agent_runs")),
    ("agents' names", |facts| facts.names()),
    ("failed agents", |facts| {
        facts.failures("failed_agents", "agent_runs")
    }),
    ("tool uses", |facts| facts.tools("tools", None)),
    ("tool errors", |facts| facts.tools("errors", Some("error"))),
    ("tools' error class", |facts| facts.error_class()),
    ("hand-offs", |facts| facts.count("handoffs", "handoffs")),
    ("model calls", |facts| facts.count("calls", "model_calls")),
    ("failed calls", |facts| {
        facts.failures("failed_calls", "model_calls")
    }),
    ("tokens read", |facts| facts.tokens("input", "input_tokens")),
    ("tokens written", |facts| {
        facts.tokens("output", "output_tokens")
    }),
    ("requested model", |facts| {
        facts.same("requested", "requested_model")
    }),
    ("answering model", |facts| {
        facts.same("answering", "answering_model")
    }),
];

/// One scenario: its rows and its truth.
struct Facts<'s> {
    rows: &'s [Row],
    truth: &'s Value,
}

impl Facts<'_> {
    fn table(&self, table: &str) -> Vec<&Row> {
        let rows = self.rows.iter().filter(|row| row["table"] == table);
        rows.collect()
    }

    /// A number of rows: none where there should be some is not a count of zero, but no count.
    fn number(&self, expected: usize, found: usize) -> Verdict {
        match (expected, found) {
            (0, 0) => Verdict::Nothing,
            (_, 0) => Verdict::Unknown,
            _ if expected == found => Verdict::Right,
            _ => Verdict::Wrong(format!("{found} instead of {expected}")),
        }
    }

    fn expected(&self, fact: &str) -> usize {
        self.truth[fact].as_u64().unwrap_or(0) as usize
    }

    fn count(&self, fact: &str, table: &str) -> Verdict {
        self.number(self.expected(fact), self.table(table).len())
    }

    fn length(&self, fact: &str, table: &str) -> Verdict {
        let expected = self.truth[fact].as_array().map_or(0, Vec::len);
        self.number(expected, self.table(table).len())
    }

    fn names(&self) -> Verdict {
        let sorted = |names: Vec<&Value>| {
            let mut names: Vec<String> = names.into_iter().map(Value::to_string).collect();
            names.sort();
            names
        };
        let found: Option<Vec<&Value>> = self
            .table("agent_runs")
            .iter()
            .map(|row| row.get("role"))
            .collect();
        let expected = sorted(
            self.truth["agents"]
                .as_array()
                .into_iter()
                .flatten()
                .collect(),
        );
        match found {
            None => Verdict::Unknown,
            Some(found) if found.is_empty() && expected.is_empty() => Verdict::Nothing,
            Some(found) if found.is_empty() => Verdict::Unknown,
            Some(found) if sorted(found.clone()) == expected => Verdict::Right,
            Some(found) => Verdict::Wrong(format!("{found:?} instead of {expected:?}")),
        }
    }

    /// How many rows say that they failed, if all say how they ended.
    fn failures(&self, fact: &str, table: &str) -> Verdict {
        let rows = self.table(table);
        let expected = self.expected(fact);
        if rows.is_empty() {
            return if expected == 0 {
                Verdict::Nothing
            } else {
                Verdict::Unknown
            };
        }
        if rows.iter().any(|row| !row.contains_key("outcome")) {
            let known = rows
                .iter()
                .filter(|row| row.get("outcome") == Some(&json!("failed")));
            return match known.count() > expected {
                true => Verdict::Wrong("more than failed".to_owned()),
                false => Verdict::Unknown,
            };
        }
        let found = rows.iter().filter(|row| row["outcome"] == "failed").count();
        match found == expected {
            true => Verdict::Right,
            false => Verdict::Wrong(format!("{found} instead of {expected}")),
        }
    }

    fn tools(&self, fact: &str, outcome: Option<&str>) -> Verdict {
        let rows = self.table("tool_uses");
        let Some(expected) = self.truth[fact].as_object() else {
            return match rows.is_empty() {
                true => Verdict::Nothing,
                false => Verdict::Wrong("tools where none ran".to_owned()),
            };
        };
        if rows.is_empty() {
            return if expected.is_empty() {
                Verdict::Nothing
            } else {
                Verdict::Unknown
            };
        }
        if outcome.is_some() && rows.iter().any(|row| !row.contains_key("outcome")) {
            return Verdict::Unknown;
        }
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &rows {
            let Some(name) = row.get("tool_name").and_then(Value::as_str) else {
                return Verdict::Unknown;
            };
            if outcome.is_none_or(|outcome| row["outcome"] == outcome) {
                *found.entry(name).or_default() += 1;
            }
        }
        let expected: BTreeMap<&str, u64> = expected
            .iter()
            .map(|(name, count)| (name.as_str(), count.as_u64().unwrap()))
            .collect();
        match found == expected {
            true => Verdict::Right,
            false => Verdict::Wrong(format!("{found:?} instead of {expected:?}")),
        }
    }

    fn error_class(&self) -> Verdict {
        let rows = self.table("tool_uses");
        let errors: Vec<_> = rows
            .iter()
            .filter(|row| row.get("outcome") == Some(&json!("error")))
            .collect();
        let expected = &self.truth["error_class"];
        if errors.is_empty() {
            return if expected.is_null() {
                Verdict::Nothing
            } else {
                Verdict::Unknown
            };
        }
        self.all_are(errors.iter().map(|row| row.get("error_type")), expected)
    }

    fn tokens(&self, fact: &str, column: &str) -> Verdict {
        let expected = self.truth[fact].as_u64().unwrap_or(0);
        let rows = self.table("model_calls");
        let completed = rows
            .iter()
            .filter(|row| row.get("outcome") != Some(&json!("failed")));
        let is_said = completed.clone().all(|row| row.contains_key(column)) || expected == 0;
        let found: u64 = rows
            .iter()
            .filter_map(|row| row.get(column).and_then(Value::as_u64))
            .sum();
        match found {
            0 if expected == 0 => Verdict::Nothing,
            _ if !is_said || completed.count() == 0 => Verdict::Unknown,
            _ if found == expected => Verdict::Right,
            _ => Verdict::Wrong(format!("{found} instead of {expected}")),
        }
    }

    fn same(&self, fact: &str, column: &str) -> Verdict {
        let rows = self.table("model_calls");
        let expected = &self.truth[fact];
        if expected.is_null() {
            let is_said = rows.iter().any(|row| row.contains_key(column));
            // A library that was never answered says the name that it asked for: no answer is known to be wrong.
            return if is_said {
                Verdict::Unknown
            } else {
                Verdict::Nothing
            };
        }
        if rows.is_empty() {
            return Verdict::Unknown;
        }
        self.all_are(rows.iter().map(|row| row.get(column)), expected)
    }

    fn all_are<'v>(
        &self,
        found: impl Iterator<Item = Option<&'v Value>>,
        expected: &Value,
    ) -> Verdict {
        let mut verdict = Verdict::Right;
        for value in found {
            match value {
                None => verdict = Verdict::Unknown,
                Some(value) if value == expected => {}
                Some(value) => return Verdict::Wrong(format!("{value} instead of {expected}")),
            }
        }
        verdict
    }
}

/// By pair, and fact: the verdicts of its scenarios.
type Verdicts = BTreeMap<String, Vec<BTreeMap<String, Verdict>>>;

fn verdicts() -> Verdicts {
    let truth: Value = serde_saphyr::from_str(TRUTH).unwrap();
    let mut verdicts = Verdicts::new();
    let mut seen = 0;
    for ((pair, scenario), rows) in scenarios() {
        let truth = &truth[*pair][*scenario];
        assert!(truth.is_object(), "no truth of {pair}, {scenario}");
        seen += 1;
        let facts = Facts { rows, truth };
        let of_pair = verdicts
            .entry((*pair).to_owned())
            .or_insert_with(|| vec![BTreeMap::new(); FACTS.len()]);
        for (of_fact, (_, judge)) in of_pair.iter_mut().zip(FACTS) {
            of_fact.insert((*scenario).to_owned(), judge(&facts));
        }
    }
    let of_truth = truth.as_object().unwrap().values();
    let told: usize = of_truth.map(|pair| pair.as_object().unwrap().len()).sum();
    assert_eq!(seen, told, "a truth without bodies");
    verdicts
}

#[test]
fn nothing_that_is_counted_is_wrong() {
    let mut wrong = Vec::new();
    for (pair, facts) in verdicts() {
        for (scenarios, (fact, _)) in facts.iter().zip(FACTS) {
            for (scenario, verdict) in scenarios {
                if let Verdict::Wrong(how) = verdict {
                    wrong.push(format!("{pair}, {scenario}: {fact}: {how}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// `UPDATE_GENAI=1 cargo test --release -p headcount-catalog --test it genai_truth` writes the page.
#[test]
fn the_page_says_what_each_pair_cannot_tell() {
    let wanted = page(&verdicts());
    if std::env::var_os("UPDATE_GENAI").is_some() {
        std::fs::write(PAGE, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/genai-facts.md differs from what admission does; run this test with UPDATE_GENAI=1 to write it"
    );
}

fn page(verdicts: &Verdicts) -> String {
    let mut page = String::from(
        "# Facts of GenAI spans\n\n\
         What Headcount counts of the spans of other frameworks and instrumentations, beside what really happened: each pair's recorded\n\
         bodies (`corpus/genai`) are admitted, and the rows compared with the script that made the bodies\n\
         (`crates/headcount-catalog/tests/corpus/genai-truth.yaml`). Generated; `crates/headcount-catalog/tests/it/genai_truth.rs` writes this\n\
         page, and fails if anything is wrong.\n\n\
         - **right**: equal to what happened, in every scenario in which it happened.\n\
         - **unknown**: the spans do not say it. No row, or no value, stands for it; never a zero. Named scenarios: unknown in those, right in\n  \
         the others.\n\
         - **·**: it did not happen in any scenario.\n\n",
    );
    let (mut right, mut unknown, mut wrong) = (0, 0, 0);
    for scenarios in verdicts.values().flatten() {
        for verdict in scenarios.values() {
            match verdict {
                Verdict::Right => right += 1,
                Verdict::Unknown => unknown += 1,
                Verdict::Wrong(_) => wrong += 1,
                Verdict::Nothing => {}
            }
        }
    }
    writeln!(
        page,
        "Facts of scenarios: {right} right, {unknown} unknown, {wrong} wrong.\n"
    )
    .unwrap();
    for (pair, facts) in verdicts {
        let (framework, instrumentation) = pair.split_once("__").unwrap();
        let instrumentation = instrumentation.replace('+', " and ");
        writeln!(page, "## {framework}, {instrumentation}\n").unwrap();
        page.push_str("| fact | |\n| --- | --- |\n");
        for (scenarios, (fact, _)) in facts.iter().zip(FACTS) {
            writeln!(page, "| {fact} | {} |", cell(scenarios)).unwrap();
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn cell(scenarios: &BTreeMap<String, Verdict>) -> String {
    let named = |wanted: fn(&Verdict) -> bool| {
        let found = scenarios.iter().filter(|(_, verdict)| wanted(verdict));
        found.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    let right = named(|verdict| *verdict == Verdict::Right);
    let unknown = named(|verdict| *verdict == Verdict::Unknown);
    let wrong = named(|verdict| matches!(verdict, Verdict::Wrong(_)));
    match (right.is_empty(), unknown.is_empty(), wrong.is_empty()) {
        (_, _, false) => format!("**wrong**: {}", wrong.join(", ")),
        (true, true, _) => "·".to_owned(),
        (false, true, _) => "right".to_owned(),
        (true, false, _) => "unknown".to_owned(),
        (false, false, _) => format!("right; unknown: {}", unknown.join(", ")),
    }
}
