//! What was asked for on the command line.

use std::time::Duration;

/// Shown by `--help`.
pub(crate) const USAGE: &str = "\
Sends CrewAI-shaped OTLP/HTTP traffic and prints what it measured as one JSON object.

Usage: headcount-load [OPTIONS]

  --address HOST:PORT   where to send (default 127.0.0.1:4318), path /v1/traces
  --spans N             spans in all (default 1000000)
  --batch N             spans a request (default 24; an SDK's exporter sends up to 512)
  --connections N       kept-alive connections, one thread each (default 4)
  --rate N              open loop: spans a second on a fixed schedule; a request's latency counts from the moment it
                        was due, so that a stalled server cannot hide its delays (default: closed loop, as fast as
                        acknowledgements come)
  --days N              spread the spans' times over the last N days (default 1)
  --limit SECONDS       give up after this long (default 900)
  --server-pid PID      also report that process's peak memory and CPU time
  --dry-run             make the traffic and send it nowhere: the generator's own speed
";

/// The measurement to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) address: String,
    pub(crate) spans: u64,
    pub(crate) batch: usize,
    pub(crate) connections: u64,
    /// Spans a second; `None` for a closed loop.
    pub(crate) rate: Option<u64>,
    pub(crate) days: u32,
    pub(crate) limit: Duration,
    pub(crate) server: Option<u32>,
    pub(crate) dry_run: bool,
}

impl Arguments {
    /// `Ok(None)` when help was asked for.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut asked = Self {
            address: "127.0.0.1:4318".to_owned(),
            spans: 1_000_000,
            batch: 24,
            connections: 4,
            rate: None,
            days: 1,
            limit: Duration::from_secs(900),
            server: None,
            dry_run: false,
        };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--dry-run" => asked.dry_run = true,
                "--address" => asked.address = value_of(&name, &mut arguments)?,
                "--spans" => asked.spans = positive(&name, &mut arguments)?,
                "--batch" => asked.batch = positive(&name, &mut arguments)? as usize,
                "--connections" => asked.connections = positive(&name, &mut arguments)?,
                "--rate" => asked.rate = Some(positive(&name, &mut arguments)?),
                "--days" => asked.days = positive(&name, &mut arguments)? as u32,
                "--limit" => asked.limit = Duration::from_secs(positive(&name, &mut arguments)?),
                "--server-pid" => asked.server = Some(positive(&name, &mut arguments)? as u32),
                unknown => return Err(format!("unknown argument {unknown}; see --help")),
            }
        }
        Ok(Some(asked))
    }
}

fn value_of(name: &str, arguments: &mut impl Iterator<Item = String>) -> Result<String, String> {
    arguments
        .next()
        .ok_or_else(|| format!("{name} needs a value; see --help"))
}

fn positive(name: &str, arguments: &mut impl Iterator<Item = String>) -> Result<u64, String> {
    let value = value_of(name, arguments)?;
    match value.parse::<u64>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{name} needs a whole number above 0, not {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Arguments>, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read() {
        let asked = parse("--rate 50000 --batch 512 --server-pid 7")
            .unwrap()
            .unwrap();
        assert_eq!(
            (asked.rate, asked.batch, asked.server),
            (Some(50_000), 512, Some(7))
        );
        assert_eq!(parse("--help"), Ok(None));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse("--rate 0").is_err());
        assert!(parse("--spans").is_err());
        assert!(parse("--fast").is_err());
    }
}
