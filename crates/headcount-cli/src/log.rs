//! The program's log, on standard error: standard output has only answers.

mod json_lines;

use std::io;

use clap::{Args, ValueEnum};
use headcount_commands::exit;
use tracing_subscriber::EnvFilter;

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
        // DataFusion warns about plans that are merely slower, and its parser logs queries. A filter that names them, such as
        // `--log datafusion=debug`, still shows everything. rustls quotes what strangers send (promise 1).
        let level = &self.log;
        let filter = EnvFilter::builder()
            .parse(format!(
                "datafusion=error,sqlparser=warn,rustls=off,{level}"
            ))
            .map_err(|error| {
                exit::usage(format!(
                    "`{level}` is not a log level ({error}); use off, error, warn, info, debug or trace"
                ))
            })?;
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
