//! `headcount token`: makes, lists and revokes the tokens of a data folder.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use headcount_access::{
    Action, AuditEvent, AuditLog, Principal, Role, TokenRecord, TokenStore, TokenStoreError,
};
use headcount_commands::exit::{self, Code};
use headcount_commands::output::{self, Format};
use serde_json::Value;

use crate::backend::require_folder;
use crate::connection::DEFAULT_FOLDER;

/// Make, list and revoke the tokens of a data folder
///
/// A collector that runs on the folder knows of a change within a second. Each change is in the audit log.
///
///   ingest   sends telemetry, where `headcount serve --require-ingest-token` asks for it
///   viewer   reads the anonymous tier
///   analyst  reads both tiers, and runs SQL
///   admin    reads everything and the audit log, and sends
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, verbatim_doc_comment)]
pub(crate) struct Token {
    #[command(subcommand)]
    change: Change,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Make a token and print it, this once; the data folder keeps only its hash
    #[command(after_help = EXAMPLES)]
    New {
        /// What its holder may do: ingest, viewer, analyst or admin
        #[arg(long, value_name = "ROLE")]
        role: Role,
        /// What to call it, in lists and in the audit log
        #[arg(
            long,
            value_name = "NAME",
            default_value = "",
            hide_default_value = true
        )]
        name: String,
        /// When it ends: a day such as 2027-06-30 (it is good until the end of that day, UTC), or a number of days such as 90d
        #[arg(long, value_name = "WHEN", value_parser = parse_end)]
        expires: Option<DateTime<Utc>>,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// List the tokens, also those that are revoked or have expired
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        folder: FolderArgs,
        /// The output format; json is an array of objects
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Revoke a token; sessions that it began end, too
    #[command(after_help = EXAMPLES)]
    Revoke {
        /// The id or the name
        token: String,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

#[derive(Debug, Args)]
struct FolderArgs {
    /// The data folder; a server may be running on it
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  headcount token new --role viewer --name grafana --expires 365d
  headcount token new --role ingest --name \"build machines\" > ingest.token
  headcount token list
  headcount token revoke grafana

Exit codes:
  0  done
  1  the tokens cannot be read or changed, or there is no such token
  2  the command line is wrong
  3  there is no data folder";

impl Token {
    /// Makes, lists or revokes.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        match self.change {
            Change::New {
                role,
                name,
                expires,
                folder,
            } => create(&folder.data, role, &name, expires),
            Change::List { folder, format } => list(&folder.data, format),
            Change::Revoke { token, folder } => revoke(&folder.data, &token),
        }
    }
}

fn create(
    data: &Path,
    role: Role,
    name: &str,
    expires: Option<DateTime<Utc>>,
) -> anyhow::Result<Code> {
    require_folder(data)?;
    let created = TokenStore::of(data).create(role, name, expires);
    let (secret, record) = created.map_err(explain)?;
    record_change(data, Action::TokenCreated, &record)?;
    output::print(&format!("{}\n", secret.reveal()))?;
    output::note(&format!(
        "token {} with the role {role}: shown this once, the data folder keeps only its hash; `headcount token revoke {}` ends it",
        record.id, record.id
    ));
    Ok(Code::Done)
}

fn revoke(data: &Path, token: &str) -> anyhow::Result<Code> {
    require_folder(data)?;
    let record = TokenStore::of(data).revoke(token).map_err(explain)?;
    record_change(data, Action::TokenRevoked, &record)?;
    output::print(&format!(
        "revoked the token {} with the role {}\n",
        record.id, record.role
    ))?;
    Ok(Code::Done)
}

/// A change that stands and is not in the audit log is a failure.
fn record_change(data: &Path, action: Action, record: &TokenRecord) -> anyhow::Result<()> {
    let event = AuditEvent::token_changed(&Principal::command_line(), action, record);
    AuditLog::append(data, &event).with_context(|| {
        let id = &record.id;
        format!("the token {id} is changed, but the audit log has no line of it; revoke the token if that must not be")
    })
}

/// A name that cannot be used is a usage error.
fn explain(error: TokenStoreError) -> anyhow::Error {
    match error {
        TokenStoreError::Name => exit::usage(error.to_string()),
        other => other.into(),
    }
}

fn list(data: &Path, format: Format) -> anyhow::Result<Code> {
    use headcount_reports::ColumnKind::{Moment, Text};

    require_folder(data)?;
    let records = TokenStore::of(data).list()?;
    let columns = [
        ("id", Text),
        ("name", Text),
        ("role", Text),
        ("state", Text),
        ("created", Moment),
        ("expires", Moment),
        ("revoked", Moment),
    ];
    let now = Utc::now();
    let rows = records.iter().map(|record| row(record, now)).collect();
    let mut answer = output::answer(&columns, rows);
    answer.notes.push(
        "the access token that the first start made is not in this list; it has the role admin, and deleting its file and restarting replaces it"
            .to_owned(),
    );
    output::show(&answer, format)?;
    Ok(Code::Done)
}

fn row(record: &TokenRecord, now: DateTime<Utc>) -> Vec<Value> {
    let state = match (record.revoked, record.is_valid_at(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "valid",
        (None, false) => "expired",
    };
    let time = |time: Option<DateTime<Utc>>| {
        time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
            .into()
    };
    vec![
        record.id.as_str().into(),
        match record.name.as_str() {
            "" => Value::Null,
            name => name.into(),
        },
        record.role.name().into(),
        state.into(),
        time(Some(record.created)),
        time(record.expires),
        time(record.revoked),
    ]
}

/// When a token ends, by a day or a number of days.
fn parse_end(text: &str) -> Result<DateTime<Utc>, String> {
    let wrong = || {
        format!(
            "`{text}` is no end; write a day such as 2027-06-30 or a number of days such as 90d"
        )
    };
    let end = match text.strip_suffix('d') {
        Some(days) => {
            let days = days.parse::<u16>().map_err(|_| wrong())?;
            Utc::now() + Days::new(days.into())
        }
        None => {
            let day: NaiveDate = text.parse().map_err(|_| wrong())?;
            let next = day.checked_add_days(Days::new(1)).ok_or_else(wrong)?;
            next.and_time(NaiveTime::MIN).and_utc()
        }
    };
    match end > Utc::now() {
        true => Ok(end),
        false => Err(format!(
            "`{text}` is in the past; a token needs an end in the future"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_after_the_day_that_is_given() {
        let end = parse_end("2999-06-30").unwrap();
        assert_eq!(end.to_rfc3339(), "2999-07-01T00:00:00+00:00");
        let days = (parse_end("90d").unwrap() - Utc::now()).num_days();
        assert!((89..=90).contains(&days), "{days}");
        for wrong in [
            "",
            "d",
            "-1d",
            "0d",
            "tomorrow",
            "2001-01-01",
            "2026-02-30",
            "90",
        ] {
            assert!(parse_end(wrong).is_err(), "{wrong}");
        }
    }
}
