//! Promise 8, shown on the real program: `kill -9` in the middle of load, restart, count.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{Server, json, path, run, stderr, stdout};
use headcount_wire::{RequestEncoder, SpanHeader};
use serde_json::Value;
use ureq::Agent;

/// Crews in one request.
pub(crate) const CREWS: u64 = 20;
/// Senders at the same time.
const SENDERS: u64 = 4;
/// Requests after whose acknowledgement the server is killed.
const ACKNOWLEDGED_BEFORE_KILL: u64 = 150;
/// How often the server is killed.
const KILLS: u64 = 3;

pub(crate) fn crew_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A request with the crews of `number`: the same bytes whenever it is sent again.
pub(crate) fn request(number: u64, sent: Duration) -> Vec<u8> {
    let nanos = u64::try_from(sent.as_nanos()).unwrap();
    let mut request = RequestEncoder::new();
    let scope = request
        .resource(|attributes| attributes.string("service.name", "crewAI-telemetry"))
        .scope("crewai.telemetry", "");
    for crew in number * CREWS..(number + 1) * CREWS {
        let mut trace_id = [1; 16];
        trace_id[8..].copy_from_slice(&crew.to_be_bytes());
        let header = SpanHeader {
            trace_id,
            span_id: (crew + 1).to_be_bytes(),
            name: "Crew Created",
            start_unix_nano: nanos,
            end_unix_nano: nanos,
            ..SpanHeader::default()
        };
        scope.span(&header, |attributes| {
            attributes.string("crewai_version", "1.15.30");
            attributes.string("crew_id", &crew_id(crew));
            attributes.integer("crew_number_of_tasks", 1);
        });
    }
    request.finish()
}

/// The senders' view: acknowledged requests, and those in flight when the server was killed.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    acknowledged: Mutex<HashSet<u64>>,
    unknown: Mutex<HashSet<u64>>,
}

pub(crate) fn post(agent: &Agent, url: &str, body: &[u8]) -> bool {
    agent
        .post(format!("{url}/v1/traces"))
        .header("Content-Type", "application/x-protobuf")
        .send(body)
        .is_ok_and(|response| response.status() == 200)
}

/// Loads the server from several threads until it is killed under them.
fn load_until_killed(server: Server, sent: &Sent, now: Duration) {
    let url = server.url.clone();
    let enough = sent.acknowledged.lock().unwrap().len() as u64 + ACKNOWLEDGED_BEFORE_KILL;
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                let agent = Agent::new_with_defaults();
                loop {
                    let number = sent.next.fetch_add(1, Ordering::Relaxed);
                    if !post(&agent, &url, &request(number, now)) {
                        sent.unknown.lock().unwrap().insert(number);
                        return;
                    }
                    sent.acknowledged.lock().unwrap().insert(number);
                }
            });
        }
        let deadline = Instant::now() + Duration::from_secs(120);
        while (sent.acknowledged.lock().unwrap().len() as u64) < enough {
            assert!(Instant::now() < deadline, "the server acknowledges nothing");
            thread::sleep(Duration::from_millis(1));
        }
        server.kill();
    });
}

/// How often each crew is in the store.
fn stored(data: &Path) -> HashMap<String, u64> {
    let query = "SELECT id, count(*) AS times FROM crews GROUP BY id";
    let rows = json(&["sql", query, "--data", path(data), "--format", "json"]);
    let pair = |row: &Value| {
        (
            row["id"].as_str().unwrap().to_owned(),
            row["times"].as_u64().unwrap(),
        )
    };
    rows.as_array().unwrap().iter().map(pair).collect()
}

/// Every row is accounted for: nothing was lost or doubled that the senders do not know of.
fn assert_accounted_for(data: &Path) {
    let audit = run(&["audit", "--data", path(data)]);
    let (out, notes) = (stdout(&audit), stderr(&audit));
    assert_eq!(audit.status.code(), Some(0), "{out}{notes}");
}

fn assert_kept(data: &Path, sent: &Sent) {
    assert_accounted_for(data);
    let stored = stored(data);
    for number in sent.acknowledged.lock().unwrap().iter() {
        for crew in number * CREWS..(number + 1) * CREWS {
            assert_eq!(
                stored.get(&crew_id(crew)),
                Some(&1),
                "crew {crew} was acknowledged"
            );
        }
    }
    assert!(
        stored.values().all(|&times| times == 1),
        "nothing is there twice"
    );
}

#[test]
fn promise_8_an_acknowledged_span_is_never_lost_and_never_counted_twice() {
    let data = tempfile::tempdir().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let sent = Sent::default();
    for _ in 0..KILLS {
        load_until_killed(Server::start(data.path()), &sent, now);
        // The dead server's folder alone already answers for everything that it acknowledged.
        assert_kept(data.path(), &sent);
    }

    // Senders retry what was never acknowledged, and some of what was.
    let server = Server::start(data.path());
    let agent = Agent::new_with_defaults();
    let unknown = std::mem::take(&mut *sent.unknown.lock().unwrap());
    assert!(!unknown.is_empty(), "the server was killed under load");
    let again = sent
        .acknowledged
        .lock()
        .unwrap()
        .iter()
        .copied()
        .take(50)
        .collect::<Vec<_>>();
    for number in unknown.iter().copied().chain(again) {
        assert!(post(&agent, &server.url, &request(number, now)));
    }
    sent.acknowledged.lock().unwrap().extend(unknown);
    assert_kept(data.path(), &sent);
    assert_eq!(server.stop(), Some(0));

    assert_kept(data.path(), &sent);
    let total = sent.acknowledged.lock().unwrap().len() as u64 * CREWS;
    assert_eq!(stored(data.path()).len() as u64, total);
}
