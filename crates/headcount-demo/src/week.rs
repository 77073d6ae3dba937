//! A realistic week of CrewAI traffic.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::calendar::{self, NANOS_PER_SECOND, SECONDS_PER_WEEK};
use crate::crew::Crew;
use crate::draft::Draft;
use crate::encode::encode_request;
use crate::random::Rng;
use crate::release::Release;
use crate::{host_spans, process_events, run};

/// The number of crews for about twenty thousand spans.
pub const DEFAULT_CREWS: usize = 400;

/// Mean number of kickoffs of a crew in the week.
const RUNS_PER_CREW: f64 = 3.0;

/// One request body, as one process's exporter would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// `ExportTraceServiceRequest` in protobuf, not compressed.
    pub bytes: Vec<u8>,
    /// The number of spans in it.
    pub spans: u64,
    /// The latest end of its spans in nanoseconds since 1970 UTC: the earliest time at which it can be sent.
    pub sent_unix_nano: u64,
}

/// A week of traffic: an iterator of request bodies, about in the order in which they would arrive.
///
/// Several hundred crews of fifteen releases run, test, deploy and share, each release with its own attributes,
/// spellings and gaps; some send spans that a collector must reject. Equal arguments give equal bytes on every machine.
#[derive(Debug)]
pub struct Week {
    crews: Vec<Crew>,
    /// Kickoffs in reverse order: (seconds since 1970 UTC, index of the crew).
    kickoffs: Vec<(u64, usize)>,
    /// Seconds since 1970 UTC.
    begin: u64,
    rng: Rng,
}

impl Week {
    /// The week that ends at `end_time`, with `crews` distinct crews ([`DEFAULT_CREWS`] for about 20,000 spans).
    ///
    /// An `end_time` less than a week after 1970 is taken as the first full week.
    #[must_use]
    pub fn new(seed: u64, end_time: SystemTime, crews: usize) -> Self {
        let since_1970 = end_time.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Runs that start near the end would last into the future: leave a quarter of an hour.
        let end = since_1970
            .as_secs()
            .saturating_sub(900)
            .max(SECONDS_PER_WEEK);
        let rng = Rng::new(seed);
        let mut crew_rng = rng.fork(1);
        let crews: Vec<Crew> = (0..crews).map(|_| Crew::generate(&mut crew_rng)).collect();
        let kickoffs = plan_kickoffs(&crews, end, &mut rng.fork(2));
        Self {
            crews,
            kickoffs,
            begin: end - SECONDS_PER_WEEK,
            rng: rng.fork(3),
        }
    }

    /// The number of remaining bodies.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.kickoffs.len()
    }

    fn generate_body(&mut self, second: u64, crew: usize) -> Body {
        let crew = &self.crews[crew];
        let moment = (second - self.begin) as f64 / SECONDS_PER_WEEK as f64;
        let release = crew.release_at(moment);
        let rng = &mut self.rng;
        let mut clock = second * NANOS_PER_SECOND + rng.below(NANOS_PER_SECOND as usize) as u64;
        let spans = process_spans(crew, release, &mut clock, rng);
        Body {
            bytes: encode_request(&spans),
            spans: spans.len() as u64,
            sent_unix_nano: spans.iter().map(|span| span.end).max().unwrap_or(clock),
        }
    }
}

impl Iterator for Week {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        let (second, crew) = self.kickoffs.pop()?;
        Some(self.generate_body(second, crew))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.kickoffs.len(), Some(self.kickoffs.len()))
    }
}

impl ExactSizeIterator for Week {}

/// Schedules the kickoffs: each crew at least once, popular ones often, by day rather than at night.
fn plan_kickoffs(crews: &[Crew], end: u64, rng: &mut Rng) -> Vec<(u64, usize)> {
    let mut kickoffs: Vec<(u64, usize)> = (0..crews.len())
        .map(|crew| (calendar::moment(end, rng), crew))
        .collect();
    let popularity: f64 = crews.iter().map(|crew| crew.popularity).sum();
    let repeats = (RUNS_PER_CREW - 1.0) * crews.len() as f64;
    for (index, crew) in crews.iter().enumerate() {
        let expected = repeats * crew.popularity / popularity;
        let count = expected as usize + usize::from(rng.random_bool(expected.fract()));
        for _ in 0..count {
            kickoffs.push((calendar::moment(end, rng), index));
        }
    }
    kickoffs.sort_unstable_by(|one, other| other.cmp(one));
    kickoffs
}

/// The spans of one process that runs a crew.
fn process_spans(crew: &Crew, release: Release, clock: &mut u64, rng: &mut Rng) -> Vec<Draft> {
    if crew.tests && rng.random_bool(0.4) {
        return process_events::test(crew, release, *clock, rng);
    }
    if crew.deploys && rng.random_bool(0.45) {
        return process_events::deploy(crew, release, *clock, rng);
    }
    let began = *clock;
    let mut spans = run::kickoff(crew, release, true, clock, rng);
    if rng.random_bool(0.08) {
        *clock += 30 * NANOS_PER_SECOND;
        spans.extend(run::kickoff(crew, release, false, clock, rng));
    }
    if let Some(flow) = crew.flow {
        let seconds = (*clock - began) as f64 / NANOS_PER_SECOND as f64;
        spans.extend(process_events::flow(
            crew,
            flow,
            release,
            (began, seconds),
            rng,
        ));
    }
    if release.since(1, 15, 18) && rng.random_bool(0.08) {
        spans.extend(process_events::set_up_project(crew, release, began, rng));
    }
    if release.carries_foreign_spans() && rng.random_bool(0.06) {
        spans.extend(host_spans::host_spans(began, rng));
    }
    spans
}
