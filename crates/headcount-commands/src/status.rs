//! `headcount status`: whether frameworks on this machine may record and send, why, and their counters.

use clap::Args;
use headcount::{ConsentReason, Installation, Mode};
use headcount_answer::ColumnKind;

use crate::exit::Code;
use crate::output::{self, Format};

/// Show whether telemetry on this machine is on, and why
///
/// One row per framework that has recorded anything for you: the decision if it ran now in this environment, where it sends
/// to, its counters (recorded events are exactly those delivered, pending and dropped), and why the last attempt to send failed. While
/// there is none, a note says the decision for one that would run now.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Status {
    /// Output format; json is an array of objects
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount status
  DO_NOT_TRACK=1 headcount status
  headcount status --format json | jq '.[].decision'

Exit codes:
  0  done
  2  the command line is wrong";

const COLUMNS: [(&str, ColumnKind); 11] = [
    ("framework", ColumnKind::Other),
    ("version", ColumnKind::Other),
    ("mode", ColumnKind::Other),
    ("decision", ColumnKind::Other),
    ("endpoint", ColumnKind::Other),
    ("replaces", ColumnKind::Other),
    ("delivered", ColumnKind::Integer),
    ("pending", ColumnKind::Integer),
    ("dropped", ColumnKind::Integer),
    ("last_failure", ColumnKind::Other),
    ("folder", ColumnKind::Other),
];

impl Status {
    /// Prints one row per framework.
    pub fn run(self) -> anyhow::Result<Code> {
        let installations = Installation::all();
        let rows = installations.iter().map(|installation| {
            let decision = installation.decision();
            let totals = installation.totals();
            vec![
                installation.framework().into(),
                installation.version().into(),
                format!("{:?}", decision.mode).to_lowercase().into(),
                decision.to_string().into(),
                installation.endpoint().into(),
                installation.replaces().unwrap_or_default().into(),
                totals.delivered.into(),
                totals.pending.into(),
                totals.dropped.into(),
                last_failure(installation).unwrap_or_default().into(),
                installation.folder().display().to_string().into(),
            ]
        });
        let mut answer = output::answer(&COLUMNS, rows.collect());
        if installations.is_empty() {
            answer
                .notes
                .push("no framework has recorded anything for you on this machine".to_owned());
            answer.notes.push(decision_here());
        }
        for installation in &installations {
            if let Some(replaced) = installation.replaces() {
                answer.notes.push(format!(
                    "{}: {replaced} is silent while this one runs, so that nothing is sent twice",
                    installation.framework()
                ));
            }
            if let Some(text) = why_events_wait(installation) {
                answer.notes.push(text);
            }
            if installation.lacks_locks() {
                answer.notes.push(format!(
                    "{}: the file system of {} has no locks that exclude other processes, so each process keeps its events in files \
                     of its own",
                    installation.framework(),
                    installation.folder().display()
                ));
            }
            let forbidden = installation.forbidden();
            if forbidden > 0 {
                answer.notes.push(format!(
                    "{}: cannot send {forbidden} files in {}, which belong to another user; \
                     change their owner or delete them",
                    installation.framework(),
                    installation.folder().join("spool").display()
                ));
            }
        }
        output::show(&answer, self.format)?;
        Ok(Code::Done)
    }
}

/// What would happen to a framework that ran here now, and why.
fn decision_here() -> String {
    let decision = headcount::decision_here();
    match (decision.mode, decision.reason) {
        (Mode::On, ConsentReason::SwitchedOn) | (Mode::Off | Mode::Local, _) => {
            format!("for one that runs here now, telemetry is {decision}")
        }
        (Mode::On, _) => {
            "nothing turns telemetry off here: one that informs you may record and send".to_owned()
        }
    }
}

/// The last failed attempt to send, and when the next one may follow.
fn last_failure(installation: &Installation) -> Option<String> {
    let last = installation.last_failure()?;
    Some(format!(
        "{}: {}; next attempt from {} on",
        headcount::utc(last.time_millis),
        last.failure,
        headcount::utc(last.next_attempt_millis)
    ))
}

/// Why events wait although telemetry is on.
fn why_events_wait(installation: &Installation) -> Option<String> {
    let pending = installation.totals().pending;
    if pending == 0 || installation.decision().mode != Mode::On {
        return None;
    }
    let framework = installation.framework();
    let waiting = match pending {
        1 => "1 event waits".to_owned(),
        _ => format!("{pending} events wait"),
    };
    if installation.endpoint().starts_with("none") {
        return Some(format!(
            "{framework}: {waiting}, because the framework set no address that can be used (endpoint: {})",
            installation.endpoint()
        ));
    }
    Some(match last_failure(installation) {
        Some(failure) => format!("{framework}: {waiting}. {failure}"),
        None => format!("{framework}: {waiting} for its next run"),
    })
}
