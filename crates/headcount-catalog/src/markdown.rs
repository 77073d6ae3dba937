//! The catalog as a page for people (`TELEMETRY.md`) and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::catalog::{Catalog, Category, Field, Place, Revision, Switch, SwitchKind};
use crate::rule::Kind;
use crate::schema::Tier;

const INTRODUCTION: &str = "\
# Telemetry

<!-- Generated from catalog/crew.yaml by `headcount catalog --format markdown`. Edit that file, not this one. -->

Headcount counts how AI-agent crews are built and run: which features, tools, models and releases are used. This page
lists everything that may be collected. A value that is not on it is refused and counted, and reaches no disk: not the
store, not its write-ahead log, not a log line.

- **By default**, the anonymous usage data under [Collected by default](#collected-by-default).
- **Only from a crew whose configuration says `share_crew`**, the content under [Collected only with
  share_crew](#collected-only-with-share_crew). It is kept in tables of its own.
- **To turn all of it off**, run `headcount off`, or set `HEADCOUNT_DISABLED=1`, `DO_NOT_TRACK=1` or the framework's own switch:
  [all switches](#how-to-turn-it-off).
- **To ask collectors to erase what Headcount's own client sent** from this machine, run `headcount forget`.

## Never stored

- Network addresses and user agents of senders, host names, environment variables, credentials, base URLs of models.
- Names of methods, a tool's arguments and results, error messages, metadata that people attach to crews.
- Without `share_crew`: prompts, goals, backstories, task descriptions, inputs, outputs, the operating system.
  Content that arrives without proof of this consent is dropped and counted.
- Keys as they were sent. Some frameworks derive them from content, so that a guess could be confirmed. Each key is
  replaced by a hash keyed with a secret that stays with the collector. Ids are kept only where they are random UUIDs.
- The trace and span ids of the sender's own application.

Roles, tool names and similar texts are chosen by people. Fields marked *may be personal* may name a person by
accident: they are cut at the limit shown, and e-mail addresses, telephone numbers, long numbers, secrets, home folders
and network addresses in default-tier text are replaced by `[email]`, `[phone]`, `[number]`, `[secret]`, `[path]` and
`[address]`. The scrubbing knows common forms; do not put personal information into roles and tool names.
";

impl Catalog {
    /// The published page, `TELEMETRY.md`.
    pub fn markdown(&self) -> String {
        let mut page = INTRODUCTION.to_owned();
        let kept = self.retention();
        let _ = write!(
            page,
            "\n## How long it is kept\n\n\
             A collector deletes a row {} days after its `time`, and a row of content that a crew shared {} days after it; whoever runs\n\
             the collector may choose fewer days. While `headcount serve` runs, the row leaves the tables within three hours of that,\n\
             and the disk within three more.\n",
            kept.default_days, kept.shared_days
        );
        switches(self.switches(), &mut page);
        for (tier, heading) in [
            (Tier::Default, "\n## Collected by default\n"),
            (Tier::Shared, "\n## Collected only with share_crew\n"),
        ] {
            page.push_str(heading);
            for category in self
                .categories()
                .iter()
                .filter(|category| category.tier == tier)
            {
                section(category, &mut page);
            }
        }
        history(self.history(), &mut page);
        page
    }

    /// The catalog as JSON: `version`, `retention`, `history`, `switches`, and `categories` with their fields under the names of `catalog/crew.yaml`.
    pub fn json(&self) -> Value {
        let categories = self.categories().iter().map(|category| {
            let fields = category.fields.iter().map(field_json).collect::<Vec<_>>();
            json!({
                "id": category.id,
                "title": category.title,
                "tier": category.tier.name(),
                "table": category.place.name(),
                "why": category.why,
                "fields": fields,
            })
        });
        let history = self.history().iter().map(|revision| {
            without_nulls(json!({
                "revision": revision.revision,
                "date": revision.date,
                "what": revision.what,
                "fingerprint": revision.fingerprint,
            }))
        });
        let kept = self.retention();
        json!({
            "version": 1,
            "retention": { "default_days": kept.default_days, "shared_days": kept.shared_days },
            "history": history.collect::<Vec<_>>(),
            "switches": self.switches().iter().map(switch_json).collect::<Vec<_>>(),
            "categories": categories.collect::<Vec<_>>(),
        })
    }
}

fn switch_json(switch: &Switch) -> Value {
    without_nulls(json!({
        "name": switch.name,
        "kind": switch.kind.name(),
        "framework": switch.framework,
        "what": switch.what,
    }))
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

fn field_json(field: &Field) -> Value {
    let limits = field.limits;
    let mut value = json!({
        "name": field.name,
        "table": field.place.name(),
        "kind": field.kind.name(),
        "unit": field.unit,
        "min": limits.min,
        "max": limits.max,
        "max_length": limits.max_length,
        "max_items": limits.max_items,
        "domain": field.domain.map(|domain| domain.name()),
        "personal": field.personal,
        "example": field.example,
        "why": field.why,
    });
    if let Value::Object(members) = &mut value
        && !field.values.is_empty()
    {
        members.insert("values".to_owned(), json!(field.values));
    }
    without_nulls(value)
}

fn switches(switches: &[Switch], page: &mut String) {
    page.push_str(
        "\n## How to turn it off\n\n\
         Headcount's client asks in this order, and the first that says off decides. A variable says off with `1`, `true`, `yes` or `on`; `0`, `false`,\n\
         `no` and `off` say nothing, and a value that it does not understand counts as off. While it is off it writes no file, starts no thread and opens no\n\
         socket. A framework that embeds it may have a variable of its own. A framework's own telemetry that is merely sent to a collector of Headcount knows only the\n\
         framework's switches: CrewAI's knows `OTEL_SDK_DISABLED`, `CREWAI_DISABLE_TELEMETRY` and `CREWAI_DISABLE_TRACKING`.\n\n\
         | switch | effect |\n| --- | --- |\n",
    );
    for switch in switches {
        push(
            page,
            format_args!("| {} | {} |\n", switch.name_text(), cell(&switch.what)),
        );
    }
}

fn history(history: &[Revision], page: &mut String) {
    page.push_str(
        "\n## Changes of this list\n\n| revision | date | change |\n| --- | --- | --- |\n",
    );
    for revision in history {
        push(
            page,
            format_args!(
                "| {} | {} | {} |\n",
                revision.revision,
                revision.date,
                cell(&revision.what)
            ),
        );
    }
}

impl Switch {
    /// The switch as Markdown: code where a person writes it, words where it is a state.
    pub fn name_text(&self) -> String {
        let set_to = match self.kind {
            SwitchKind::Variable | SwitchKind::FrameworkVariable => "=1",
            SwitchKind::UnreadableFolder | SwitchKind::CollectorAnswer => {
                return self.name.clone();
            }
            _ => "",
        };
        let names: Vec<_> = self.name.split(", ").collect();
        let names = names.iter().map(|name| format!("`{name}{set_to}`"));
        names.collect::<Vec<_>>().join(", ")
    }
}

fn section(category: &Category, page: &mut String) {
    let place = match &category.place {
        Place::EveryTable => "In every table.".to_owned(),
        Place::EveryEventTable => "In every event table.".to_owned(),
        Place::EveryDefaultTable => "In every event table of the default tier.".to_owned(),
        Place::Table(table) => format!("In the table `{table}`."),
    };
    push(
        page,
        format_args!(
            "\n### {} (`{}`)\n\n{} {place}\n",
            category.title, category.id, category.why
        ),
    );
    if category.fields.is_empty() {
        return;
    }
    page.push_str("\n| field | kind | unit | limits | example | note |\n| --- | --- | --- | --- | --- | --- |\n");
    for field in &category.fields {
        push(
            page,
            format_args!(
                "| `{}` | {} | {} | {} | {} | {} |\n",
                field.name,
                field.kind_text(),
                field.unit.as_deref().unwrap_or(""),
                field.limits_text(),
                cell(&field.example_text()),
                cell(&note(category, field)),
            ),
        );
    }
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a text cannot fail");
}

impl Field {
    /// The kind of the values, as people read it.
    pub fn kind_text(&self) -> String {
        let kind = match self.kind {
            Kind::Id => "random id",
            Kind::Key | Kind::Receipt => "keyed hash",
            Kind::Enum => "enum",
            Kind::Token => "identifier",
            Kind::OwnWord => "built-in label",
            Kind::FreeText => "free text, scrubbed",
            kind => kind.name(),
        };
        match self.limits.max_items {
            Some(_) => format!("list of {kind}"),
            None => kind.to_owned(),
        }
    }

    /// The example, as Markdown; empty where there is none.
    pub fn example_text(&self) -> String {
        self.example.as_ref().map(example_text).unwrap_or_default()
    }

    /// The limits of the values, as Markdown; empty where there are none.
    pub fn limits_text(&self) -> String {
        let limits = self.limits;
        if self.kind == Kind::Enum {
            let words: Vec<_> = self.values.iter().map(|word| format!("`{word}`")).collect();
            return words.join(", ");
        }
        let mut parts = Vec::new();
        if let Some(length) = limits.max_length {
            parts.push(format!("{length} characters"));
        }
        if let Some(items) = limits.max_items {
            parts.push(format!("{items} items"));
        }
        match (limits.min, limits.max) {
            // Past 2^53 a limit is the column's own, not a choice.
            (Some(min), Some(max)) if max < 9e15 => parts.push(format!("{min} to {max}")),
            (Some(min), _) => parts.push(format!("from {min}")),
            (None, Some(max)) => parts.push(format!("to {max}")),
            (None, None) => {}
        }
        parts.join(", ")
    }
}

fn note(category: &Category, field: &Field) -> String {
    let mut parts = Vec::new();
    parts.extend(field.why.clone());
    if field.place != category.place {
        parts.push(match &field.place {
            Place::Table(table) => format!("In the table `{table}`."),
            Place::EveryEventTable => "In every table of events.".to_owned(),
            place => format!("In `{}`.", place.name()),
        });
    }
    if field.personal == Some(true) {
        parts.push("*May be personal.*".to_owned());
    }
    parts.join(" ")
}

fn example_text(example: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    };
    match example {
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => plain(value),
    }
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
