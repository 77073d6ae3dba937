//! Sign-in for browsers: a token once, then a session cookie.
//!
//! A link may carry the token (`/login?token=…`): it is answered with a redirect at once, so that the token stays in no
//! history, no referrer and no bookmark. A proxy in front logs such an address: there, people use the form.

use askama::Template;
use axum::Router;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use headcount_access::Arrival;
use headcount_problem::Problem;
use http::header::{REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::error_page;
use super::layout::Layout;
use crate::access::cookie_of;
use crate::request_body::read_body;
use crate::state::SiteState;

/// The lifetime of a session, in seconds: 30 days.
const MAX_AGE: u32 = 30 * 24 * 60 * 60;

/// The sign-in form.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    layout: Layout,
    /// The address to return to.
    next: String,
    /// What went wrong; empty at first.
    failure: String,
    /// The identity provider, where there is one.
    provider: Option<ProviderLink>,
}

/// The link to the identity provider.
struct ProviderLink {
    name: String,
    /// Without the base path.
    href: String,
}

/// What the form says to a token that may not read.
const WRONG_TOKEN: &str =
    "Wrong token: it is unknown, revoked or expired, or only for sending telemetry.";

pub(crate) fn routes() -> Router<SiteState> {
    Router::new()
        .route("/login", get(form).post(sign_in))
        .route("/logout", post(sign_out))
}

/// What a form or a link submits.
#[derive(Debug, Default)]
struct Submitted {
    /// The access token.
    token: Option<String>,
    /// The address to return to.
    next: String,
    /// Whether a link had a wrong token.
    is_wrong: bool,
}

impl Submitted {
    fn parse(pairs: &[u8]) -> Self {
        let mut submitted = Self::default();
        for (name, value) in url::form_urlencoded::parse(pairs) {
            match name.as_ref() {
                "token" => submitted.token = Some(value.into_owned()),
                "next" => submitted.next = value.into_owned(),
                "wrong" => submitted.is_wrong = true,
                _ => {}
            }
        }
        submitted.next = local_address(&submitted.next);
        submitted
    }
}

async fn form(
    State(state): State<SiteState>,
    RawQuery(query): RawQuery,
    arrival: Option<Extension<Arrival>>,
) -> Response {
    let arrival = arrival.map(|Extension(arrival)| arrival);
    let is_secure = is_secure(arrival.as_ref());
    let submitted = Submitted::parse(query.unwrap_or_default().as_bytes());
    let Some(token) = &submitted.token else {
        let failure = if submitted.is_wrong { WRONG_TOKEN } else { "" };
        return page(&state, &submitted.next, failure, StatusCode::OK);
    };
    if state.access.tokens().is_none() {
        return redirect(&state, &submitted.next);
    }
    let signed_in = signed_in(&state, token, &submitted.next, is_secure);
    let mut response = signed_in.unwrap_or_else(|| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("wrong", "1");
        query.append_pair("next", &submitted.next);
        redirect(&state, &format!("/login?{}", query.finish()))
    });
    let no_referrer = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(REFERRER_POLICY, no_referrer);
    response
}

async fn sign_in(State(state): State<SiteState>, request: Request) -> Response {
    let is_secure = is_secure(request.extensions().get());
    let body = match read_body(request, state.timeout).await {
        Ok(body) => body,
        Err(problem) => return error_page::response(&state.base, &problem),
    };
    let submitted = Submitted::parse(&body);
    let token = submitted.token.unwrap_or_default();
    signed_in(&state, &token, &submitted.next, is_secure).unwrap_or_else(|| {
        page(
            &state,
            &submitted.next,
            WRONG_TOKEN,
            StatusCode::UNAUTHORIZED,
        )
    })
}

/// Starts a session and goes to `next`, if `candidate` is a token that may read.
fn signed_in(state: &SiteState, candidate: &str, next: &str, is_secure: bool) -> Option<Response> {
    let session = state.access.tokens()?.begin_session(candidate)?;
    let cookie = session_cookie(state, &session, u64::from(MAX_AGE), is_secure)?;
    Some(with_cookie(redirect(state, next), &cookie))
}

/// The header that gives a browser a session for so many seconds.
pub(super) fn session_cookie(
    state: &SiteState,
    session: &str,
    seconds: u64,
    is_secure: bool,
) -> Option<String> {
    let name = state.access.session_cookie()?;
    let secure = if is_secure { "; Secure" } else { "" };
    let path = state.base.cookie_path();
    Some(format!(
        "{name}={session}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    ))
}

async fn sign_out(State(state): State<SiteState>, headers: HeaderMap) -> Response {
    let response = redirect(&state, "/login");
    let Some(name) = state.access.session_cookie() else {
        return response;
    };
    if let (Some(tokens), Some(session)) = (state.access.tokens(), cookie_of(&headers, &name)) {
        tokens.end_session(session);
    }
    let path = state.base.cookie_path();
    let cookie = format!("{name}=; Path={path}; Max-Age=0; HttpOnly; SameSite=Lax");
    with_cookie(response, &cookie)
}

/// Rejects a request for `address`: with the sign-in form where the token helps, else with an error page.
pub(crate) fn reject(state: &SiteState, problem: &Problem, address: &Uri) -> Response {
    if problem.status != StatusCode::UNAUTHORIZED {
        return error_page::response(&state.base, problem);
    }
    let next = address.path_and_query().map_or("/", |path| path.as_str());
    page(state, next, "", StatusCode::UNAUTHORIZED)
}

/// The form, which returns to `next`, with what went wrong.
pub(super) fn page(state: &SiteState, next: &str, failure: &str, status: StatusCode) -> Response {
    let provider = state.sign_on.as_ref().map(|sign_on| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("next", next).finish();
        ProviderLink {
            name: sign_on.provider.name().to_owned(),
            href: format!("/login/oidc?{query}"),
        }
    });
    let page = LoginPage {
        layout: Layout::bare(&state.base, "Sign in"),
        next: next.to_owned(),
        failure: failure.to_owned(),
        provider,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Goes to an address of this site.
pub(super) fn redirect(state: &SiteState, address: &str) -> Response {
    Redirect::to(&format!("{}{address}", state.base)).into_response()
}

/// `next` if it is an address of this site, else the overview: prevents open redirects.
pub(super) fn local_address(next: &str) -> String {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain {
        next.to_owned()
    } else {
        "/".to_owned()
    }
}

/// Whether the client uses TLS, with the collector or with a proxy that the operator trusts.
pub(super) fn is_secure(arrival: Option<&Arrival>) -> bool {
    arrival.is_some_and(|arrival| arrival.is_tls)
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_redirects_are_prevented() {
        for next in [
            "https://elsewhere.example",
            "//elsewhere.example",
            "/\\elsewhere.example",
            "tools",
            "",
            "/a\r\nSet-Cookie: x",
        ] {
            assert_eq!(local_address(next), "/", "{next:?}");
        }
        assert_eq!(local_address("/tools?since=7d"), "/tools?since=7d");
    }
}
