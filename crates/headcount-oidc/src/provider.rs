//! What the provider says of itself (OpenID Connect Discovery 1.0), and its keys. Both are kept for an hour; keys are asked for again when a
//! token names one that is not among them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use url::Url;

use crate::error::SignOnError;
use crate::http::{Http, is_safe};
use crate::keys::Keys;

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(3600);
/// How often the keys are asked for at most, so that made-up tokens do not become requests to the provider.
const KEYS_EVERY: Duration = Duration::from_secs(10);

/// A provider, and what it last said.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) http: Http,
    /// Exactly as the operator wrote it: tokens must name it so.
    pub(crate) issuer: String,
    known: Mutex<Option<(Instant, Metadata)>>,
    keys: Mutex<Option<(Instant, Keys)>>,
    /// When they were last asked for because a token named one that was not among them.
    last_miss: Mutex<Option<Instant>>,
}

/// The parts of a provider's description that matter here.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) jwks_uri: Url,
    /// Whether the token endpoint takes the secret in the form alone.
    pub(crate) wants_secret_in_form: bool,
    /// Whether it says who it is when it sends a browser back (RFC 9207).
    pub(crate) names_itself: bool,
}

impl Provider {
    pub(crate) fn new(http: Http, issuer: String) -> Self {
        Self {
            http,
            issuer,
            known: Mutex::default(),
            keys: Mutex::default(),
            last_miss: Mutex::default(),
        }
    }

    /// The description: of the last hour, or new; an older one while the provider does not answer.
    pub(crate) fn metadata(&self) -> Result<Metadata, SignOnError> {
        let last = self.known.lock().clone();
        if let Some((at, metadata)) = &last
            && at.elapsed() < FRESH
        {
            return Ok(metadata.clone());
        }
        match self.discover() {
            Ok(metadata) => {
                *self.known.lock() = Some((Instant::now(), metadata.clone()));
                Ok(metadata)
            }
            Err(error) => last.map(|(_, metadata)| metadata).ok_or(error),
        }
    }

    fn discover(&self) -> Result<Metadata, SignOnError> {
        // Discovery §4: appended to the issuer, whose last slash is left out.
        let base = self.issuer.trim_end_matches('/');
        let address = format!("{base}/.well-known/openid-configuration");
        let address = address
            .parse()
            .map_err(|_| unusable("the issuer is no address"))?;
        let description = self.http.get(&address, None)?;
        if description.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(unusable(
                "it calls itself otherwise than --oidc-issuer does; give the `issuer` of its /.well-known/openid-configuration to the letter",
            ));
        }
        Metadata::read(&description)
    }

    /// The keys: of the last hour, or new. `is_missing_one` asks for them again, though not more often than every ten seconds.
    pub(crate) fn keys(&self, jwks_uri: &Url, is_missing_one: bool) -> Result<Keys, SignOnError> {
        let last = self.keys.lock().clone();
        if let Some((at, keys)) = last
            && at.elapsed() < FRESH
            && !(is_missing_one && self.may_ask_again())
        {
            return Ok(keys);
        }
        let set = self.http.get(jwks_uri, None)?;
        let keys = Keys::read(&set).ok_or_else(|| unusable("its keys are not a set of keys"))?;
        *self.keys.lock() = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    fn may_ask_again(&self) -> bool {
        let mut last = self.last_miss.lock();
        let may = last.is_none_or(|at| at.elapsed() >= KEYS_EVERY);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}

impl Metadata {
    fn read(description: &Value) -> Result<Self, SignOnError> {
        let optional = |name: &str| -> Result<Option<Url>, SignOnError> {
            let Some(text) = description.get(name).and_then(Value::as_str) else {
                return Ok(None);
            };
            let address: Option<Url> = text.parse().ok();
            match address.filter(is_safe) {
                Some(address) => Ok(Some(address)),
                None => Err(unusable(&format!("its {name} is not an https address"))),
            }
        };
        let required = |name: &str| {
            optional(name)?.ok_or_else(|| unusable(&format!("its description has no {name}")))
        };
        let lists = |name: &str, value: &str| {
            let list = description.get(name).and_then(Value::as_array);
            list.map(|list| list.iter().any(|each| each.as_str() == Some(value)))
        };
        let methods = "token_endpoint_auth_methods_supported";
        let takes_basic = lists(methods, "client_secret_basic");
        Ok(Self {
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            userinfo_endpoint: optional("userinfo_endpoint")?,
            jwks_uri: required("jwks_uri")?,
            wants_secret_in_form: takes_basic == Some(false)
                && lists(methods, "client_secret_post") == Some(true),
            names_itself: description.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }
}

fn unusable(what: &str) -> SignOnError {
    SignOnError::Provider {
        what: what.to_owned(),
    }
}
