//! `headcount report`: runs a named report, or lists the reports.

use std::collections::BTreeMap;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use headcount_commands::exit::{self, Code};
use headcount_commands::output::{self, Format, TooWide};
use headcount_reports::{ColumnKind, Period, ReportParameters, catalog_of_reports, find_report};

use crate::backend::{BackendArgs, completeness};
use crate::own_parameters::OwnParameters;
use crate::row_order::RowOrder;

/// Run a named report; without a name, list the reports
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Report {
    /// The report; omit it to list the reports
    #[arg(value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    name: Option<String>,
    #[command(flatten)]
    backend: BackendArgs,
    /// The output format; json is an array of objects, keyed by column name
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Show every column of a table, in lines that may be longer than the terminal; without it, as many columns as fit
    #[arg(long)]
    wide: bool,
    /// Order the rows by a column: numbers and times from the greatest, texts from A; `:asc` or `:desc` after its name says otherwise
    #[arg(long, value_name = "COLUMN", requires = "name")]
    sort: Option<RowOrder>,
    /// Show the first N rows only
    #[arg(long, value_name = "N", requires = "name")]
    limit: Option<usize>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    own: OwnParameters,
}

/// The records that a report covers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// Start: a date (2026-11-01), a time (2026-11-01T08:00:00Z), hours before now (36h), or days in UTC, today included (7d, 4w)
    #[arg(long, value_name = "WHEN", requires = "name")]
    since: Option<String>,
    /// End, exclusive, in the same forms; a date is included, and 7d ends where `--since 7d` begins
    #[arg(long, value_name = "WHEN", requires = "name")]
    until: Option<String>,
    /// Group by period; not for reports that count days or weeks of their own, such as removal
    #[arg(long, value_enum, value_name = "PERIOD", requires = "name")]
    by: Option<By>,
    /// Only this framework
    #[arg(long, value_name = "NAME", requires = "name")]
    framework: Option<String>,
    /// Only this release of it; `1.15.*` matches a prefix
    #[arg(long, value_name = "VERSION", requires = "name")]
    version: Option<String>,
    /// Only records from this environment, as runtime_context:ci, coding_agent:cursor or cpu_band:1-2
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// Group free-text values from fewer than N crews into one row [default: 5]; 1 shows everything
    #[arg(long, value_name = "N", requires = "name")]
    min_crews: Option<u64>,
}

/// A period to group by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Day,
    Week,
    Month,
}

impl Filter {
    fn parameters(self) -> ReportParameters {
        ReportParameters {
            since: self.since,
            until: self.until,
            by: self.by.map(|by| match by {
                By::Day => Period::Day,
                By::Week => Period::Week,
                By::Month => Period::Month,
            }),
            framework: self.framework,
            version: self.version,
            environment: self.environment,
            min_crews: self.min_crews,
            own: BTreeMap::new(),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  headcount report
  headcount report tools --since 7d
  headcount report versions --by week --format csv
  headcount report models --framework crewai --version '1.15.*' --min-crews 1
  headcount report removal --dimension tool --value search --unused-for 90d
  headcount report crosstab --rows tool --columns model
  headcount report tools --sort errors --limit 10
  headcount report tests --wide
  headcount report overview --url http://127.0.0.1:4318 --format json

Exit codes:
  0  done
  1  the operation failed, or rows are missing from the answer because stored data is damaged
  2  the command line is wrong, or there is no report of that name
  3  there is no data folder";

impl Report {
    /// Prints the answer, or the list.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let Some(name) = self.name else {
            return list(self.format);
        };
        let header = find_report(&name).ok_or_else(|| {
            exit::usage(format!(
                "there is no report `{name}`; `headcount report` lists them"
            ))
        })?;
        let parameters = ReportParameters {
            own: self.own.given,
            ..self.filter.parameters()
        };
        parameters
            .check(header)
            .map_err(|error| exit::usage(error.to_string()))?;
        if let Some(order) = &self.sort {
            order.check(header).map_err(exit::usage)?;
        }
        let mut answer = self.backend.open()?.report(&name, &parameters)?;
        if let Some(order) = &self.sort {
            order.apply(&mut answer);
        }
        if let Some(limit) = self.limit.filter(|limit| *limit < answer.rows.len()) {
            let rows = answer.rows.len();
            answer.rows.truncate(limit);
            answer
                .notes
                .insert(0, format!("the first {limit} of {rows} rows"));
        }
        let too_wide = match self.wide {
            true => TooWide::LongLines,
            false => TooWide::FewerColumns(&header.in_brief),
        };
        output::show_as(&answer, self.format, too_wide)?;
        Ok(completeness(&answer))
    }
}

fn names() -> Vec<&'static str> {
    let reports = catalog_of_reports().iter();
    reports.map(|report| report.name.as_str()).collect()
}

fn list(format: Format) -> anyhow::Result<Code> {
    let columns = [
        ("name", ColumnKind::Text),
        ("title", ColumnKind::Text),
        ("question", ColumnKind::Text),
        ("columns", ColumnKind::List),
    ];
    let rows = catalog_of_reports().iter().map(|report| {
        let columns = report.columns.iter().map(|column| column.name.as_str());
        vec![
            report.name.as_str().into(),
            report.title.as_str().into(),
            report.question.as_str().into(),
            columns.collect(),
        ]
    });
    let mut answer = output::answer(&columns, rows.collect());
    if format == Format::Table {
        // Both the question and the columns do not fit on a terminal; the question is more useful.
        answer.columns.truncate(3);
    }
    output::show(&answer, format)?;
    Ok(Code::Done)
}
