//! What must not sign anybody in.

use headcount_oidc::SignOnError;
use serde_json::{Value, json};

use crate::fake_provider::{FakeProvider, Key, REDIRECT, base64url, encoded, now, parameter};

const RULES: [&str; 1] = ["groups=readers:viewer"];

/// Makes a token of claims.
type Forge<'f> = &'f dyn Fn(&Value) -> String;

/// Signs on with claims that a test has changed; the unchanged ones are accepted.
fn with_claims(change: impl Fn(&mut Value)) -> Result<(), SignOnError> {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&RULES);
    let began = sign_on.begin(REDIRECT, "/").unwrap();
    let mut claims = provider.claims(&began);
    change(&mut claims);
    provider
        .finish(&sign_on, &began, &key.sign(&claims))
        .map(drop)
}

#[test]
fn a_token_of_somebody_elses_sign_in_or_for_somebody_else_is_refused() {
    with_claims(|_| {}).unwrap();
    with_claims(|claims| claims["aud"] = json!(["headcount"])).unwrap();
    let changes: [(&str, Value); 14] = [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another")),
        ("aud", json!(["headcount", "another"])),
        ("aud", json!([])),
        ("azp", json!("another")),
        ("iss", json!("https://another.example")),
        (
            "iss",
            json!(["https://another.example", "http://127.0.0.1"]),
        ),
        ("exp", json!(now() - 3600)),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("iat", Value::Null),
        ("sub", json!("")),
        ("sub", Value::Null),
    ];
    for (claim, value) in changes {
        let result = with_claims(|claims| claims[claim] = value.clone());
        assert!(
            matches!(result, Err(SignOnError::Token { .. })),
            "{claim} {value}: {result:?}"
        );
    }
    let several = with_claims(|claims| {
        claims["aud"] = json!(["headcount", "another"]);
        claims["azp"] = json!("headcount");
    });
    several.unwrap();
}

#[test]
fn a_signature_that_proves_nothing_is_refused() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&RULES);
    let attempt = |forge: Forge<'_>| {
        let began = sign_on.begin(REDIRECT, "/").unwrap();
        let token = forge(&provider.claims(&began));
        provider.finish(&sign_on, &began, &token).map(drop)
    };
    attempt(&|claims| key.sign(claims)).unwrap();
    let unsigned = |algorithm: &str, claims: &Value, signature: &str| {
        let head = json!({"alg": algorithm, "kid": "k1"});
        format!("{}.{}.{signature}", encoded(&head), encoded(claims))
    };
    // The public key as the secret of an HMAC (RFC 8725 §2.1).
    let confused = |claims: &Value| {
        let message = unsigned("HS256", claims, "");
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.point());
        let tag = ring::hmac::sign(&secret, message.trim_end_matches('.').as_bytes());
        message + &base64url(tag.as_ref())
    };
    let changed = |claims: &Value| {
        let signed = key.sign(claims);
        let mut more = claims.clone();
        more["groups"] = json!(["readers", "owners"]);
        let parts: Vec<&str> = signed.split('.').collect();
        format!("{}.{}.{}", parts[0], encoded(&more), parts[2])
    };
    let forgeries: [(&str, Forge<'_>); 9] = [
        ("none", &|claims| unsigned("none", claims, "")),
        ("None", &|claims| unsigned("None", claims, "")),
        ("ES256 without a signature", &|claims| {
            unsigned("ES256", claims, "")
        }),
        ("ES256 of zeros", &|claims| {
            unsigned("ES256", claims, &base64url(&[0; 64]))
        }),
        ("RS256 with a key of another kind", &|claims| {
            unsigned("RS256", claims, &base64url(&[0; 256]))
        }),
        ("HS256 with the public key", &confused),
        ("claims that were changed", &changed),
        ("a key of that name, which is another", &|claims| {
            Key::new("k1").sign(claims)
        }),
        ("no token", &|_| "x.y".to_owned()),
    ];
    for (name, forge) in forgeries {
        let result = attempt(forge);
        assert!(
            matches!(result, Err(SignOnError::Token { .. })),
            "{name}: {result:?}"
        );
    }
}

#[test]
fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let key = Key::new("k1");
    let provider = FakeProvider::start(&key);
    let sign_on = provider.sign_on(&RULES);
    let began = sign_on.begin(REDIRECT, "/").unwrap();
    let victim = sign_on.begin(REDIRECT, "/").unwrap();
    provider.gives(&key.sign(&provider.claims(&began)));
    let state = parameter(&began.location, "state");
    let query = format!("code=c0de&state={state}");
    for (cookie, name) in [
        (None, "no cookie"),
        (Some(victim.cookie.as_str()), "login CSRF"),
        (Some("7b7d.x"), "made up"),
    ] {
        let result = sign_on.finish(REDIRECT, &query, cookie);
        assert!(
            matches!(result, Err(SignOnError::UnknownAttempt)),
            "{name}: {result:?}"
        );
    }
    for query in [
        "code=c0de",
        "code=c0de&state=",
        "state=x",
        &format!("{query}&state={state}"),
        &format!("{query}&code=other"),
    ] {
        let result = sign_on.finish(REDIRECT, query, Some(&began.cookie));
        assert!(
            matches!(result, Err(SignOnError::UnknownAttempt)),
            "{query}: {result:?}"
        );
    }
    let _identity = sign_on
        .finish(REDIRECT, &query, Some(&began.cookie))
        .unwrap();
    let replayed = sign_on.finish(REDIRECT, &query, Some(&began.cookie));
    assert!(
        matches!(replayed, Err(SignOnError::UnknownAttempt)),
        "{replayed:?}"
    );
}

/// RFC 9207: a provider that mixes itself in gets no code of another one.
#[test]
fn an_answer_of_another_provider_is_refused_before_its_code_is_sent() {
    let key = Key::new("k1");
    for (names_itself, issuer) in [
        (false, "&iss=https%3A%2F%2Fevil.example"),
        (true, "&iss=https%3A%2F%2Fevil.example"),
        (true, ""),
    ] {
        let provider = FakeProvider::start(&key);
        provider.said.lock().unwrap().description =
            json!({"authorization_response_iss_parameter_supported": names_itself});
        let sign_on = provider.sign_on(&RULES);
        let began = sign_on.begin(REDIRECT, "/").unwrap();
        provider.gives(&key.sign(&provider.claims(&began)));
        let query = format!(
            "code=c0de&state={}{issuer}",
            parameter(&began.location, "state")
        );
        let result = sign_on.finish(REDIRECT, &query, Some(&began.cookie));
        assert!(
            matches!(result, Err(SignOnError::Token { .. })),
            "{result:?}"
        );
        assert_eq!(provider.said.lock().unwrap().form, "");
    }
}

#[test]
fn a_description_that_is_somebody_elses_or_leads_to_plain_http_is_refused() {
    for description in [
        json!({"issuer": "https://another.example"}),
        json!({"token_endpoint": "http://sso.example/token"}),
        json!({"jwks_uri": "file:///etc/passwd"}),
        json!({"authorization_endpoint": null}),
    ] {
        let provider = FakeProvider::start(&Key::new("k1"));
        provider.said.lock().unwrap().description = description.clone();
        let result = provider.sign_on(&RULES).begin(REDIRECT, "/");
        assert!(
            matches!(result, Err(SignOnError::Provider { .. })),
            "{description}: {result:?}"
        );
    }
}
