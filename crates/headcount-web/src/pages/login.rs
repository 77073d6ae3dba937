//! Sign-in for browsers: the access token once, then a session cookie.

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use headcount_problem::Problem;
use http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::error_page;
use super::layout::Layout;
use crate::access::SESSION_COOKIE;
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
    /// Whether the submitted token was wrong.
    is_wrong: bool,
}

pub(crate) fn routes() -> Router<SiteState> {
    Router::new()
        .route("/login", get(form).post(sign_in))
        .route("/logout", post(sign_out))
}

async fn form(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let next = pairs
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.into_owned());
    page(
        &local_address(&next.unwrap_or_default()),
        false,
        StatusCode::OK,
    )
}

async fn sign_in(State(state): State<SiteState>, request: Request) -> Response {
    let is_secure = is_secure(request.headers());
    let body = match read_body(request, state.timeout).await {
        Ok(body) => body,
        Err(problem) => return error_page::response(&problem),
    };
    let (mut submitted, mut next) = (String::new(), String::new());
    for (name, value) in url::form_urlencoded::parse(&body) {
        match name.as_ref() {
            "token" => submitted = value.into_owned(),
            "next" => next = value.into_owned(),
            _ => {}
        }
    }
    let next = local_address(&next);
    let expected = state.access.token.as_ref();
    match expected.filter(|token| token.matches(&submitted)) {
        Some(token) => {
            let secure = if is_secure { "; Secure" } else { "" };
            let session = token.session();
            let cookie = format!(
                "{SESSION_COOKIE}={session}; Path=/; Max-Age={MAX_AGE}; HttpOnly; SameSite=Lax{secure}"
            );
            with_cookie(Redirect::to(&next).into_response(), &cookie)
        }
        None => page(&next, true, StatusCode::UNAUTHORIZED),
    }
}

async fn sign_out() -> Response {
    let cookie = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    with_cookie(Redirect::to("/login").into_response(), &cookie)
}

/// Rejects a request for `address`: with the sign-in form where the token helps, else with an error page.
pub(crate) fn reject(problem: &Problem, address: &Uri) -> Response {
    if problem.status != StatusCode::UNAUTHORIZED {
        return error_page::response(problem);
    }
    let next = address.path_and_query().map_or("/", |path| path.as_str());
    let mut response = page(next, false, StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// The form, which returns to `next`.
fn page(next: &str, is_wrong: bool, status: StatusCode) -> Response {
    let layout = Layout::bare("Sign in");
    let page = LoginPage {
        layout,
        next: next.to_owned(),
        is_wrong,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `next` if it is an address of this site, else the overview: prevents open redirects.
fn local_address(next: &str) -> String {
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

/// Whether the client uses TLS, according to the proxy in front.
fn is_secure(headers: &HeaderMap) -> bool {
    headers
        .get("x-forwarded-proto")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
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
