//! Promise 6 as a property: the bytes of the preview, of the request and of the ledger's hash are the same.

use std::time::Duration;

use crate::support::{Receiver, header};
use headcount::{Agent, Crew, DeliveryStatus, Installation, Task, Telemetry, Tool};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Call {
    Tool {
        name: String,
        attempts: u32,
    },
    Crew {
        role: String,
        goal: String,
        share: bool,
    },
    Feature(String),
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (".{0,40}", any::<u32>()).prop_map(|(name, attempts)| Call::Tool { name, attempts }),
        2 => (".{0,300}", ".{0,2000}", any::<bool>()).prop_map(|(role, goal, share)| Call::Crew { role, goal, share }),
        1 => "[a-z: ]{0,20}".prop_map(Call::Feature),
        1 => Just(Call::Restart),
    ]
}

fn start(home: &std::path::Path, endpoint: Option<String>) -> Telemetry {
    let builder = Telemetry::builder("property", "1.0")
        .home(home)
        .told_user(true);
    match endpoint {
        Some(endpoint) => builder.endpoint(endpoint),
        None => builder,
    }
    .start()
}

fn make(telemetry: &Telemetry, call: &Call) {
    match call {
        Call::Tool { name, attempts } => {
            telemetry.tool_used(&Tool::new(name.as_str()), *attempts, None);
        }
        Call::Crew { role, goal, share } => {
            let crew = Crew::new()
                .agent(Agent::new(role.as_str()).goal(goal.as_str()))
                .task(Task::new(goal.as_str()))
                .share_crew(*share);
            telemetry.crew_started(&crew).complete();
        }
        Call::Feature(feature) => telemetry.feature_used(feature),
        Call::Restart => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_you_see_is_what_is_sent(calls in prop::collection::vec(call(), 1..60)) {
        let home = tempfile::tempdir().unwrap();
        let mut telemetry = start(home.path(), None);
        for call in &calls {
            if matches!(call, Call::Restart) {
                drop(telemetry);
                telemetry = start(home.path(), None);
            }
            make(&telemetry, call);
        }
        drop(telemetry);
        let installation = Installation::all_in(home.path()).remove(0);
        let preview = installation.pending();
        let receiver = Receiver::new();
        let telemetry = start(home.path(), Some(receiver.endpoint()));
        prop_assert!(telemetry.flush(Duration::from_secs(20)));
        let (arrived, ledger) = (receiver.arrived(), installation.log());
        prop_assert_eq!(arrived.len(), preview.len());
        prop_assert_eq!(ledger.len(), preview.len());
        for ((seen, request), entry) in preview.iter().zip(&arrived).zip(&ledger) {
            let key = format!("\"{}\"", seen.segment);
            prop_assert_eq!(header(&request.head, "idempotency-key"), Some(key.as_str()));
            prop_assert_eq!(&seen.body, &request.body);
            prop_assert_eq!(entry.delivery_status, DeliveryStatus::Delivered);
            prop_assert_eq!(entry.bytes, seen.body.len() as u64);
            prop_assert_eq!(entry.sent_bytes, request.wire_bytes as u64);
            let hash = hmac_sha256::Hash::hash(&seen.body);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(&entry.sha256, &hash);
        }
        let totals = installation.totals();
        prop_assert_eq!((totals.pending, totals.dropped), (0, 0));
        prop_assert_eq!(totals.delivered, preview.iter().map(|pending| pending.events).sum::<u64>());
    }
}
