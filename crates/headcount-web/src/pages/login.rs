//! The way in for a browser: the token once, a session afterwards.

use askama::Template;
use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::chrome::Chrome;
use super::turned_away;
use crate::access::SESSION;
use crate::api::receive;
use crate::site::Site;

/// How long a session lasts, in seconds: 30 days.
const LASTS: u32 = 30 * 24 * 60 * 60;

/// The form that asks for the token.
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct LoginPage {
    pub(super) chrome: Chrome,
    /// The address that was asked for.
    pub(super) next: String,
    /// Whether a token was shown that is not the collector's.
    pub(super) is_wrong: bool,
}

pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/login", get(form).post(enter))
        .route("/logout", post(leave))
}

async fn form(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let next = pairs
        .find(|(name, _)| name == "next")
        .map(|(_, value)| value.into_owned());
    page(
        &own_address(&next.unwrap_or_default()),
        false,
        StatusCode::OK,
    )
}

async fn enter(State(site): State<Site>, request: Request) -> Response {
    let is_secure = is_secure(request.headers());
    let body = match receive(request, site.patience).await {
        Ok(body) => body,
        Err(problem) => return turned_away::page(&problem),
    };
    let (mut shown, mut next) = (String::new(), String::new());
    for (name, value) in url::form_urlencoded::parse(&body) {
        match name.as_ref() {
            "token" => shown = value.into_owned(),
            "next" => next = value.into_owned(),
            _ => {}
        }
    }
    let next = own_address(&next);
    match site.access.token.as_ref().filter(|token| token.is(&shown)) {
        Some(token) => {
            let secure = if is_secure { "; Secure" } else { "" };
            let session = token.session();
            let cookie = format!(
                "{SESSION}={session}; Path=/; Max-Age={LASTS}; HttpOnly; SameSite=Lax{secure}"
            );
            with_cookie(Redirect::to(&next).into_response(), &cookie)
        }
        None => page(&next, true, StatusCode::UNAUTHORIZED),
    }
}

async fn leave() -> Response {
    let cookie = format!("{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    with_cookie(Redirect::to("/login").into_response(), &cookie)
}

/// The form, for whoever asked for `next`.
pub(super) fn page(next: &str, is_wrong: bool, status: StatusCode) -> Response {
    let chrome = Chrome::bare("Sign in");
    let page = LoginPage {
        chrome,
        next: next.to_owned(),
        is_wrong,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `next` if it is an address of this site, else the first page: nobody is sent elsewhere by a link to the form.
fn own_address(next: &str) -> String {
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

/// Whether the browser came over TLS, as the proxy before us says.
fn is_secure(headers: &HeaderMap) -> bool {
    headers
        .get("x-forwarded-proto")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        let _none = response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for next in [
            "https://elsewhere.example",
            "//elsewhere.example",
            "/\\elsewhere.example",
            "tools",
            "",
            "/a\r\nSet-Cookie: x",
        ] {
            assert_eq!(own_address(next), "/", "{next:?}");
        }
        assert_eq!(own_address("/tools?since=7d"), "/tools?since=7d");
    }
}
