//! Who may ask what: the one place that decides it.
//!
//! | the collector has | an asker with the token | an asker on this machine | everybody else |
//! | --- | --- | --- | --- |
//! | no token | – | owner | nothing |
//! | a token | owner | nothing | nothing |
//! | `--public` | owner (with the token) | public | public |
//!
//! An owner sees everything, the shared tier and SQL among it. The public sees the reports of the anonymous tier, with
//! values of few crews folded. "On this machine" is a loopback address and a `Host` that names it, without a proxy
//! between: a proxy on this machine would make everybody a neighbour.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;
use crate::token::Token;

/// The cookie that holds a browser's session.
pub(crate) const SESSION: &str = "headcount_session";

/// Headers that only a proxy adds.
const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Who may ask.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What an owner shows. Without one, owners are those on this machine.
    pub token: Option<Token>,
    /// Whether everybody may read the reports of the anonymous tier.
    pub public: bool,
}

/// What an asker may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Everything.
    Owner,
    /// The reports of the anonymous tier, values of few crews folded.
    Public,
}

impl Reader {
    pub(crate) fn is_owner(self) -> bool {
        self == Self::Owner
    }
}

impl Access {
    /// What the sender of a request may see.
    ///
    /// # Errors
    /// Nothing: 401 where a token would help, 403 where it would not.
    pub(crate) fn reader(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<Reader, Problem> {
        let is_owner = match &self.token {
            Some(token) => shows(token, headers),
            None => !self.public && on_this_machine(peer, headers).is_ok(),
        };
        if is_owner {
            return Ok(Reader::Owner);
        }
        if self.public {
            return Ok(Reader::Public);
        }
        match &self.token {
            Some(_) => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "a token is needed",
                "send the collector's token as `Authorization: Bearer …`; it is in the file that serve names at its start",
            )),
            None => on_this_machine(peer, headers).map(|()| Reader::Owner),
        }
    }
}

/// Whether the request shows the token, as a header or as a browser's session.
fn shows(token: &Token, headers: &HeaderMap) -> bool {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let text = value.to_str().ok()?;
        let (scheme, shown) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(shown)
    });
    if let Some(shown) = bearer {
        return token.is(shown);
    }
    session_of(headers).is_some_and(|shown| token.is_session(shown))
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let texts = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(SESSION)?.strip_prefix('='))
}

/// Without a token, questions are for this machine alone.
fn on_this_machine(peer: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let forbidden = |title, detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, title, detail));
    if !is_loopback(peer.ip()) {
        return forbidden(
            "not on this machine",
            "without a token, questions are answered on this machine alone; start the collector with --token-file",
        );
    }
    if OF_PROXIES.iter().any(|name| headers.contains_key(*name)) {
        return forbidden(
            "through a proxy",
            "a proxy passed this on, so that anybody may have asked; start the collector with --token-file",
        );
    }
    if !names_loopback(headers) {
        return forbidden(
            "another host",
            "the Host header names another host than this machine; ask 127.0.0.1, or start the collector with --token-file",
        );
    }
    Ok(())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// A name that resolves to this machine may be anybody's: only these are sure (DNS rebinding).
fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        return true;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NEAR: &str = "127.0.0.1:50000";
    const FAR: &str = "192.0.2.7:50000";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(pair).collect()
    }

    fn ask(access: &Access, peer: &str, pairs: &[(&'static str, &str)]) -> Result<Reader, u16> {
        let reader = access.reader(peer.parse().unwrap(), &headers(pairs));
        reader.map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let host = |name: &str| headers(&[("host", name)]);
        for name in [
            "localhost",
            "LOCALHOST:4318",
            "127.0.0.1:4318",
            "[::1]:4318",
            "127.9.9.9",
        ] {
            assert!(names_loopback(&host(name)), "{name}");
        }
        for name in [
            "example.org",
            "example.org:4318",
            "localhost.example.org",
            "10.0.0.1",
        ] {
            assert!(!names_loopback(&host(name)), "{name}");
        }
    }

    #[test]
    fn without_a_token_only_this_machine_is_answered() {
        let access = Access::default();
        assert_eq!(
            ask(&access, NEAR, &[("host", "localhost:4318")]),
            Ok(Reader::Owner)
        );
        assert_eq!(ask(&access, "[::ffff:127.0.0.1]:1", &[]), Ok(Reader::Owner));
        assert_eq!(ask(&access, FAR, &[("host", "localhost:4318")]), Err(403));
        assert_eq!(ask(&access, NEAR, &[("host", "rebound.example")]), Err(403));
        assert_eq!(
            ask(&access, NEAR, &[("x-forwarded-for", "192.0.2.7")]),
            Err(403)
        );
    }

    #[test]
    fn with_a_token_this_machine_needs_it_as_well() {
        let token = Token::read("0123456789abcdef").unwrap();
        let session = format!("a=b; headcount_session={}", token.session());
        let access = Access {
            token: Some(token),
            public: false,
        };
        for peer in [NEAR, FAR] {
            let with = |pairs: &[(&'static str, &str)]| ask(&access, peer, pairs);
            assert_eq!(with(&[]), Err(401));
            assert_eq!(with(&[("authorization", "Bearer wrong")]), Err(401));
            assert_eq!(
                with(&[("authorization", "bearer 0123456789abcdef")]),
                Ok(Reader::Owner)
            );
            assert_eq!(with(&[("cookie", &session)]), Ok(Reader::Owner));
            assert_eq!(
                with(&[("cookie", "headcount_session=0123456789abcdef")]),
                Err(401)
            );
        }
    }

    #[test]
    fn in_public_nobody_is_an_owner_without_the_token() {
        let mut access = Access {
            token: None,
            public: true,
        };
        assert_eq!(ask(&access, NEAR, &[]), Ok(Reader::Public));
        access.token = Token::read("0123456789abcdef");
        assert_eq!(ask(&access, NEAR, &[]), Ok(Reader::Public));
        let shown = [("authorization", "Bearer 0123456789abcdef")];
        assert_eq!(ask(&access, FAR, &shown), Ok(Reader::Owner));
    }
}
