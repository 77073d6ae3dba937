//! A crew with `share_crew` on: its agents, its task runs, its inputs and outputs. Analysts only.

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use headcount_problem::Problem;
use headcount_reports::Answer;
use serde_json::Value;

use super::context::PageContext;
use super::error_page;
use super::figures::{Figure, Span, timeline};
use super::layout::Layout;
use super::page::Page;
use super::render::render;
use super::table::text_of;
use crate::answer_cache::QueryKey;
use crate::problem::report_problem;
use crate::role::Role;
use crate::state::SiteState;

/// The most task runs of the timeline.
const MAX_RUNS: usize = 200;

/// The page of a crew.
#[derive(Template)]
#[template(path = "crew.html")]
struct CrewPage {
    layout: Layout,
    crew: String,
    facts: Vec<(&'static str, String)>,
    timeline: Figure,
    runs_left_out: usize,
    agents: Vec<Entry>,
    tasks: Vec<Entry>,
    exchanges: Vec<Entry>,
}

/// An agent, a task or an exchange: a heading with facts and texts.
struct Entry {
    heading: String,
    facts: Vec<(String, String)>,
    texts: Vec<(String, String)>,
}

pub(crate) async fn show(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    Path(crew): Path<String>,
) -> Response {
    let base = state.base.clone();
    match crew_page(state, role, &crew).await {
        Ok(response) => response,
        Err(problem) => error_page::response(&base, &problem),
    }
}

async fn crew_page(state: SiteState, role: Role, crew: &str) -> Result<Response, Problem> {
    let context = PageContext::open(state, role, "", Page::Shared).await?;
    let unknown =
        || Problem::not_found("no crew with share_crew on has this id; /shared lists them");
    if !is_id(crew) {
        return Err(unknown());
    }
    let rows = |columns: &'static str, table: &'static str, column: &'static str| {
        let context = &context;
        let query = format!(
            "SELECT {columns} FROM {table} WHERE {column} = '{crew}' ORDER BY time LIMIT 2000"
        );
        async move { Records::query(context, query).await }
    };
    // Only a crew with share_crew on has a page, even if other tables contain it.
    let (agents, tasks, exchanges, executions) = futures::try_join!(
        rows("*", "shared_agents", "crew_id"),
        rows("*", "shared_tasks", "crew_id"),
        rows("*", "shared_io", "crew_id"),
        rows("*", "shared_executions", "crew_id"),
    )?;
    if [&agents, &tasks, &exchanges, &executions]
        .iter()
        .all(|records| records.0.rows.is_empty())
    {
        return Err(unknown());
    }
    let (kickoffs, runs, settings, environments) = futures::try_join!(
        rows("*", "crews", "id"),
        rows("*", "task_runs", "crew_id"),
        rows("*", "tasks", "crew_id"),
        rows("*", "shared_environments", "crew_id"),
    )?;
    let names = task_names(&tasks);
    let (timeline, runs_left_out) = timeline_of(&runs, &names);
    let page = CrewPage {
        layout: Layout::titled(&context, "A shared crew"),
        crew: crew.to_owned(),
        facts: facts(&kickoffs, &agents, &environments),
        timeline,
        runs_left_out,
        agents: agent_entries(&agents),
        tasks: task_entries(&tasks, &settings),
        exchanges: exchange_entries(&exchanges, &executions, &names),
    };
    Ok(render(role, &page))
}

/// Whether it is a UUID in lower case, as ids are stored.
fn is_id(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(is_hex))
}

/// Rows with access by column name.
struct Records(std::sync::Arc<Answer>);

impl Records {
    async fn query(context: &PageContext, sql: String) -> Result<Self, Problem> {
        let answer = context.answer(QueryKey::Fixed(sql)).await;
        answer
            .map(Self)
            .map_err(|error| report_problem(&error, context.role))
    }

    fn each(&self) -> impl Iterator<Item = Record<'_>> {
        self.0.rows.iter().map(|row| Record {
            answer: &self.0,
            row,
        })
    }
}

/// A row with access by column name.
#[derive(Clone, Copy)]
struct Record<'a> {
    answer: &'a Answer,
    row: &'a [Value],
}

impl Record<'_> {
    fn value(&self, name: &str) -> &Value {
        self.answer
            .column_index(name)
            .map_or(&Value::Null, |index| &self.row[index])
    }

    fn text(&self, name: &str) -> String {
        match self.value(name) {
            Value::Null => String::new(),
            value => text_of(value, name),
        }
    }

    /// Microseconds since the Unix epoch.
    fn time(&self, name: &str) -> Option<i64> {
        let text = self.value(name).as_str()?;
        Some(
            chrono::DateTime::parse_from_rfc3339(text)
                .ok()?
                .timestamp_micros(),
        )
    }
}

/// The names of tasks on the page: the beginning of their descriptions.
fn task_names(tasks: &Records) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for task in tasks.each() {
        let id = task.text("id");
        if !names.iter().any(|(known, _)| *known == id) {
            let description = task.text("description");
            let short: String = description.chars().take(60).collect();
            let is_cut = short.len() < description.len();
            names.push((id, if is_cut { format!("{short}…") } else { short }));
        }
    }
    names
}

fn name_of<'a>(names: &'a [(String, String)], id: &str) -> Option<&'a str> {
    let found = names.iter().find(|(known, _)| known == id);
    found.map(|(_, name)| name.as_str())
}

fn timeline_of(runs: &Records, names: &[(String, String)]) -> (Figure, usize) {
    let timed: Vec<(Record<'_>, i64)> = runs
        .each()
        .filter_map(|run| {
            let start = run.time("started").or(run.time("created"))?;
            Some((run, start))
        })
        .collect();
    let first = timed.iter().map(|(_, start)| *start).min().unwrap_or(0);
    let seconds = |micros: i64| (micros - first) as f64 / 1e6;
    let span = |(run, start): &(Record<'_>, i64)| {
        let id = run.text("task_id");
        let label = name_of(names, &id).map_or_else(
            || format!("task {}", id.get(..8).unwrap_or(&id)),
            str::to_owned,
        );
        let outcome = run.text("outcome");
        let end = run.time("ended").map(seconds);
        Span {
            name: label,
            start: seconds(*start),
            end,
            class: match (outcome.as_str(), end) {
                ("failed", _) => "failed",
                (_, None) => "running",
                _ => "completed",
            },
        }
    };
    let spans: Vec<Span> = timed.iter().take(MAX_RUNS).map(span).collect();
    let left_out = timed.len().saturating_sub(MAX_RUNS);
    (
        timeline("Task runs of the crew over time", &spans),
        left_out,
    )
}

fn facts(
    kickoffs: &Records,
    agents: &Records,
    environments: &Records,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |name, text: String| {
        if !text.is_empty() {
            facts.push((name, text));
        }
    };
    if let Some(agent) = agents.each().next() {
        add(
            "framework",
            format!(
                "{} {}",
                agent.text("framework"),
                agent.text("framework_version")
            ),
        );
        add(
            "runtime",
            format!(
                "{} {}",
                agent.text("runtime"),
                agent.text("runtime_version")
            ),
        );
    }
    add("kickoffs", kickoffs.0.rows.len().to_string());
    if let Some(kickoff) = kickoffs.each().last() {
        add("last kickoff", kickoff.text("time"));
        add("process", kickoff.text("process"));
        add("memory", kickoff.text("memory"));
        add("environment", kickoff.text("runtime_context"));
    }
    if let Some(machine) = environments.each().last() {
        let system = [machine.text("system"), machine.text("release")].join(" ");
        add("system", system.trim().to_owned());
        add("CPUs", machine.text("cpu_count"));
    }
    facts
}

fn agent_entries(agents: &Records) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut known: Vec<String> = Vec::new();
    for agent in agents.each() {
        let id = agent.text("id");
        if known.contains(&id) {
            continue;
        }
        known.push(id);
        let texts = [
            ("goal", agent.text("goal")),
            ("backstory", agent.text("backstory")),
        ];
        entries.push(Entry {
            heading: agent.text("role"),
            facts: filled(&[("i18n prompt file", agent.text("i18n_prompt_file"))]),
            texts: filled(&texts),
        });
    }
    entries
}

fn task_entries(tasks: &Records, settings: &Records) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut known: Vec<String> = Vec::new();
    for task in tasks.each() {
        let id = task.text("id");
        if known.contains(&id) {
            continue;
        }
        let of_task = settings.each().find(|record| record.text("id") == id);
        let setting = |name: &str| of_task.map(|record| record.text(name)).unwrap_or_default();
        let texts = [
            ("expected output", task.text("expected_output")),
            ("context", task.text("context")),
            (
                "description at run time",
                task.text("formatted_description"),
            ),
        ];
        entries.push(Entry {
            heading: task.text("description"),
            facts: filled(&[
                ("agent", setting("agent_role")),
                ("tools", setting("tool_names")),
                ("asynchronous", setting("async_execution")),
                ("human input", setting("human_input")),
            ]),
            texts: filled(&texts),
        });
        known.push(id);
    }
    entries
}

fn exchange_entries(
    exchanges: &Records,
    executions: &Records,
    names: &[(String, String)],
) -> Vec<Entry> {
    let exchange = |exchange: Record<'_>| {
        let task = exchange.text("task_id");
        let of = match name_of(names, &task) {
            Some(name) => name.to_owned(),
            None if task.is_empty() => "the crew".to_owned(),
            None => format!("task {}", task.get(..8).unwrap_or(&task)),
        };
        let direction = exchange.text("direction");
        Entry {
            heading: format!("{direction} of {of}"),
            facts: filled(&[("at", exchange.text("time"))]),
            texts: filled(&[("", exchange.text("content"))]),
        }
    };
    let execution = |execution: Record<'_>| Entry {
        heading: "final output of the crew".to_owned(),
        facts: filled(&[("at", execution.text("time"))]),
        texts: filled(&[
            ("", execution.text("output")),
            ("outputs of the tasks", execution.text("tasks_output")),
            ("log", execution.text("log")),
        ]),
    };
    exchanges
        .each()
        .map(exchange)
        .chain(executions.each().map(execution))
        .collect()
}

fn filled(pairs: &[(&str, String)]) -> Vec<(String, String)> {
    let filled = pairs
        .iter()
        .filter(|(_, text)| !text.is_empty() && text != "–");
    filled
        .map(|(name, text)| ((*name).to_owned(), text.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_id_reaches_a_query() {
        assert!(is_id("d52ffb9b-fe89-4dfb-9a1d-52c941f6947c"));
        for text in [
            "",
            "d52ffb9b-fe89-4dfb-9a1d-52c941f6947",
            "D52FFB9B-fe89-4dfb-9a1d-52c941f6947c",
            "d52ffb9b-fe89-4dfb-9a1d-52c941f694'c",
            "' OR 1=1 --",
            "d52ffb9bfe89-4dfb-9a1d-52c941f6947c-",
        ] {
            assert!(!is_id(text), "{text}");
        }
    }
}
