//! The access policy: which role the sender of a request has.
//!
//! | the collector has | with the token | on this machine | everybody else |
//! | --- | --- | --- | --- |
//! | no token | – | owner | rejected |
//! | a token | owner | rejected | rejected |
//! | `--public` | owner (with the token) | public | public |
//!
//! "On this machine" means a loopback address and a `Host` that names it, without a proxy in between: behind a proxy on
//! this machine every client has a loopback address. [`Role`] says what each role may see.

use std::net::{IpAddr, SocketAddr};

use headcount_problem::Problem;
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderMap, StatusCode};

use crate::access_token::AccessToken;
use crate::role::Role;

/// The session cookie's name.
pub(crate) const SESSION_COOKIE: &str = "headcount_session";

/// Headers that only proxies add.
const PROXY_HEADERS: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Who may query the collector.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The owners' token. Without one, clients on this machine are owners.
    pub token: Option<AccessToken>,
    /// Whether everybody may read the reports of the anonymous tier.
    pub public: bool,
}

impl Access {
    /// The role of the principal that sent a request.
    ///
    /// # Errors
    /// The principal has no role: 401 where a token would help, else 403.
    pub(crate) fn role(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<Role, Problem> {
        let is_owner = match &self.token {
            Some(token) => is_authenticated(token, headers),
            None => !self.public && require_local(peer, headers).is_ok(),
        };
        if is_owner {
            return Ok(Role::Owner);
        }
        if self.public {
            return Ok(Role::Public);
        }
        match &self.token {
            Some(_) => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "access token required",
                "queries require the access token: send it as `Authorization: Bearer …`; headcount serve prints the path of its file at startup",
            )),
            None => require_local(peer, headers).map(|()| Role::Owner),
        }
    }
}

/// Whether the request carries the token as a bearer token or as a session cookie.
fn is_authenticated(token: &AccessToken, headers: &HeaderMap) -> bool {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let text = value.to_str().ok()?;
        let (scheme, credentials) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(credentials)
    });
    if let Some(credentials) = bearer {
        return token.matches(credentials);
    }
    session_of(headers).is_some_and(|session| token.matches_session(session))
}

fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let texts = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
}

/// Without a token, only clients on this machine may query.
fn require_local(peer: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let forbidden = |title, detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, title, detail));
    if !is_loopback(peer.ip()) {
        return forbidden(
            "local clients only",
            "without an access token the collector answers only clients on this machine; start it with --token-file",
        );
    }
    if PROXY_HEADERS.iter().any(|name| headers.contains_key(*name)) {
        return forbidden(
            "request through a proxy",
            "a proxy forwarded this request, so the client may be on any machine; start the collector with --token-file",
        );
    }
    if !names_loopback(headers) {
        return forbidden(
            "unexpected host",
            "the Host header does not name this machine; use 127.0.0.1, or start the collector with --token-file",
        );
    }
    Ok(())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Any domain can resolve to a loopback address (DNS rebinding), so only these names are trusted.
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

    const LOCAL: &str = "127.0.0.1:50000";
    const REMOTE: &str = "192.0.2.7:50000";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(pair).collect()
    }

    fn role_of(access: &Access, peer: &str, pairs: &[(&'static str, &str)]) -> Result<Role, u16> {
        let role = access.role(peer.parse().unwrap(), &headers(pairs));
        role.map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn only_local_host_names_are_trusted() {
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
    fn without_a_token_only_local_clients_are_owners() {
        let access = Access::default();
        assert_eq!(
            role_of(&access, LOCAL, &[("host", "localhost:4318")]),
            Ok(Role::Owner)
        );
        assert_eq!(
            role_of(&access, "[::ffff:127.0.0.1]:1", &[]),
            Ok(Role::Owner)
        );
        assert_eq!(
            role_of(&access, REMOTE, &[("host", "localhost:4318")]),
            Err(403)
        );
        assert_eq!(
            role_of(&access, LOCAL, &[("host", "rebound.example")]),
            Err(403)
        );
        assert_eq!(
            role_of(&access, LOCAL, &[("x-forwarded-for", "192.0.2.7")]),
            Err(403)
        );
    }

    #[test]
    fn with_a_token_local_clients_need_it_as_well() {
        let token = AccessToken::parse("0123456789abcdef").unwrap();
        let session = format!("a=b; headcount_session={}", token.session());
        let access = Access {
            token: Some(token),
            public: false,
        };
        for peer in [LOCAL, REMOTE] {
            let with = |pairs: &[(&'static str, &str)]| role_of(&access, peer, pairs);
            assert_eq!(with(&[]), Err(401));
            assert_eq!(with(&[("authorization", "Bearer wrong")]), Err(401));
            assert_eq!(
                with(&[("authorization", "bearer 0123456789abcdef")]),
                Ok(Role::Owner)
            );
            assert_eq!(with(&[("cookie", &session)]), Ok(Role::Owner));
            assert_eq!(
                with(&[("cookie", "headcount_session=0123456789abcdef")]),
                Err(401)
            );
        }
    }

    #[test]
    fn in_public_mode_only_the_token_makes_an_owner() {
        let mut access = Access {
            token: None,
            public: true,
        };
        assert_eq!(role_of(&access, LOCAL, &[]), Ok(Role::Public));
        access.token = AccessToken::parse("0123456789abcdef");
        assert_eq!(role_of(&access, LOCAL, &[]), Ok(Role::Public));
        let shown = [("authorization", "Bearer 0123456789abcdef")];
        assert_eq!(role_of(&access, REMOTE, &shown), Ok(Role::Owner));
    }
}
