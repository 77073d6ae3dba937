use headcount_access::Role;
use headcount_oidc::{SignOn, SignOnError, SignOnOptions};
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::fake_provider::{CLIENT, FakeProvider, Key, REDIRECT, base64url, now, parameter};

const RULES: [&str; 2] = ["groups=readers:viewer", "groups=owners:admin"];

#[test]
fn somebody_with_a_group_gets_its_role_and_goes_where_they_wanted() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&RULES);
    let began = sign_on.begin(REDIRECT, "/tools?since=7d").unwrap();
    for (name, value) in [
        ("tenant", "1"),
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("scope", "openid email profile groups"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(
            parameter(&began.location, name),
            value,
            "{}",
            began.location
        );
    }
    let mut claims = provider.claims(&began);
    claims["email"] = json!("anna@example.com");
    claims["email_verified"] = json!(true);
    let identity = provider
        .finish(&sign_on, &began, &key.sign(&claims))
        .unwrap();
    assert_eq!(identity.role, Role::Viewer);
    assert_eq!(
        (identity.subject.as_str(), identity.name.as_str()),
        ("anna-1", "anna@example.com")
    );
    assert_eq!(identity.next, "/tools?since=7d");

    let said = provider.said.lock().unwrap();
    // RFC 7636 §4.6: the verifier's hash is the challenge.
    let form = format!("http://x/?{}", said.form);
    let verifier = parameter(&form, "code_verifier");
    let challenge = base64url(digest(&SHA256, verifier.as_bytes()).as_ref());
    assert_eq!(parameter(&began.location, "code_challenge"), challenge);
    assert_eq!(parameter(&form, "code"), "c0de");
    assert_eq!(parameter(&form, "redirect_uri"), REDIRECT);
    // RFC 6749 §2.3.1 and RFC 7617, computed by hand.
    assert_eq!(
        said.authorization,
        "Basic aGVhZGNvdW50OnMzY3JldCUzQSslMjYlMjU="
    );
    assert!(!began.location.contains(&verifier));
}

#[test]
fn each_attempt_has_a_state_a_nonce_and_a_verifier_of_its_own() {
    let provider = FakeProvider::start(&Key::new("k1"));
    let sign_on = provider.sign_on(&RULES);
    let (one, other) = (
        sign_on.begin(REDIRECT, "/").unwrap(),
        sign_on.begin(REDIRECT, "/").unwrap(),
    );
    for name in ["state", "nonce", "code_challenge"] {
        let (one, other) = (
            parameter(&one.location, name),
            parameter(&other.location, name),
        );
        assert_ne!(one, other, "{name}");
        assert_eq!(one.len(), 43, "{name}");
    }
}

#[test]
fn who_has_no_group_is_told_which_claims_give_a_role() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&["groups=readers:viewer", "email=@example.com:viewer"]);
    let began = sign_on.begin(REDIRECT, "/").unwrap();
    let mut claims = provider.claims(&began);
    claims["groups"] = json!(["others"]);
    claims["preferred_username"] = json!("bert\u{7}");
    let error = provider
        .finish(&sign_on, &began, &key.sign(&claims))
        .unwrap_err();
    assert!(matches!(error, SignOnError::NoRole { .. }));
    let text = error.to_string();
    assert!(
        text.contains("bert has no role") && text.contains("email, groups"),
        "{text}"
    );
}

#[test]
fn a_key_that_is_new_is_asked_for_and_made_up_ones_are_not_each_time() {
    let (old, new) = (Key::new("k1"), Key::new("k2"));
    let provider = FakeProvider::start(&old);
    let sign_on = provider.sign_on(&RULES);
    let finish = |key: &Key| {
        let began = sign_on.begin(REDIRECT, "/").unwrap();
        provider.finish(&sign_on, &began, &key.sign(&provider.claims(&began)))
    };
    finish(&old).unwrap();
    provider.said.lock().unwrap().keys = vec![new.public(), old.public()];
    finish(&new).unwrap();
    finish(&old).unwrap();
    assert_eq!(provider.said.lock().unwrap().keys_asked, 2);
    for _ in 0..3 {
        assert!(finish(&Key::new("k3")).is_err());
    }
    assert_eq!(provider.said.lock().unwrap().keys_asked, 2);
}

#[test]
fn clocks_may_differ_by_a_minute_and_not_by_two() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&RULES);
    for (claim, near, far) in [
        ("exp", now() - 30, now() - 120),
        ("iat", now() + 30, now() + 120),
        ("nbf", now() + 30, now() + 120),
    ] {
        for (time, is_accepted) in [(near, true), (far, false)] {
            let began = sign_on.begin(REDIRECT, "/").unwrap();
            let mut claims = provider.claims(&began);
            claims[claim] = json!(time);
            let result = provider.finish(&sign_on, &began, &key.sign(&claims));
            assert_eq!(result.is_ok(), is_accepted, "{claim} {time}: {result:?}");
        }
    }
}

#[test]
fn claims_that_are_not_in_the_token_come_from_userinfo_of_the_same_person() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&RULES);
    for (subject, is_accepted) in [("anna-1", true), ("mallory", false)] {
        provider.said.lock().unwrap().userinfo = json!({"sub": subject, "groups": ["owners"]});
        let began = sign_on.begin(REDIRECT, "/").unwrap();
        let mut claims = provider.claims(&began);
        let _groups = claims.as_object_mut().unwrap().remove("groups");
        let result = provider.finish(&sign_on, &began, &key.sign(&claims));
        assert_eq!(
            result.is_ok_and(|identity| identity.role == Role::Admin),
            is_accepted,
            "{subject}"
        );
    }
}

#[test]
fn a_failing_userinfo_refuses_nobody_whose_signed_claims_suffice() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    // No token says anything of `team`, so that userinfo is asked.
    let sign_on = provider.sign_on(&["groups=readers:viewer", "team=owners:admin"]);
    provider.said.lock().unwrap().is_userinfo_down = true;
    let finish = |groups: &str| {
        let began = sign_on.begin(REDIRECT, "/").unwrap();
        let mut claims = provider.claims(&began);
        claims["groups"] = json!([groups]);
        provider.finish(&sign_on, &began, &key.sign(&claims))
    };
    assert_eq!(finish("readers").unwrap().role, Role::Viewer);
    let error = finish("others").unwrap_err();
    assert!(matches!(error, SignOnError::Provider { .. }), "{error}");
}

#[test]
fn an_address_that_another_source_verified_gives_no_role() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&["email=@example.com:viewer"]);
    let finish = |token: Option<&str>, userinfo: serde_json::Value| {
        provider.said.lock().unwrap().userinfo = userinfo;
        let began = sign_on.begin(REDIRECT, "/").unwrap();
        let mut claims = provider.claims(&began);
        if let Some(address) = token {
            claims["email"] = json!(address);
        }
        provider.finish(&sign_on, &began, &key.sign(&claims))
    };
    let other = json!({"sub": "anna-1", "email_verified": true});
    let error = finish(Some("mallory@example.com"), other).unwrap_err();
    assert!(matches!(error, SignOnError::NoRole { .. }), "{error}");
    // The address and its verification are both in userinfo, whatever the token says.
    for token in [None, Some("anna@old.example")] {
        let pair = json!({"sub": "anna-1", "email": "anna@example.com", "email_verified": true});
        assert_eq!(finish(token, pair).unwrap().name, "anna@example.com");
    }
}

#[test]
fn a_provider_that_is_down_is_an_error_and_its_description_is_remembered() {
    let provider = FakeProvider::start(&Key::new("k1"));
    let sign_on = provider.sign_on(&RULES);
    provider.said.lock().unwrap().is_down = true;
    let error = sign_on.begin(REDIRECT, "/").unwrap_err();
    assert!(matches!(error, SignOnError::Provider { .. }), "{error}");
    provider.said.lock().unwrap().is_down = false;
    let _began = sign_on.begin(REDIRECT, "/").unwrap();
    provider.said.lock().unwrap().is_down = true;
    let _began = sign_on.begin(REDIRECT, "/").unwrap();
}

#[test]
fn a_provider_that_refuses_is_quoted_by_its_code_alone() {
    let provider = FakeProvider::start(&Key::new("k1"));
    let sign_on = provider.sign_on(&RULES);
    let began = sign_on.begin(REDIRECT, "/").unwrap();
    let state = parameter(&began.location, "state");
    let query = format!("error=access_denied%3Cb%3E&error_description=x&state={state}");
    let error = sign_on
        .finish(REDIRECT, &query, Some(&began.cookie))
        .unwrap_err();
    assert!(
        matches!(&error, SignOnError::Refused { code } if code == "access_deniedb"),
        "{error}"
    );
}

#[test]
fn an_issuer_is_an_https_address() {
    for issuer in [
        "http://sso.example",
        "sso.example",
        "ftp://127.0.0.1",
        "https://sso.example/?x=1",
    ] {
        let options = SignOnOptions {
            issuer: issuer.to_owned(),
            client_id: CLIENT.to_owned(),
            client_secret: None,
            scopes: vec!["groups".to_owned()],
            rules: Vec::new(),
            tls: None,
        };
        assert!(SignOn::new(options).is_err(), "{issuer}");
    }
}
