//! Why an attempt to send failed, for `headcount status`.

use std::fmt;

/// Why the last attempt to reach a collector failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadFailure {
    /// Its name cannot be resolved.
    Name,
    /// No connection: it is down, or there is no way to it. No proxy is used.
    Connection,
    /// No encrypted connection: its certificate is not trusted, or it does not speak TLS.
    Tls,
    /// It did not respond, or the response is not HTTP.
    NoResponse,
    /// The program ended before it responded.
    Unfinished,
    /// A success status (2xx) with a body that no collector sends: of a captive portal, a proxy or a web site.
    NotACollector(u16),
    /// It responded with this HTTP status.
    Status(u16),
}

impl UploadFailure {
    const WORDS: [(UploadFailure, &str); 5] = [
        (UploadFailure::Name, "name"),
        (UploadFailure::Connection, "connection"),
        (UploadFailure::Tls, "tls"),
        (UploadFailure::NoResponse, "no_response"),
        (UploadFailure::Unfinished, "unfinished"),
    ];
    const NOT_A_COLLECTOR: &str = "not_a_collector_";

    /// The word in the circuit breaker's file (`docs/formats/spool.md`).
    pub(super) fn word(self) -> String {
        match self {
            UploadFailure::NotACollector(status) => format!("{}{status}", Self::NOT_A_COLLECTOR),
            UploadFailure::Status(status) => status.to_string(),
            other => {
                let mut words = Self::WORDS.iter();
                let found = words.find(|(failure, _)| *failure == other);
                found.map_or_else(String::new, |(_, word)| (*word).to_owned())
            }
        }
    }

    /// Reads such a word.
    pub(super) fn read(word: &str) -> Option<Self> {
        if let Some((failure, _)) = Self::WORDS.iter().find(|(_, known)| *known == word) {
            return Some(*failure);
        }
        match word.strip_prefix(Self::NOT_A_COLLECTOR) {
            Some(status) => Some(UploadFailure::NotACollector(status.parse().ok()?)),
            None => Some(UploadFailure::Status(word.parse().ok()?)),
        }
    }
}

impl fmt::Display for UploadFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UploadFailure::Name => formatter.write_str("cannot resolve the collector's name"),
            UploadFailure::Connection => {
                formatter.write_str("cannot connect to the collector (no proxy is used)")
            }
            UploadFailure::Tls => formatter.write_str(
                "the TLS handshake failed: the collector's certificate is not trusted, or it does not speak TLS",
            ),
            UploadFailure::NoResponse => formatter.write_str("the collector did not respond"),
            UploadFailure::Unfinished => {
                formatter.write_str("the program ended before the collector responded")
            }
            UploadFailure::NotACollector(status) => write!(
                formatter,
                "the address responded with {status} and a page that is not from a collector; is it a login page or a web site?"
            ),
            UploadFailure::Status(status) => {
                write!(formatter, "the collector responded with {status}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back() {
        let others = [
            UploadFailure::NotACollector(200),
            UploadFailure::Status(503),
        ];
        let all = UploadFailure::WORDS.iter().map(|(failure, _)| *failure);
        for failure in all.chain(others) {
            assert_eq!(UploadFailure::read(&failure.word()), Some(failure));
        }
        for word in ["", "word", "not_a_collector_", "99999999"] {
            assert_eq!(UploadFailure::read(word), None, "{word:?}");
        }
    }
}
