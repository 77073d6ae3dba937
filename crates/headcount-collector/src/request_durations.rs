//! How long requests took, from their head to the head of the response.

use std::time::Duration;

use headcount_observe::Histogram;

/// What a request was for. A fixed list, so that no address of a request can become a label (promise 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/v1/traces`.
    TracesHttp,
    /// Every call over gRPC but health checks.
    TracesGrpc,
    /// `/v1/erase`.
    Erase,
    /// Pages and the API.
    Site,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// It got what it asked for.
    Done,
    /// It was the sender's fault, or came too often (400 to 499).
    Refused,
    /// The collector could not do it (500 to 599).
    Failed,
}

/// A histogram for each endpoint and outcome.
#[derive(Debug, Default)]
pub(crate) struct RequestDurations([[Histogram; 3]; 4]);

impl Endpoint {
    /// Every endpoint.
    pub(crate) const ALL: [Self; 4] = [Self::TracesHttp, Self::TracesGrpc, Self::Erase, Self::Site];

    /// The value of the label `endpoint`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::TracesHttp => "traces_http",
            Self::TracesGrpc => "traces_grpc",
            Self::Erase => "erase",
            Self::Site => "site",
        }
    }
}

impl RequestOutcome {
    /// Every outcome.
    pub(crate) const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// The outcome of a response with this status code of HTTP.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            ..400 => Self::Done,
            400..500 => Self::Refused,
            500.. => Self::Failed,
        }
    }

    /// The value of the label `outcome`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl RequestDurations {
    /// Counts a request that was answered with this status code of HTTP, or with one of gRPC that means the same.
    pub(crate) fn observe(&self, endpoint: Endpoint, status: u16, took: Duration) {
        let outcome = RequestOutcome::of_status(status);
        self.of(endpoint, outcome).observe(took);
        tracing::debug!(
            endpoint = endpoint.label(),
            status,
            us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered a request"
        );
    }

    /// The durations of these requests.
    pub(crate) fn of(&self, endpoint: Endpoint, outcome: RequestOutcome) -> &Histogram {
        &self.0[endpoint as usize][outcome as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_and_outcome_has_its_own_histogram() {
        let durations = RequestDurations::default();
        for endpoint in Endpoint::ALL {
            for status in [200, 303, 404, 429, 500, 503] {
                durations.observe(endpoint, status, Duration::from_millis(1));
            }
            for outcome in RequestOutcome::ALL {
                assert_eq!(durations.of(endpoint, outcome).count(), 2);
            }
        }
    }
}
