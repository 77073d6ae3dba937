//! Tokens: made once, stored as hashes, and known to a collector that runs beside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use headcount_access::{
    AccessToken, Authenticator, Challenge, Right, Role, TokenStore, TokenStoreError,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

const OWN: &str = "0123456789abcdef";

fn open(data: &Path) -> Authenticator {
    let own = AccessToken::parse(OWN);
    Authenticator::open(own, TokenStore::of(data)).unwrap()
}

/// Whether it becomes so within a second.
fn soon(is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        if is_so() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_token_is_kept_as_a_hash_that_only_its_owner_can_read() {
    let data = tempfile::tempdir().unwrap();
    let store = TokenStore::of(data.path());
    let (secret, record) = store.create(Role::Viewer, "grafana", None).unwrap();
    let text = secret.reveal();
    assert!(
        text.starts_with("hc_") && text.len() == 76,
        "{}",
        text.len()
    );
    assert!(!format!("{secret:?}").contains(&text[12..]));
    let session = secret.session();
    let (_, key) = session.split_once('.').unwrap();
    for entry in fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        let content = fs::read_to_string(&path).unwrap();
        // The id is no secret; what follows it is, and so is the session.
        assert!(!content.contains(&text[12..]), "{content}");
        assert!(!content.contains(key), "{content}");
    }
    assert_eq!(store.list().unwrap(), [record]);
}

#[test]
fn a_collector_knows_of_new_and_revoked_tokens_within_a_second() {
    let data = tempfile::tempdir().unwrap();
    let (tokens, store) = (open(data.path()), TokenStore::of(data.path()));
    let (secret, record) = store.create(Role::Analyst, "", None).unwrap();
    assert!(soon(|| tokens.bearer(secret.reveal()).is_some()));
    let principal = tokens.bearer(secret.reveal()).unwrap();
    assert_eq!(
        (principal.role(), principal.id()),
        (Role::Analyst, record.id.as_str())
    );
    let cookie = tokens.begin_session(secret.reveal()).unwrap();
    assert_eq!(tokens.session(&cookie), Some(principal));
    assert!(tokens.bearer(&cookie).is_none(), "a session is no token");

    let mut wrong = secret.reveal().to_owned();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    assert!(tokens.bearer(&wrong).is_none());

    store.revoke(&record.id).unwrap();
    assert!(soon(|| tokens.bearer(secret.reveal()).is_none()));
    assert!(tokens.session(&cookie).is_none());
    assert_eq!(tokens.bearer(OWN).map(|own| own.role()), Some(Role::Admin));
}

#[test]
fn a_token_that_has_expired_is_no_longer_good() {
    let data = tempfile::tempdir().unwrap();
    let store = TokenStore::of(data.path());
    let end = Utc::now() + TimeDelta::milliseconds(300);
    let (secret, _) = store.create(Role::Viewer, "short", Some(end)).unwrap();
    let tokens = open(data.path());
    let cookie = tokens.begin_session(secret.reveal()).unwrap();
    assert!(soon(|| tokens.bearer(secret.reveal()).is_none()));
    assert!(tokens.session(&cookie).is_none());
    // Its name is free again.
    store.create(Role::Viewer, "short", None).unwrap();
}

#[test]
fn a_request_needs_a_token_that_has_the_right() {
    let data = tempfile::tempdir().unwrap();
    let store = TokenStore::of(data.path());
    let (ingest, _) = store.create(Role::Ingest, "", None).unwrap();
    let (viewer, _) = store.create(Role::Viewer, "", None).unwrap();
    let tokens = open(data.path());
    let ask = |value: &str| {
        let value = HeaderValue::from_str(value).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        let required = tokens.require(Right::SendTelemetry, &headers);
        required.map(|principal| principal.role())
    };
    assert_eq!(
        ask(&format!("Bearer {}", ingest.reveal())),
        Ok(Role::Ingest)
    );
    assert_eq!(
        ask(&format!("bearer  {} ", ingest.reveal())),
        Ok(Role::Ingest)
    );
    assert_eq!(ask(&format!("Bearer {OWN}")), Ok(Role::Admin));
    assert_eq!(
        ask(&format!("Bearer {}", viewer.reveal())),
        Err(Challenge::Insufficient)
    );
    assert_eq!(ask("Bearer hc_00000000_"), Err(Challenge::Invalid));
    assert_eq!(
        ask(&format!("Basic {}", ingest.reveal())),
        Err(Challenge::Missing)
    );
    assert!(
        tokens.begin_session(ingest.reveal()).is_none(),
        "it reads nothing"
    );
}

#[test]
fn commands_that_run_at_once_lose_no_token() {
    let data = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = TokenStore::of(data.path());
            scope.spawn(move || {
                for number in 0..4 {
                    let name = format!("of thread {thread}, no. {number}").replace(", ", "/");
                    store.create(Role::Viewer, &name, None).unwrap();
                }
            });
        }
    });
    let ids = TokenStore::of(data.path()).list().unwrap();
    let mut ids: Vec<String> = ids.into_iter().map(|record| record.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 32);
}

#[test]
fn a_name_is_plain_and_means_one_token() {
    let data = tempfile::tempdir().unwrap();
    let store = TokenStore::of(data.path());
    let (_, first) = store.create(Role::Viewer, "ci", None).unwrap();
    let taken = store.create(Role::Admin, "ci", None).unwrap_err();
    assert!(matches!(taken, TokenStoreError::Taken { .. }), "{taken}");
    let long = "x".repeat(65);
    for name in ["a\nb", "{\"}", "\u{202e}cba", "0123abcd", long.as_str()] {
        let refused = store.create(Role::Viewer, name, None).unwrap_err();
        assert!(matches!(refused, TokenStoreError::Name), "{name:?}");
    }
    store.create(Role::Viewer, "", None).unwrap();
    store.create(Role::Viewer, "", None).unwrap();
    assert_eq!(store.revoke("ci").unwrap().id, first.id);
    for unknown in ["ci", "", "00000000"] {
        let refused = store.revoke(unknown).unwrap_err();
        assert!(matches!(refused, TokenStoreError::Unknown(_)), "{unknown}");
    }
}

#[test]
fn a_file_of_a_later_version_is_refused_as_such_whatever_else_is_in_it() {
    let data = tempfile::tempdir().unwrap();
    let store = TokenStore::of(data.path());
    store.create(Role::Viewer, "", None).unwrap();
    let path = data.path().join("tokens.json");
    let good = fs::read_to_string(&path).unwrap();
    for later in ["\"version\": 2", "\"version\": 2, \"scopes\": []"] {
        fs::write(&path, good.replace("\"version\": 1", later)).unwrap();
        let refused = store.list().unwrap_err().to_string();
        for said in [
            "tokens.json",
            "version 2",
            "version 1",
            "start that version",
        ] {
            assert!(refused.contains(said), "{refused}");
        }
    }
}

#[test]
fn a_damaged_file_stops_a_start_and_changes_nothing_for_a_running_collector() {
    let data = tempfile::tempdir().unwrap();
    let store = TokenStore::of(data.path());
    let (secret, _) = store.create(Role::Viewer, "", None).unwrap();
    let tokens = open(data.path());
    let path = data.path().join("tokens.json");
    let good = fs::read_to_string(&path).unwrap();
    for damaged in [
        "",
        "{}",
        &good[..good.len() / 2],
        &good.replace("viewer", "emperor"),
        &good.replace("\"version\": 1", "\"version\": 2"),
        &good.replace("\"hash\": \"", "\"hash\": \"0"),
        &good.replace("\"created\": \"2", "\"created\": \"x"),
    ] {
        fs::write(&path, damaged).unwrap();
        let refused = Authenticator::open(None, store.clone())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("tokens.json"), "{refused}");
        // No change is written over what cannot be read.
        store.create(Role::Viewer, "", None).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        std::thread::sleep(Duration::from_millis(600));
        assert!(tokens.bearer(secret.reveal()).is_some(), "{damaged}");
    }
    fs::write(&path, &good).unwrap();
    store.revoke(secret.id()).unwrap();
    assert!(soon(|| tokens.bearer(secret.reveal()).is_none()));
}
