//! The access policy: which role the sender of a request has.
//!
//! | [`Access`] | with the token | on this machine | everybody else |
//! | --- | --- | --- | --- |
//! | [`Access::Token`] | owner | rejected | rejected |
//! | [`Access::Public`] | owner | public | public |
//! | [`Access::Loopback`] | – | owner | rejected |
//!
//! The first two look at nothing but the token. Behind a reverse proxy on this machine every client has a loopback address,
//! and a proxy need not add any header: from a request alone nobody can tell whether its sender is on this machine. So
//! [`Access::Loopback`] is only for a collector that no proxy forwards to (decision 0021). [`Role`] says what each role may
//! see.

use std::net::{IpAddr, SocketAddr};

use headcount_problem::Problem;
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};

use crate::access_token::AccessToken;
use crate::role::Role;

/// Headers that only proxies add.
const PROXY_HEADERS: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// Who may query the collector.
#[derive(Debug, Clone)]
pub enum Access {
    /// Owners have the token. Nobody else may query.
    Token(AccessToken),
    /// Owners have the token. Everybody may read the reports of the anonymous tier.
    Public(AccessToken),
    /// Clients on this machine are owners without a token: a loopback address, a `Host` that names one, and no header that
    /// a proxy adds. Nobody else may query. Only for a collector that listens on loopback addresses alone and that no
    /// proxy forwards to: a proxy that adds no header looks like a client on this machine.
    Loopback,
}

impl Access {
    /// The owners' token, where there is one.
    pub(crate) fn token(&self) -> Option<&AccessToken> {
        match self {
            Self::Token(token) | Self::Public(token) => Some(token),
            Self::Loopback => None,
        }
    }

    /// Whether nothing can be read without the token.
    pub(crate) fn needs_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// Whether everybody may read something.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self, Self::Public(_))
    }

    /// The role of the principal that sent a request.
    ///
    /// # Errors
    /// The principal has no role: 401 where a token would help, else 403.
    pub(crate) fn role(&self, peer: SocketAddr, request: &Parts) -> Result<Role, Problem> {
        let Some(token) = self.token() else {
            return require_local(peer, request).map(|()| Role::Owner);
        };
        if is_authenticated(token, &request.headers) {
            Ok(Role::Owner)
        } else if self.is_public() {
            Ok(Role::Public)
        } else {
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "access token required",
                "queries require the access token: send it as `Authorization: Bearer …`; `headcount open` signs a browser in, \
                 and headcount serve prints the path of the token's file at startup",
            ))
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
    session_of(headers, &token.session_cookie())
        .is_some_and(|session| token.matches_session(session))
}

fn session_of<'h>(headers: &'h HeaderMap, cookie: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter();
    let texts = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(cookie)?.strip_prefix('='))
}

/// Without a token, only clients on this machine may query.
fn require_local(peer: SocketAddr, request: &Parts) -> Result<(), Problem> {
    let forbidden = |title, detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, title, detail));
    if !is_loopback(peer.ip()) {
        return forbidden(
            "local clients only",
            "without an access token the collector answers only clients on this machine; start it without --no-token",
        );
    }
    if PROXY_HEADERS
        .iter()
        .any(|name| request.headers.contains_key(*name))
    {
        return forbidden(
            "request through a proxy",
            "a proxy forwarded this request, so the client may be on any machine; start the collector without --no-token",
        );
    }
    if !names_loopback(request) {
        return forbidden(
            "unexpected host",
            "the request does not name this machine as its host; use 127.0.0.1, or start the collector without --no-token",
        );
    }
    Ok(())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether the request names a loopback host, in `Host` and in an absolute or HTTP/2 target. Any domain can resolve to a
/// loopback address (DNS rebinding), so only these names are trusted, and a request that names no host is not.
fn names_loopback(request: &Parts) -> bool {
    let hosts = request.headers.get_all(HOST).iter();
    let mut named: Vec<Option<Authority>> = hosts
        .map(|host| Authority::try_from(host.as_bytes()).ok())
        .collect();
    named.extend(request.uri.authority().cloned().map(Some));
    let is_local = |authority: &Option<Authority>| {
        authority.as_ref().is_some_and(|authority| {
            let host = authority.host();
            let address = host.trim_start_matches('[').trim_end_matches(']');
            let is_address = address.parse::<IpAddr>().is_ok_and(is_loopback);
            !authority.as_str().contains('@')
                && (host.eq_ignore_ascii_case("localhost") || is_address)
        })
    };
    !named.is_empty() && named.iter().all(is_local)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const LOCAL: &str = "127.0.0.1:50000";
    const REMOTE: &str = "192.0.2.7:50000";
    const TOKEN: &str = "0123456789abcdef";

    type Headers<'h> = &'h [(&'static str, &'h str)];

    fn token() -> AccessToken {
        AccessToken::parse(TOKEN).unwrap()
    }

    fn request_to(target: &str, headers: Headers<'_>) -> Parts {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn role_of(access: &Access, peer: &str, headers: Headers<'_>) -> Result<Role, u16> {
        let role = access.role(peer.parse().unwrap(), &request_to("/sql", headers));
        role.map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn only_local_host_names_are_trusted() {
        for name in [
            "localhost",
            "LOCALHOST:4318",
            "127.0.0.1:4318",
            "[::1]:4318",
            "[::ffff:127.0.0.1]",
            "127.9.9.9",
        ] {
            assert!(
                names_loopback(&request_to("/", &[("host", name)])),
                "{name}"
            );
            let target = format!("http://{name}/");
            assert!(names_loopback(&request_to(&target, &[])), "{name}");
        }
        for name in [
            "example.org",
            "example.org:4318",
            "localhost.example.org",
            "127.0.0.1@example.org",
            "localhost@example.org",
            "10.0.0.1",
            "",
            ":4318",
            "two words",
        ] {
            assert!(
                !names_loopback(&request_to("/", &[("host", name)])),
                "{name}"
            );
            let both = [("host", "localhost"), ("host", name)];
            assert!(!names_loopback(&request_to("/", &both)), "{name}");
        }
        assert!(!names_loopback(&request_to("/", &[])), "no host at all");
        let headers: Headers<'_> = &[("host", "localhost")];
        assert!(!names_loopback(&request_to("http://example.org/", headers)));
    }

    #[test]
    fn without_a_token_only_local_clients_are_owners() {
        let access = Access::Loopback;
        let host = ("host", "localhost:4318");
        assert_eq!(role_of(&access, LOCAL, &[host]), Ok(Role::Owner));
        assert_eq!(
            role_of(&access, "[::ffff:127.0.0.1]:1", &[host]),
            Ok(Role::Owner)
        );
        assert_eq!(role_of(&access, REMOTE, &[host]), Err(403));
        assert_eq!(role_of(&access, LOCAL, &[]), Err(403));
        assert_eq!(
            role_of(&access, LOCAL, &[("host", "rebound.example")]),
            Err(403)
        );
        for header in PROXY_HEADERS {
            let headers = [host, (header, "192.0.2.7")];
            assert_eq!(role_of(&access, LOCAL, &headers), Err(403), "{header}");
        }
    }

    #[test]
    fn with_a_token_nothing_else_counts() {
        let access = Access::Token(token());
        let session = format!("a=b; {}={}", token().session_cookie(), token().session());
        for peer in [LOCAL, REMOTE] {
            let with = |headers: Headers<'_>| role_of(&access, peer, headers);
            // What a reverse proxy without any setting sends, and a request without a host.
            assert_eq!(with(&[("host", "127.0.0.1:4318")]), Err(401));
            assert_eq!(with(&[]), Err(401));
            assert_eq!(with(&[("authorization", "Bearer wrong")]), Err(401));
            assert_eq!(with(&[("authorization", TOKEN)]), Err(401));
            assert_eq!(
                with(&[("authorization", "bearer 0123456789abcdef")]),
                Ok(Role::Owner)
            );
            assert_eq!(with(&[("cookie", &session)]), Ok(Role::Owner));
            let with_the_token = format!("{}={TOKEN}", token().session_cookie());
            assert_eq!(with(&[("cookie", &with_the_token)]), Err(401));
        }
    }

    #[test]
    fn in_public_mode_only_the_token_makes_an_owner() {
        let access = Access::Public(token());
        let host = ("host", "127.0.0.1:4318");
        assert_eq!(role_of(&access, LOCAL, &[host]), Ok(Role::Public));
        let shown = [("authorization", "Bearer 0123456789abcdef")];
        assert_eq!(role_of(&access, REMOTE, &shown), Ok(Role::Owner));
    }
}
