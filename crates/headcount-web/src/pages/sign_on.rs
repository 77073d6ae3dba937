//! Signing on with the operator's identity provider, for browsers: a link to the provider, and the address at which it sends the browser back.
//!
//! Neither changes anything that is stored. The link sets a cookie for ten minutes, which ties the answer to this browser; the answer begins a
//! session.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use headcount_access::{Arrival, AuditEvent, Principal};
use headcount_oidc::{Identity, SignOn, SignOnError};
use headcount_problem::Problem;
use http::header::{HOST, REFERRER_POLICY, SET_COOKIE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::error_page;
use super::login::{is_secure, local_address, page, redirect, session_cookie};
use crate::access::cookie_of;
use crate::state::SiteState;

/// The address at which the provider sends browsers back, without the base path.
const CALLBACK: &str = "/login/oidc/callback";
/// How long a session of somebody who signed on lasts: a working day. The provider may have ended theirs since, and a role may have changed.
const SESSION: Duration = Duration::from_secs(10 * 60 * 60);

pub(crate) fn routes() -> Router<SiteState> {
    Router::new()
        .route("/login/oidc", get(begin))
        .route(CALLBACK, get(finish))
}

/// What both handlers know of a request.
struct Visit {
    /// Where the provider sends the browser back.
    redirect_uri: String,
    /// The name of the cookie of a sign-in that began.
    cookie: String,
    is_secure: bool,
}

impl Visit {
    /// # Errors
    /// There is no provider, or the request names no host.
    fn of(
        state: &SiteState,
        arrival: Option<&Arrival>,
        headers: &HeaderMap,
        address: &Uri,
    ) -> Result<Self, Problem> {
        let session = state.access.session_cookie();
        let (Some(_), Some(session)) = (&state.sign_on, session) else {
            let detail = "this collector has no identity provider (serve --oidc-issuer)";
            return Err(Problem::not_found(detail));
        };
        let is_secure = is_secure(arrival);
        let scheme = if is_secure { "https" } else { "http" };
        let host = host_of(arrival, headers, address).ok_or_else(|| {
            let detail = "the request names no host, so the identity provider could not send the browser back";
            Problem::new(StatusCode::BAD_REQUEST, "no host", detail)
        })?;
        Ok(Self {
            redirect_uri: format!("{scheme}://{host}{}{CALLBACK}", state.base),
            cookie: format!("{session}_oidc"),
            is_secure,
        })
    }

    /// The cookie of a sign-in that began; a value without a life removes it. `Lax`, because the provider sends the browser back from its own site.
    fn set_cookie(&self, state: &SiteState, value: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!(
            "{}={value}; Path={}/login/oidc; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            self.cookie, state.base
        )
    }
}

/// The host that the browser asked: the provider accepts no address that its operator has not registered, so a made-up one leads nowhere.
fn host_of(arrival: Option<&Arrival>, headers: &HeaderMap, address: &Uri) -> Option<Authority> {
    let forwarded = arrival.and_then(|arrival| arrival.host.clone());
    let named = || headers.get(HOST)?.to_str().ok().map(str::to_owned);
    let host = forwarded
        .or_else(|| address.authority().map(ToString::to_string))
        .or_else(named)?;
    let host: Authority = host.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}

async fn begin(
    State(state): State<SiteState>,
    address: Uri,
    RawQuery(query): RawQuery,
    arrival: Option<Extension<Arrival>>,
    headers: HeaderMap,
) -> Response {
    let arrival = arrival.map(|Extension(arrival)| arrival);
    let visit = match Visit::of(&state, arrival.as_ref(), &headers, &address) {
        Ok(visit) => visit,
        Err(problem) => return error_page::response(&state.base, &problem),
    };
    let query = query.unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let next = pairs.find(|(name, _)| name == "next");
    let next = local_address(&next.map(|(_, value)| value).unwrap_or_default());
    let (redirect_uri, wanted) = (visit.redirect_uri.clone(), next.clone());
    let began = ask(&state, move |sign_on| sign_on.begin(&redirect_uri, &wanted)).await;
    match began {
        Ok(began) => {
            let cookie = visit.set_cookie(&state, &began.cookie, SignOn::COOKIE_SECONDS);
            private(Redirect::to(&began.location).into_response(), &[cookie])
        }
        Err(error) => failed(&state, &next, &error),
    }
}

async fn finish(
    State(state): State<SiteState>,
    address: Uri,
    RawQuery(query): RawQuery,
    arrival: Option<Extension<Arrival>>,
    headers: HeaderMap,
) -> Response {
    let arrival = arrival.map(|Extension(arrival)| arrival);
    let visit = match Visit::of(&state, arrival.as_ref(), &headers, &address) {
        Ok(visit) => visit,
        Err(problem) => return error_page::response(&state.base, &problem),
    };
    let attempt = cookie_of(&headers, &visit.cookie).map(str::to_owned);
    let query = query.unwrap_or_default();
    let redirect_uri = visit.redirect_uri.clone();
    let finished = ask(&state, move |sign_on| {
        sign_on.finish(&redirect_uri, &query, attempt.as_deref())
    })
    .await;
    let response = match finished {
        Ok(identity) => signed_on(&state, &identity, visit.is_secure),
        Err(error) => failed(&state, "/", &error),
    };
    private(response, &[visit.set_cookie(&state, "", 0)])
}

/// Begins a session, and records it.
fn signed_on(state: &SiteState, identity: &Identity, is_secure: bool) -> Response {
    let principal = Principal::signed_on(identity.role, &identity.subject, &identity.name);
    let tokens = state.access.tokens();
    let session = tokens.and_then(|tokens| tokens.begin_sign_on(principal.clone(), SESSION).ok());
    let cookie =
        session.and_then(|session| session_cookie(state, &session, SESSION.as_secs(), is_secure));
    let Some(cookie) = cookie else {
        let problem =
            Problem::internal("no session", "no session could begin; try again".to_owned());
        return error_page::response(&state.base, &problem);
    };
    if let Some(log) = &state.audit {
        log.record(&AuditEvent::signed_on(
            &principal,
            &format!("GET {CALLBACK}"),
        ));
    }
    with_cookies(redirect(state, &identity.next), &[cookie])
}

/// The sign-in page, which says what went wrong: a token still works. Somebody without a role gets an error page instead, because trying again would
/// not help.
fn failed(state: &SiteState, next: &str, error: &SignOnError) -> Response {
    let text = error.to_string();
    let status = match error {
        SignOnError::NoRole { .. } => {
            let problem = Problem::new(StatusCode::FORBIDDEN, "no role", text);
            return error_page::response(&state.base, &problem);
        }
        SignOnError::Provider { .. } => StatusCode::SERVICE_UNAVAILABLE,
        SignOnError::Random(_) => StatusCode::INTERNAL_SERVER_ERROR,
        SignOnError::UnknownAttempt => StatusCode::BAD_REQUEST,
        SignOnError::Refused { .. } | SignOnError::Token { .. } => StatusCode::UNAUTHORIZED,
    };
    match error {
        // The operator can do something about these, and strangers cannot make them.
        SignOnError::Provider { .. } | SignOnError::Token { .. } => {
            tracing::warn!("somebody was not signed on: {text}");
        }
        _ => tracing::debug!("somebody was not signed on: {text}"),
    }
    page(
        state,
        next,
        &format!("Not signed in: {text}. A token still works."),
        status,
    )
}

/// Asks the provider on a thread that may wait.
async fn ask<A: Send + 'static>(
    state: &SiteState,
    question: impl FnOnce(&SignOn) -> Result<A, SignOnError> + Send + 'static,
) -> Result<A, SignOnError> {
    let busy = |what: &str| SignOnError::Provider {
        what: what.to_owned(),
    };
    let sign_on = state.sign_on.clone().ok_or_else(|| busy("there is none"))?;
    // As many as wait ten seconds for a silent provider, and no more: strangers can ask, too.
    let Ok(permit) = Arc::clone(&sign_on.permits).try_acquire_owned() else {
        return Err(busy(
            "too many people sign in at once; try again in a moment",
        ));
    };
    let answer = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        question(&sign_on.provider)
    });
    answer
        .await
        .unwrap_or_else(|_| Err(busy("the sign-in ended unexpectedly")))
}

/// Neither kept by a cache nor named to the next site: addresses of the flow have codes.
fn private(mut response: Response, cookies: &[String]) -> Response {
    let no_referrer = HeaderValue::from_static("no-referrer");
    let _former = response.headers_mut().insert(REFERRER_POLICY, no_referrer);
    with_cookies(response, cookies)
}

fn with_cookies(mut response: Response, cookies: &[String]) -> Response {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            let _more = response.headers_mut().append(SET_COOKIE, value);
        }
    }
    response
}
