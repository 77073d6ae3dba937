//! The program's log, on standard error: standard output has only answers.

mod json_lines;

use std::io;

use clap::{Args, ValueEnum};
use headcount_commands::exit;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use self::json_lines::JsonLines;

/// The options of the log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The log level for standard error: off, error, warn, info, debug, trace, or a filter such as `headcount_lake=debug`
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "HEADCOUNT_LOG",
        default_value = "warn",
        hide_env_values = true
    )]
    log: String,
    /// The form of the log's lines
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "HEADCOUNT_LOG_FORMAT",
        default_value = "text",
        hide_env_values = true
    )]
    log_format: LogFormat,
}

/// The form of the log's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people: time, level, module, message and fields
    Text,
    /// One JSON object a line, for programs: timestamp, level, target, message, and the fields beside them
    Json,
}

impl LogArgs {
    /// Starts the log. Lines that cannot be written, because standard error is closed or its disk is full, are lost; nothing fails
    /// because of them.
    ///
    /// # Errors
    /// The level is none.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        let filter = filter(&self.log)?;
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            // It would report a closed standard error on standard error, and panic there: in the thread of the write-ahead log, too.
            .log_internal_errors(false);
        match self.log_format {
            LogFormat::Text => log.with_ansi(false).init(),
            LogFormat::Json => log.event_format(JsonLines).init(),
        }
        Ok(())
    }
}

/// What every filter begins with. DataFusion warns about plans that are merely slower, and its parser logs queries; a filter that names
/// them, such as `--log datafusion=debug`, still shows everything. rustls quotes what strangers send (promise 1).
const ALWAYS: &str = "warn,datafusion=error,sqlparser=warn,rustls=off";

/// The filter of `levels`: a level, or several of modules, with commas between them. What names no level of a module keeps `warn`.
fn filter(levels: &str) -> anyhow::Result<EnvFilter> {
    let refused = |wrong: &str, why: &str| {
        exit::usage(format!(
            "`{wrong}` is not a log level{why}; use off, error, warn, info, debug or trace, or MODULE=LEVEL with commas between several"
        ))
    };
    let parts = levels.split(',').map(str::trim);
    // `tracing` takes any other word for a module, whose lines it then shows, and no others: a misspelt level would silence the log.
    let mut words = parts.filter(|part| !part.is_empty() && !part.contains(['=', '[', ']', '{']));
    if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(refused(word, ""));
    }
    let filter = EnvFilter::builder().parse(format!("{ALWAYS},{levels}"));
    filter.map_err(|error| refused(levels, &format!(" ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_with_the_list_of_levels() {
        for wrong in [
            "warning",
            "headcount_lake",
            "verbose",
            "info,warning",
            "x=y",
        ] {
            let error = filter(wrong).unwrap_err().to_string();
            assert!(
                error.contains("off, error, warn, info, debug or trace"),
                "{error}"
            );
        }
        for right in [
            "warn",
            "OFF",
            "3",
            "",
            "headcount_lake=debug",
            "info,headcount_lake=trace",
        ] {
            assert!(filter(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn a_level_of_one_module_leaves_the_warnings_of_the_others() {
        let shown = filter("headcount_lake=debug").unwrap().to_string();
        assert!(
            shown.contains("warn") && shown.contains("headcount_lake=debug"),
            "{shown}"
        );
        let shown = filter("info").unwrap().to_string();
        assert!(!shown.split(',').any(|part| part == "warn"), "{shown}");
    }
}
