//! Identifiers that look like a secret, an address or a path. Collectors refuse them, so the client leaves them out and counts
//! them.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{SentSpan, spans, wait_until};
use headcount::{Agent, Crew, DeploymentSource, FlowOrigin, Installation, Llm, Task, Telemetry};
use headcount_catalog::{Admission, Catalog, Dialect, Outcome, Secret};
use headcount_wire::{RequestEncoder, SpanHeader};
use proptest::prelude::*;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,12}([_.:-][a-zA-Z]{1,12}){0,4}",
        3 => "(sk-|sk_live_|ghp_|AKIA|hf_|xoxb-|tvly-|eyJ|gsk_|token:|bearer:|api-key:)[A-Za-z0-9]{8,40}",
        2 => "[A-Za-z0-9]{16,60}",
        1 => "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        1 => "/(home|Users|srv)/[a-z]{1,8}(/[a-z.]{1,8}){0,2}",
        1 => "[0-9]{1,3}(\\.[0-9]{1,3}){3}(:[0-9]{2,4})?",
        1 => "\\+?[0-9]{2,4}(-[0-9]{2,5}){1,3}",
        4 => "[A-Za-z0-9_.:+/-]{1,64}",
    ]
}

static COLLECTOR: LazyLock<Admission> = LazyLock::new(|| {
    let dialects = Dialect::embedded().unwrap();
    Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32])).unwrap()
});

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn admit(request: &[u8]) -> Outcome {
    let now = since_1970().as_micros() as i64;
    COLLECTOR.admit(request, 0, now).unwrap()
}

/// A collector's decision about an identifier that the client does not scrub.
fn is_taken(word: &str) -> bool {
    let mut request = RequestEncoder::new();
    let now = since_1970().as_nanos() as u64;
    let header = SpanHeader {
        trace_id: [1; 16],
        span_id: [1; 8],
        name: "Feature Usage",
        start_unix_nano: now,
        end_unix_nano: now,
        ..SpanHeader::default()
    };
    let _ = request
        .resource(|attributes| attributes.string("versions.framework", "words"))
        .scope("headcount", "1")
        .span(&header, |attributes| {
            attributes.string("feature_usage.feature", word);
        });
    admit(&request.finish()).message.is_empty()
}

/// Records `word` wherever a word is recorded: five times.
fn record(telemetry: &Telemetry, word: &str) {
    telemetry.feature_used(word);
    let agent = Agent::default().llm(Llm::default().class_name(word));
    let task = Task::default();
    let run = telemetry.crew_started(&Crew::new().agent(agent).task(task.clone()));
    run.task_started(&task).fail(word);
    run.complete();
    let flow = telemetry.flow_started("Flow", FlowOrigin::User);
    flow.method_failed(word);
    flow.complete();
    telemetry
        .deployment(DeploymentSource::Cli)
        .logs_pulled(word);
}

const WORDS: [&str; 5] = [
    "feature_usage.feature",
    "llm.llm_class_name",
    "task_lifecycle.error_type",
    "flow_lifecycle.error_type",
    "deployment.log_type",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_identifier_that_a_collector_refuses_is_never_sent(words in prop::collection::vec(word(), 1..12)) {
        let home = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::builder("identifiers", "1.0").home(home.path()).start();
        for word in &words {
            record(&telemetry, word);
        }
        // Identifiers are scrubbed when their event is written.
        wait_until("the events to be written", || telemetry.counters().waiting == 0);
        let counted = telemetry.counters().values_refused;
        drop(telemetry);
        let mut sent: Vec<SentSpan> = Vec::new();
        for pending in Installation::all_in(home.path()).remove(0).pending() {
            prop_assert_eq!(admit(&pending.body).message, "");
            sent.extend(spans(&pending.body));
        }
        let mut left_out = 0;
        for word in &words {
            let arrives = |key: &str| sent.iter().any(|span| span.get(key) == Some(word));
            let is_taken = is_taken(word);
            for key in WORDS {
                prop_assert_eq!(arrives(key), is_taken, "{} {}", key, word);
                left_out += u64::from(!is_taken);
            }
        }
        prop_assert_eq!(counted, left_out);
    }
}

/// The name is sent, and is the name of a folder.
#[test]
fn a_framework_with_a_name_like_a_secret_records_nothing() {
    let home = tempfile::tempdir().unwrap();
    let telemetry = Telemetry::builder("sk-proj-Ab3dEf6hIj9lMn2pQr5t", "1.0")
        .home(home.path())
        .start();
    assert!(!telemetry.is_recording());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
