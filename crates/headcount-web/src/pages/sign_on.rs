//! Signing on with the operator's identity provider, for browsers: a link to the provider, and the address at which it sends the browser back.
//!
//! Neither changes anything that is stored. The link sets a cookie for ten minutes, which ties the answer to this browser; the answer begins a
//! session.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use headcount_access::{Arrival, AuditEvent, Principal};
use headcount_oidc::{Identity, SignOn, SignOnError};
use headcount_problem::Problem;
use http::header::{HOST, REFERRER_POLICY, SET_COOKIE};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use tokio::sync::Semaphore;

use super::error_page;
use super::login::{is_secure, local_address, page, redirect, session_cookie};
use crate::access::cookie_of;
use crate::state::{LimitedSignOn, SiteState};

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
    provider: LimitedSignOn,
    /// Where the provider sends the browser back.
    redirect_uri: String,
    /// The name of the cookie of a sign-in that began.
    cookie: String,
    /// Its path.
    path: String,
    is_secure: bool,
    query: String,
    headers: HeaderMap,
}

impl FromRequestParts<SiteState> for Visit {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &SiteState,
    ) -> Result<Self, Self::Rejection> {
        Self::of(parts, state).map_err(|problem| error_page::response(&state.base, &problem))
    }
}

impl Visit {
    /// # Errors
    /// There is no provider, or the request names no host.
    fn of(parts: &Parts, state: &SiteState) -> Result<Self, Problem> {
        let session = state.access.session_cookie();
        let (Some(provider), Some(session)) = (&state.sign_on, session) else {
            let detail = "this collector has no identity provider (serve --oidc-issuer)";
            return Err(Problem::not_found(detail));
        };
        let arrival = parts.extensions.get::<Arrival>();
        let is_secure = is_secure(arrival);
        let scheme = if is_secure { "https" } else { "http" };
        let host = host_of(arrival, &parts.headers, &parts.uri).ok_or_else(|| {
            let detail = "the request names no host, so the identity provider could not send the browser back";
            Problem::new(StatusCode::BAD_REQUEST, "no host", detail)
        })?;
        Ok(Self {
            provider: provider.clone(),
            redirect_uri: format!("{scheme}://{host}{}{CALLBACK}", state.base),
            cookie: format!("{session}_oidc"),
            path: format!("{}/login/oidc", state.base),
            is_secure,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
        })
    }

    /// Where the person wanted to go.
    fn next(&self) -> String {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        let next = pairs.find(|(name, _)| name == "next");
        local_address(&next.map(|(_, value)| value).unwrap_or_default())
    }

    /// The cookie of a sign-in that began; a value without a life removes it. `Lax`, because the provider sends the browser back from its own site.
    fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!(
            "{}={value}; Path={}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            self.cookie, self.path
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

async fn begin(State(state): State<SiteState>, visit: Visit) -> Response {
    let next = visit.next();
    let (redirect_uri, wanted) = (visit.redirect_uri.clone(), next.clone());
    let permits = &visit.provider.begins;
    let began = ask(&visit.provider, permits, move |provider| {
        provider.begin(&redirect_uri, &wanted)
    });
    match began.await {
        Ok(began) => {
            let cookie = visit.set_cookie(&began.cookie, SignOn::COOKIE_SECONDS);
            private(Redirect::to(&began.location).into_response(), &[cookie])
        }
        Err(error) => failed(&state, &next, &error),
    }
}

async fn finish(State(state): State<SiteState>, visit: Visit) -> Response {
    let attempt = cookie_of(&visit.headers, &visit.cookie).map(str::to_owned);
    let (redirect_uri, query) = (visit.redirect_uri.clone(), visit.query.clone());
    let permits = &visit.provider.finishes;
    let finished = ask(&visit.provider, permits, move |provider| {
        provider.finish(&redirect_uri, &query, attempt.as_deref())
    });
    let finished = finished.await;
    // An answer to no sign-in of this browser may come from any page that links here. It must not end one that is under way.
    let is_answer = !matches!(
        finished,
        Err(SignOnError::UnknownAttempt | SignOnError::Busy)
    );
    let response = match finished {
        Ok(identity) => signed_on(&state, &identity, visit.is_secure),
        Err(error) => failed(&state, "/", &error),
    };
    let cookies = match is_answer {
        true => vec![visit.set_cookie("", 0)],
        false => Vec::new(),
    };
    private(response, &cookies)
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
        SignOnError::Provider { .. } | SignOnError::Busy => StatusCode::SERVICE_UNAVAILABLE,
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

/// Asks the provider on a thread that may wait. As many as have a permit wait ten seconds for a silent provider, and no more: strangers can ask,
/// too.
async fn ask<A: Send + 'static>(
    sign_on: &LimitedSignOn,
    permits: &Arc<Semaphore>,
    question: impl FnOnce(&SignOn) -> Result<A, SignOnError> + Send + 'static,
) -> Result<A, SignOnError> {
    let permit = Arc::clone(permits).try_acquire_owned();
    let permit = permit.map_err(|_| SignOnError::Busy)?;
    let provider = Arc::clone(&sign_on.provider);
    let answer = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        question(&provider)
    });
    answer.await.unwrap_or_else(|_| {
        Err(SignOnError::Provider {
            what: "the sign-in ended unexpectedly".to_owned(),
        })
    })
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
