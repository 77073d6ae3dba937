//! A realistic week of CrewAI traffic.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::calendar::{self, NANOS_PER_SECOND, SECONDS_PER_WEEK};
use crate::chance::Chance;
use crate::crew::Crew;
use crate::draft::Draft;
use crate::encode::encode_request;
use crate::release::Release;
use crate::{errand, run, stray};

/// Crews with which a week holds about twenty thousand spans.
pub const DEFAULT_CREWS: usize = 400;

/// Mean number of kickoffs of a crew in the week.
const RUNS_PER_CREW: f64 = 3.0;

/// One request body, as one process's exporter would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// `ExportTraceServiceRequest` in protobuf, not compressed.
    pub bytes: Vec<u8>,
    /// Spans in it.
    pub spans: u64,
    /// The latest end among its spans, nanoseconds since 1970 UTC: when it would be sent at the earliest.
    pub sent_unix_nano: u64,
}

/// A week of traffic: an iterator of request bodies, about in the order in which they would arrive.
///
/// Several hundred crews of fifteen releases run, test, deploy and share, each release with its own attributes,
/// spellings and gaps; some send what a collector must refuse. Equal arguments give equal bytes on every machine.
#[derive(Debug)]
pub struct Week {
    crews: Vec<Crew>,
    /// Kickoffs, last first: (seconds since 1970 UTC, index of the crew).
    kickoffs: Vec<(u64, usize)>,
    /// Seconds since 1970 UTC.
    begin: u64,
    chance: Chance,
}

impl Week {
    /// The week that ends at `end_time`, with `crews` distinct crews ([`DEFAULT_CREWS`] for about 20,000 spans).
    ///
    /// An `end_time` less than a week after 1970 is taken as the first full week.
    #[must_use]
    pub fn new(seed: u64, end_time: SystemTime, crews: usize) -> Self {
        let since_1970 = end_time.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Runs begun near the end would reach into the future: leave them a quarter of an hour.
        let end = since_1970
            .as_secs()
            .saturating_sub(900)
            .max(SECONDS_PER_WEEK);
        let chance = Chance::new(seed);
        let mut imagination = chance.fork(1);
        let crews: Vec<Crew> = (0..crews)
            .map(|_| Crew::imagine(&mut imagination))
            .collect();
        let kickoffs = plan_kickoffs(&crews, end, &mut chance.fork(2));
        Self {
            crews,
            kickoffs,
            begin: end - SECONDS_PER_WEEK,
            chance: chance.fork(3),
        }
    }

    /// Bodies still to come.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.kickoffs.len()
    }

    fn imagine_body(&mut self, second: u64, crew: usize) -> Body {
        let crew = &self.crews[crew];
        let moment = (second - self.begin) as f64 / SECONDS_PER_WEEK as f64;
        let release = crew.release_at(moment);
        let chance = &mut self.chance;
        let mut clock = second * NANOS_PER_SECOND + chance.below(NANOS_PER_SECOND as usize) as u64;
        let spans = visit(crew, release, &mut clock, chance);
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
        Some(self.imagine_body(second, crew))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.kickoffs.len(), Some(self.kickoffs.len()))
    }
}

impl ExactSizeIterator for Week {}

/// Who runs when: each crew at least once, the popular ones often, all by day rather than by night.
fn plan_kickoffs(crews: &[Crew], end: u64, chance: &mut Chance) -> Vec<(u64, usize)> {
    let mut kickoffs: Vec<(u64, usize)> = (0..crews.len())
        .map(|crew| (calendar::moment(end, chance), crew))
        .collect();
    let popularity: f64 = crews.iter().map(|crew| crew.popularity).sum();
    let repeats = (RUNS_PER_CREW - 1.0) * crews.len() as f64;
    for (index, crew) in crews.iter().enumerate() {
        let expected = repeats * crew.popularity / popularity;
        let count = expected as usize + usize::from(chance.odds(expected.fract()));
        for _ in 0..count {
            kickoffs.push((calendar::moment(end, chance), index));
        }
    }
    kickoffs.sort_unstable_by(|one, other| other.cmp(one));
    kickoffs
}

/// What one process does with a crew.
fn visit(crew: &Crew, release: Release, clock: &mut u64, chance: &mut Chance) -> Vec<Draft> {
    if crew.tests && chance.odds(0.4) {
        return errand::test(crew, release, *clock, chance);
    }
    if crew.deploys && chance.odds(0.45) {
        return errand::deploy(crew, release, *clock, chance);
    }
    let began = *clock;
    let mut spans = run::kickoff(crew, release, true, clock, chance);
    if chance.odds(0.08) {
        *clock += 30 * NANOS_PER_SECOND;
        spans.extend(run::kickoff(crew, release, false, clock, chance));
    }
    if let Some(flow) = crew.flow {
        let seconds = (*clock - began) as f64 / NANOS_PER_SECOND as f64;
        spans.extend(errand::flow(crew, flow, release, (began, seconds), chance));
    }
    if release.since(1, 15, 18) && chance.odds(0.08) {
        spans.extend(errand::set_up_project(crew, release, began, chance));
    }
    if release.carries_foreign_spans() && chance.odds(0.06) {
        spans.extend(stray::host_spans(began, chance));
    }
    spans
}
