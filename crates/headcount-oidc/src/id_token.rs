//! The rules of OpenID Connect Core §3.1.3.7 for an id token.

use jsonwebtoken::{Algorithm, Validation, decode, decode_header, get_current_timestamp};

use crate::error::SignOnError;
use crate::keys::Keys;
use crate::role_rule::Claims;
use crate::signature::ACCEPTED;

/// How far the clocks of the provider and this machine may differ, in seconds: what such libraries commonly allow, and far less than a token's life.
pub(crate) const LEEWAY: u64 = 60;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'e> {
    pub(crate) issuer: &'e str,
    pub(crate) client_id: &'e str,
    pub(crate) nonce: &'e str,
}

/// A token's header, before anything of it is believed.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
}

impl Head {
    /// Reads the header.
    ///
    /// # Errors
    /// It is no token, or is not signed with a public key.
    pub(crate) fn read(token: &str) -> Result<Self, SignOnError> {
        let header = decode_header(token)
            .map_err(|_| broken("it is not signed, or not by a known algorithm"))?;
        if !ACCEPTED.contains(&header.alg) {
            return Err(broken("it is not signed with a public key"));
        }
        Ok(Self {
            algorithm: header.alg,
            key_id: header.kid,
        })
    }
}

/// The claims of a token that holds. `None` if the keys lack the one that it names: they may have changed.
///
/// # Errors
/// The token breaks a rule.
pub(crate) fn verify(
    token: &str,
    head: &Head,
    keys: &Keys,
    expected: Expected<'_>,
) -> Result<Option<Claims>, SignOnError> {
    let Some(key) = keys.find(head.key_id.as_deref(), head.algorithm) else {
        return Ok(None);
    };
    let mut rules = Validation::new(head.algorithm);
    rules.leeway = LEEWAY;
    rules.validate_nbf = true;
    rules.set_issuer(&[expected.issuer]);
    rules.set_audience(&[expected.client_id]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let decoded = decode::<Claims>(token, &key, &rules);
    let claims = decoded.map_err(|error| broken(what(error.kind())))?.claims;
    check_rest(&claims, expected)?;
    Ok(Some(claims))
}

/// The rules that are of OpenID Connect alone.
fn check_rest(claims: &Claims, expected: Expected<'_>) -> Result<(), SignOnError> {
    let text = |name: &str| claims.get(name).and_then(|value| value.as_str());
    if text("nonce") != Some(expected.nonce) {
        return Err(broken("it is of another sign-in (nonce)"));
    }
    // The library accepts several issuers and audiences in one token; one issuer has one name (Core §2).
    if text("iss") != Some(expected.issuer) {
        return Err(broken("it is of another provider (iss)"));
    }
    let has_several = claims
        .get("aud")
        .and_then(|aud| aud.as_array())
        .is_some_and(|aud| aud.len() > 1);
    let party = text("azp");
    if (has_several || party.is_some()) && party != Some(expected.client_id) {
        return Err(broken("it is for another client (azp)"));
    }
    if text("sub").is_none_or(str::is_empty) {
        return Err(broken("it names nobody (sub)"));
    }
    let issued = claims.get("iat").and_then(|iat| iat.as_f64());
    let latest = (get_current_timestamp() + LEEWAY) as f64;
    if issued.is_none_or(|issued| issued > latest) {
        return Err(broken(
            "it is from the future, or does not say from when (iat)",
        ));
    }
    Ok(())
}

fn what(error: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::ExpiredSignature => {
            "it has expired (exp); do the clocks of the provider and the collector agree?"
        }
        ErrorKind::ImmatureSignature => {
            "it is not valid yet (nbf); do the clocks of the provider and the collector agree?"
        }
        ErrorKind::InvalidIssuer => "it is of another provider (iss)",
        ErrorKind::InvalidAudience => "it is for another client (aud)",
        ErrorKind::InvalidAlgorithm => "its algorithm is not that of its key",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "a claim that it must have is missing or malformed"
        }
        _ => "it is malformed",
    }
}

fn broken(what: &'static str) -> SignOnError {
    SignOnError::Token { what }
}
