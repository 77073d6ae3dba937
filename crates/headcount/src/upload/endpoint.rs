//! The collector's address, which the framework sets in code.

use std::fmt;
use std::net::IpAddr;

use crate::platform::random;

/// A collector's address: HTTPS, or plain HTTP to loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Begins with `/` and ends with `/v1/traces`.
    pub(crate) path: String,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not `https://host[:port][/path]`.
    Malformed,
    /// It contains a user name or a password, which do not belong in a program's source.
    Credentials,
    /// Plain HTTP to another machine.
    PlainHttp,
    /// HTTPS, and this build has no TLS.
    WithoutTls,
    /// The token given to [`ingest_token`](crate::Builder::ingest_token) cannot be sent.
    Token,
    /// HTTPS, and a value given to [`trust`](crate::Builder::trust) holds no certificate that can be read.
    Certificate,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            EndpointError::Malformed => {
                "the endpoint is not a URL of the form https://host[:port][/path]"
            }
            EndpointError::Credentials => {
                "the endpoint contains a user name or a password; remove it"
            }
            EndpointError::PlainHttp => {
                "the endpoint uses plain HTTP to another machine; use https, or http to 127.0.0.1"
            }
            EndpointError::WithoutTls => {
                "the endpoint uses HTTPS, but this build has no TLS; enable the feature `tls`"
            }
            EndpointError::Token => {
                "the ingest token is not 1 to 512 visible ASCII characters; give it without spaces and line feeds"
            }
            EndpointError::Certificate => {
                "a value given to `trust` holds no certificate that can be read; use DER or PEM"
            }
        })
    }
}

impl std::error::Error for EndpointError {}

impl Endpoint {
    /// Parses an address. `/v1/traces` (OTLP/HTTP) is added to its path if it is missing.
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        use EndpointError::{Credentials, Malformed, PlainHttp, WithoutTls};
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed);
        }
        let (scheme, rest) = text.split_once("://").ok_or(Malformed)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(Malformed),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(Credentials);
        }
        if rest.contains(['?', '#']) {
            return Err(Malformed);
        }
        let (host, port) = split_port(authority).ok_or(Malformed)?;
        let is_name = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte));
        if host.is_empty() || !is_name {
            return Err(Malformed);
        }
        if !is_tls && !is_loopback(host) {
            return Err(PlainHttp);
        }
        if is_tls && cfg!(not(feature = "tls")) {
            return Err(WithoutTls);
        }
        let path = path.trim_end_matches('/');
        let path = match path.ends_with("/v1/traces") {
            true => path.to_owned(),
            false => format!("{path}/v1/traces"),
        };
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            path,
        })
    }

    /// A short hash that tells this collector from others, in file names.
    pub(crate) fn mark(&self) -> String {
        let hash = hmac_sha256::Hash::hash(self.to_string().as_bytes());
        let mut first = [0; 4];
        first.copy_from_slice(&hash[..4]);
        let mark: random::Text<8> = random::hex(first);
        mark.as_str().to_owned()
    }

    /// The path of erasure requests, next to the path of spans.
    pub(crate) fn erase_path(&self) -> String {
        let folder = self.path.trim_end_matches("/traces");
        format!("{folder}/erase")
    }

    /// The `Host` header: with the port unless it is the scheme's default.
    pub(crate) fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority(), self.path)
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    // `parse` accepts a sign, which an address must not have.
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let port_of = |text: &str| {
        let port = text.parse::<u16>().ok().filter(|_| is_number(text));
        port.filter(|port| *port > 0)
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let _is_address: std::net::Ipv6Addr = host.parse().ok()?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port_of(port)?))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(port_of(port)?))),
        None => Some((authority, None)),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Fuzz target: an address that was read is written as the same address.
#[cfg(feature = "fuzzing")]
pub fn fuzz(text: &str) {
    if let Ok(endpoint) = Endpoint::parse(text) {
        assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://127.0.0.1:4318",
            "http://[::1]:4318/",
            "http://LOCALHOST",
            "HTTP://127.8.9.1",
        ] {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://example.com",
            "http://10.0.0.1:4318",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0:4318",
            "http://[::]:4318",
        ] {
            assert_eq!(
                Endpoint::parse(text),
                Err(EndpointError::PlainHttp),
                "{text}"
            );
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn the_path_of_otlp_is_added_once() {
        let parse = |text: &str| Endpoint::parse(text).unwrap().to_string();
        assert_eq!(parse("https://t.example"), "https://t.example/v1/traces");
        assert_eq!(
            parse("https://t.example:443/"),
            "https://t.example/v1/traces"
        );
        assert_eq!(
            parse("https://t.example:8443/in/v1/traces"),
            "https://t.example:8443/in/v1/traces"
        );
        assert_eq!(
            parse("http://[::1]:4318/a"),
            "http://[::1]:4318/a/v1/traces"
        );
    }

    #[test]
    fn the_erase_path_is_next_to_the_path_of_spans() {
        let path = |text: &str| Endpoint::parse(text).unwrap().erase_path();
        assert_eq!(path("http://127.0.0.1:4318"), "/v1/erase");
        assert_eq!(path("http://127.0.0.1/in/v1/traces/"), "/in/v1/erase");
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in [
            "",
            "t.example",
            "ftp://t.example",
            "https://",
            "https://:443",
            "https://t.example:0",
            "http://127.0.0.1:+80",
            "https://t.example:99999",
            "https://t example",
            "https://t.example/\r\nX: y",
            "https://t.example?x=1",
            "https://[::1",
            "https://[zz]:1",
            "https://t.example:443:1",
        ] {
            assert_eq!(
                Endpoint::parse(text),
                Err(EndpointError::Malformed),
                "{text:?}"
            );
        }
        assert_eq!(
            Endpoint::parse("https://key:secret@t.example"),
            Err(EndpointError::Credentials)
        );
    }
}
