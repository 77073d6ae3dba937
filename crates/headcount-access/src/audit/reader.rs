//! Reads the audit log.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use headcount_answer::{Answer, AnswerColumn, ColumnKind};
use serde_json::Value;

use super::event::AuditEvent;
use super::file::{days_in, folder_in};
use super::log::AuditError;

const COLUMNS: [(&str, ColumnKind); 9] = [
    ("time", ColumnKind::Moment),
    ("action", ColumnKind::Text),
    ("who", ColumnKind::Text),
    ("role", ColumnKind::Text),
    ("token_id", ColumnKind::Text),
    ("endpoint", ColumnKind::Text),
    ("status", ColumnKind::Integer),
    ("subject", ColumnKind::Text),
    ("items", ColumnKind::Integer),
];

/// Reads the audit log of a data folder, also while a collector writes it.
#[derive(Debug, Clone)]
pub struct AuditReader {
    folder: PathBuf,
}

impl AuditReader {
    /// Of the data folder `data`.
    pub fn of(data: &Path) -> Self {
        Self {
            folder: folder_in(data),
        }
    }

    /// The latest `limit` events since the day `since`, the earliest of them first. A line that is no event is left out, and a
    /// note says how many.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&self, since: Option<NaiveDate>, limit: usize) -> Result<Answer, AuditError> {
        let failed = |source| AuditError::File {
            folder: self.folder.clone(),
            source,
        };
        let mut events = VecDeque::new();
        let (mut unread, mut left_out) = (0_u64, false);
        for (day, path) in days_in(&self.folder).map_err(failed)?.into_iter().rev() {
            if since.is_some_and(|since| day < since) {
                break;
            }
            if events.len() == limit {
                left_out = true;
                break;
            }
            let room = limit - events.len();
            let (mut of_day, bad) = read_file(&path, room, &mut left_out).map_err(failed)?;
            unread += bad;
            of_day.append(&mut events);
            events = of_day;
        }
        Ok(answer(events, unread, left_out, limit))
    }
}

/// The last `limit` events of a file, and how many lines are none.
fn read_file(
    path: &Path,
    limit: usize,
    left_out: &mut bool,
) -> io::Result<(VecDeque<AuditEvent>, u64)> {
    let mut events = VecDeque::new();
    let mut bad = 0;
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        let event: Option<AuditEvent> = serde_json::from_slice(&line).ok();
        match event.filter(|event| event.at().is_some()) {
            Some(event) => events.push_back(event),
            None => bad += 1,
        }
        if events.len() > limit {
            events.pop_front();
            *left_out = true;
        }
    }
    Ok((events, bad))
}

fn answer(events: VecDeque<AuditEvent>, unread: u64, left_out: bool, limit: usize) -> Answer {
    let columns = COLUMNS.map(|(name, kind)| AnswerColumn {
        name: name.to_owned(),
        kind,
    });
    let mut notes = Vec::new();
    if left_out {
        notes.push(format!(
            "only the latest {limit} events; ask for a later day or for more"
        ));
    }
    if unread > 0 {
        notes.push(format!(
            "{unread} lines of the audit log cannot be read: a crash cut them, or somebody changed them"
        ));
    }
    Answer {
        columns: columns.into(),
        rows: events.into_iter().map(row).collect(),
        notes,
    }
}

fn row(event: AuditEvent) -> Vec<Value> {
    let text = |text: String| match text.is_empty() {
        true => Value::Null,
        false => Value::String(text),
    };
    vec![
        Value::String(event.time),
        event.action.name().into(),
        text(event.who),
        text(event.role),
        text(event.token_id),
        text(event.endpoint),
        event.status.into(),
        text(event.subject),
        event.items.into(),
    ]
}
