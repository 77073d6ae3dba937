//! The access policy: who the sender of a request is.
//!
//! | [`Access`] | with a token | on this machine | everybody else |
//! | --- | --- | --- | --- |
//! | [`Access::Token`] | the token's role | rejected | rejected |
//! | [`Access::Public`] | the token's role | public | public |
//! | [`Access::Loopback`] | – | admin | rejected |
//!
//! The first two look at nothing but the token. Behind a reverse proxy on this machine every client has a loopback address,
//! and a proxy need not add any header: from a request alone nobody can tell whether its sender is on this machine. So
//! [`Access::Loopback`] is only for a collector that no proxy forwards to (decision 0021). [`headcount_access::Role`] says what each
//! role may do.

use std::net::{IpAddr, SocketAddr};

use headcount_access::{Authenticator, Challenge, Principal, Right, bearer_token};
use headcount_problem::Problem;
use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};

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
    /// Whoever has a token, as far as its role goes. Nobody else may query.
    Token(Authenticator),
    /// The same, and everybody may read the reports of the anonymous tier.
    Public(Authenticator),
    /// Clients on this machine are administrators without a token: a loopback address, a `Host` that names one, and no header
    /// that a proxy adds. Nobody else may query. Only for a collector that listens on loopback addresses alone and that no
    /// proxy forwards to: a proxy that adds no header looks like a client on this machine.
    Loopback,
}

impl Access {
    /// The tokens, where there are some.
    pub(crate) fn tokens(&self) -> Option<&Authenticator> {
        match self {
            Self::Token(tokens) | Self::Public(tokens) => Some(tokens),
            Self::Loopback => None,
        }
    }

    /// Whether nothing can be read without a token.
    pub(crate) fn needs_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// Whether everybody may read something.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self, Self::Public(_))
    }

    /// The name of the session cookie; `None` where there are no sessions.
    pub(crate) fn session_cookie(&self) -> Option<String> {
        let token = self.tokens()?.access_token()?;
        Some(token.session_cookie())
    }

    /// The sender of a request.
    ///
    /// # Errors
    /// The sender may read nothing: 401 where a token would help, else 403.
    pub(crate) fn principal(
        &self,
        peer: SocketAddr,
        request: &Parts,
    ) -> Result<Principal, Rejected> {
        let Some(tokens) = self.tokens() else {
            return match require_local(peer, request) {
                Ok(()) => Ok(Principal::local()),
                Err(problem) => Err(Rejected {
                    problem,
                    challenge: None,
                }),
            };
        };
        match self.holder(tokens, &request.headers) {
            Ok(principal) if principal.role().may(Right::ReadPublished) => Ok(principal),
            _ if self.is_public() => Ok(Principal::public()),
            Ok(_) => Err(unauthorized(Challenge::Insufficient)),
            Err(challenge) => Err(unauthorized(challenge)),
        }
    }

    /// The holder of the token or the session that the request carries.
    fn holder(&self, tokens: &Authenticator, headers: &HeaderMap) -> Result<Principal, Challenge> {
        if let Some(token) = bearer_token(headers) {
            return tokens.bearer(token).ok_or(Challenge::Invalid);
        }
        let cookie = self.session_cookie();
        let session = cookie.and_then(|cookie| cookie_of(headers, &cookie));
        let holder = session.and_then(|session| tokens.session(session));
        holder.ok_or(Challenge::Missing)
    }
}

/// A request that may read nothing.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) problem: Problem,
    /// What `WWW-Authenticate` says, where a token would help.
    pub(crate) challenge: Option<Challenge>,
}

fn unauthorized(challenge: Challenge) -> Rejected {
    let (status, title, detail) = match challenge {
        Challenge::Missing => (
            StatusCode::UNAUTHORIZED,
            "access token required",
            "queries require a token: send it as `Authorization: Bearer …`; `headcount open` signs a browser in, \
             `headcount token new` makes one, and headcount serve prints the path of the access token at startup",
        ),
        Challenge::Invalid => (
            StatusCode::UNAUTHORIZED,
            "unknown token",
            "the token is unknown, revoked or expired; `headcount token list` shows the valid ones, and `headcount token new` makes one",
        ),
        Challenge::Insufficient => (
            StatusCode::FORBIDDEN,
            "not with this token",
            "the token is for sending telemetry; queries require one with the role viewer, analyst or admin",
        ),
    };
    Rejected {
        problem: Problem::new(status, title, detail),
        challenge: Some(challenge),
    }
}

/// The value of a cookie.
pub(crate) fn cookie_of<'h>(headers: &'h HeaderMap, cookie: &str) -> Option<&'h str> {
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
    use headcount_access::{AccessToken, Role};
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
        let principal = access.principal(peer.parse().unwrap(), &request_to("/sql", headers));
        let role = principal.map(|principal| principal.role());
        role.map_err(|rejected| rejected.problem.status.as_u16())
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
    fn without_a_token_only_local_clients_are_administrators() {
        let access = Access::Loopback;
        let host = ("host", "localhost:4318");
        assert_eq!(role_of(&access, LOCAL, &[host]), Ok(Role::Admin));
        assert_eq!(
            role_of(&access, "[::ffff:127.0.0.1]:1", &[host]),
            Ok(Role::Admin)
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
        let access = Access::Token(token().into());
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
                Ok(Role::Admin)
            );
            assert_eq!(with(&[("cookie", &session)]), Ok(Role::Admin));
            let with_the_token = format!("{}={TOKEN}", token().session_cookie());
            assert_eq!(with(&[("cookie", &with_the_token)]), Err(401));
        }
    }

    #[test]
    fn in_public_mode_only_the_token_makes_an_administrator() {
        let access = Access::Public(token().into());
        let host = ("host", "127.0.0.1:4318");
        assert_eq!(role_of(&access, LOCAL, &[host]), Ok(Role::Public));
        let shown = [("authorization", "Bearer 0123456789abcdef")];
        assert_eq!(role_of(&access, REMOTE, &shown), Ok(Role::Admin));
    }
}
