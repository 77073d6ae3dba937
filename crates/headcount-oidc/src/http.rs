//! Requests to the provider: bounded in time and size, without redirects.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::tls::TlsConfig;
use url::Url;

use crate::error::SignOnError;

/// How long a request may take: somebody waits before a browser.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer, in bytes: a set of keys has some thousand.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Asks a provider.
#[derive(Debug, Clone)]
pub(crate) struct Http(Agent);

impl Http {
    /// For a provider at `issuer`. `tls` says whom to trust instead of the public authorities.
    pub(crate) fn new(issuer: &Url, tls: Option<TlsConfig>) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT));
        // A proxy from the environment cannot reach this machine.
        if is_loopback(issuer) {
            config = config.proxy(None);
        }
        if let Some(tls) = tls {
            config = config.tls_config(tls);
        }
        Self(config.build().into())
    }

    /// The JSON at an address; with an access token where one is given.
    pub(crate) fn get(
        &self,
        address: &Url,
        access_token: Option<&str>,
    ) -> Result<Value, SignOnError> {
        let mut request = self
            .0
            .get(address.as_str())
            .header("accept", "application/json");
        if let Some(token) = access_token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let (status, value) = read(address, request.call())?;
        match status {
            200 => value.ok_or_else(|| failed(address, "does not answer with JSON")),
            status => Err(failed(address, &format!("answers with status {status}"))),
        }
    }

    /// Sends a form, and returns the status and the JSON of the answer.
    pub(crate) fn post(
        &self,
        address: &Url,
        form: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<(u16, Option<Value>), SignOnError> {
        let mut request = self
            .0
            .post(address.as_str())
            .header("accept", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        read(address, request.send_form(form.iter().copied()))
    }
}

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

fn read(address: &Url, answer: Answer) -> Result<(u16, Option<Value>), SignOnError> {
    let mut answer =
        answer.map_err(|error| failed(address, &format!("does not answer ({error})")))?;
    let status = answer.status().as_u16();
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_vec();
    let body = body.map_err(|error| failed(address, &format!("breaks off ({error})")))?;
    Ok((status, serde_json::from_slice(&body).ok()))
}

fn failed(address: &Url, what: &str) -> SignOnError {
    // Without a query, which may hold what nobody should read.
    let place = format!(
        "{}{}",
        address.origin().ascii_serialization(),
        address.path()
    );
    SignOnError::Provider {
        what: format!("{place} {what}"),
    }
}

/// Whether the address is of this machine, where nobody else can listen in.
pub(crate) fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether nobody between can read or change what goes there.
pub(crate) fn is_safe(address: &Url) -> bool {
    address.scheme() == "https" || address.scheme() == "http" && is_loopback(address)
}
