//! The command line.

use std::time::Duration;

/// Shown by `--help`.
pub(crate) const USAGE: &str = "\
Sends CrewAI-shaped OTLP/HTTP traffic and prints the measurements as one JSON object.

Usage: headcount-load [OPTIONS]

  --address HOST:PORT   the receiver (default 127.0.0.1:4318), path /v1/traces
  --spans N             total number of spans (default 1000000)
  --batch N             spans per request (default 24; an SDK's exporter sends up to 512)
  --connections N       keep-alive connections, one thread each (default 4)
  --rate N              open loop: spans per second on a fixed schedule; the latency of a request counts from its
                        scheduled time, so that a stalled server cannot hide its delays (default: closed loop, as
                        fast as the server acknowledges)
  --days N              spread the spans' times over the last N days (default 1)
  --token-file FILE     send the access token in this file with every request
  --ca-file FILE        use TLS, and trust the authorities in this file (PEM)
  --limit SECONDS       give up after this long (default 900)
  --server-pid PID      also report that process's peak memory and CPU time
  --dry-run             generate the traffic without sending it: the speed of the generator
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
    pub(crate) token_file: Option<String>,
    /// The authorities to trust, in PEM; `None` for no TLS.
    pub(crate) ca_file: Option<String>,
    pub(crate) limit: Duration,
    pub(crate) server: Option<u32>,
    pub(crate) dry_run: bool,
}

impl Arguments {
    /// `Ok(None)` for `--help`.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut asked = Self {
            address: "127.0.0.1:4318".to_owned(),
            spans: 1_000_000,
            batch: 24,
            connections: 4,
            rate: None,
            days: 1,
            token_file: None,
            ca_file: None,
            limit: Duration::from_secs(900),
            server: None,
            dry_run: false,
        };
        let mut words = words;
        while let Some(name) = words.next() {
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--dry-run" => asked.dry_run = true,
                "--address" => asked.address = value_of(&name, &mut words)?,
                "--spans" => asked.spans = positive(&name, &mut words)?,
                "--batch" => asked.batch = positive(&name, &mut words)? as usize,
                "--connections" => asked.connections = positive(&name, &mut words)?,
                "--rate" => asked.rate = Some(positive(&name, &mut words)?),
                "--days" => asked.days = positive(&name, &mut words)? as u32,
                "--token-file" => asked.token_file = Some(value_of(&name, &mut words)?),
                "--ca-file" => asked.ca_file = Some(value_of(&name, &mut words)?),
                "--limit" => asked.limit = Duration::from_secs(positive(&name, &mut words)?),
                "--server-pid" => asked.server = Some(positive(&name, &mut words)? as u32),
                unknown => return Err(format!("unknown argument {unknown}; see --help")),
            }
        }
        Ok(Some(asked))
    }
}

fn value_of(name: &str, words: &mut impl Iterator<Item = String>) -> Result<String, String> {
    words
        .next()
        .ok_or_else(|| format!("{name} needs a value; see --help"))
}

fn positive(name: &str, words: &mut impl Iterator<Item = String>) -> Result<u64, String> {
    let value = value_of(name, words)?;
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
    fn arguments_are_parsed() {
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
    fn invalid_arguments_are_rejected() {
        assert!(parse("--rate 0").is_err());
        assert!(parse("--spans").is_err());
        assert!(parse("--fast").is_err());
    }
}
