//! The signals of OTLP that this collector does not take: who sends them reads what is taken, and how to send no more of them.

/// A signal beside traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherSignal {
    Logs,
    Metrics,
    Profiles,
}

impl OtherSignal {
    /// The signal that an address is for, of OTLP/HTTP (`/v1/logs`) or OTLP/gRPC (`/opentelemetry.proto.collector.logs.v1.LogsService/Export`).
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        let all = [Self::Logs, Self::Metrics, Self::Profiles];
        all.into_iter().find(|signal| {
            let (word, service) = signal.words();
            let is_last = path
                .strip_suffix(word)
                .is_some_and(|before| before.ends_with('/'));
            is_last || path.contains(service)
        })
    }

    /// The last word of its address, and its service.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Logs => ("logs", ".LogsService/"),
            Self::Metrics => ("metrics", ".MetricsService/"),
            Self::Profiles => ("profiles", ".ProfilesService/"),
        }
    }

    /// What to do about it.
    fn advice(self) -> &'static str {
        match self {
            Self::Logs => "logs are not taken: set OTEL_LOGS_EXPORTER=none where they are sent",
            Self::Metrics => {
                "metrics are not taken: set OTEL_METRICS_EXPORTER=none where they are sent"
            }
            Self::Profiles => "profiles are not taken: do not send them",
        }
    }
}

/// The answer to an export to an address that is not for exports: what is taken, `taken` says where, and what to do about a signal
/// that is not.
pub(crate) fn only_traces(taken: &str, path: &str) -> String {
    let only = format!("this collector receives OTLP traces only, by {taken}");
    match OtherSignal::of_path(path) {
        Some(signal) => format!("{only}; {}", signal.advice()),
        None => only,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_signal_it_is_for() {
        for (path, signal) in [
            ("/v1/logs", Some(OtherSignal::Logs)),
            ("/otlp/v1/metrics/", Some(OtherSignal::Metrics)),
            (
                "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
                Some(OtherSignal::Logs),
            ),
            ("/v1development/profiles", Some(OtherSignal::Profiles)),
            ("/v1/traces/", None),
            ("/catalogs", None),
        ] {
            assert_eq!(OtherSignal::of_path(path), signal, "{path}");
        }
    }
}
