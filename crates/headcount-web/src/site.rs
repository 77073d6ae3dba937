//! The router: every address of the dashboard and the API, and the middleware around them. It imports every other module
//! and no module imports it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use headcount_access::{AuditLog, AuditReader, Challenge};
use headcount_catalog::Catalog;
use headcount_oidc::SignOn;
use headcount_privacy::{Pack, Statement};
use headcount_problem::Problem;
use headcount_reports::{QueryLimits, Sandbox};
use http::header::{VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Uri};
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::answer_cache::AnswerCache;
use crate::answer_threads::answer_apart;
use crate::audit::SharedRead;
use crate::base::Base;
use crate::cross_site::reject_cross_site;
use crate::middleware::{catch_panic, compression, security_headers};
use crate::state::{LimitedSignOn, SiteState};
use crate::store::Store;
use crate::{api, assets, pages};

/// Exports that run at a time: each keeps a thread busy with reading.
const MAX_EXPORTS: usize = 2;

/// Access policy and limits of the site.
#[derive(Debug)]
pub struct SiteOptions {
    /// The access policy.
    pub access: Access,
    /// The identity provider that signs people on beside tokens; `None` without one.
    pub sign_on: Option<SignOn>,
    /// The limits of one query.
    pub limits: QueryLimits,
    /// Where free SQL runs; in this process if `None`.
    pub sandbox: Option<Sandbox>,
    /// What addresses on the pages begin with: empty, or a path such as `/headcount`. Requests reach the site without it.
    pub base_path: String,
    /// The privacy reviewer's pack, as the HTML fragment that [`headcount_privacy::Pack`] makes.
    pub privacy: String,
    /// Where reads of the shared tier are recorded, and from where administrators read them; nowhere if `None`.
    pub audit: Option<(AuditLog, AuditReader)>,
    /// How long a request body may take to arrive; [`SiteOptions::DEFAULT_TIMEOUT`] if `None`.
    pub timeout: Option<Duration>,
}

impl SiteOptions {
    /// 30 s.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// This access policy, the default limits, and a pack without an operator.
    pub fn new(access: Access) -> Self {
        Self {
            access,
            sign_on: None,
            limits: QueryLimits::default(),
            sandbox: None,
            base_path: String::new(),
            privacy: anonymous_pack(),
            audit: None,
            timeout: None,
        }
    }
}

/// The pack of an operator who states nothing.
fn anonymous_pack() -> String {
    let pack = Pack {
        catalog: Catalog::in_force(),
        statement: &Statement::default(),
        operation: None,
    };
    pack.html_fragment()
}

/// The router of the dashboard and the API over `store`. Requests carry the peer's address as
/// [`ConnectInfo<SocketAddr>`]; one without it counts as remote.
pub fn site(store: Store, options: SiteOptions) -> Router {
    let (audit, audit_reader) = options.audit.unzip();
    let state = SiteState {
        audit,
        audit_reader,
        answers: AnswerCache::new(store, options.limits, options.sandbox),
        access: Arc::new(options.access),
        sign_on: options.sign_on.map(LimitedSignOn::new),
        base: Base::new(&options.base_path),
        privacy: options.privacy.into(),
        timeout: options.timeout.unwrap_or(SiteOptions::DEFAULT_TIMEOUT),
        descriptions: Arc::default(),
        exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
    };
    let protected = Router::new()
        .merge(pages::routes())
        .merge(api::routes())
        .layer(from_fn_with_state(state.clone(), authorize));
    let open = Router::new()
        .route("/assets/{build}/{name}", get(asset))
        .route("/robots.txt", get(robots))
        .merge(pages::privacy_routes())
        .merge(pages::sign_on_routes())
        .merge(pages::login_routes());
    protected
        .merge(open)
        .fallback(not_found)
        .layer((
            from_fn(answer_apart),
            security_headers(),
            compression(),
            catch_panic(),
            from_fn_with_state(state.clone(), same_site),
        ))
        .with_state(state)
}

/// Gives the handler the client's role, or rejects the request. What reads the shared tier is recorded.
async fn authorize(State(state): State<SiteState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let remote = SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = peer.map_or(remote, |ConnectInfo(peer)| *peer);
    match state.access.principal(peer, &parts) {
        Ok(principal) => {
            let shared_read = SharedRead::of(&mut parts).await;
            parts.extensions.insert(principal.role());
            parts.extensions.insert(principal.clone());
            let mut response = next.run(Request::from_parts(parts, body)).await;
            vary_by_credentials(response.headers_mut());
            if let (Some(read), Some(log)) = (shared_read, &state.audit) {
                read.record(log, &principal, response.status());
            }
            response
        }
        Err(rejected) => challenged(
            reject(&state, &rejected.problem, &parts.uri),
            rejected.challenge,
        ),
    }
}

/// The response with the challenge that says which token would help.
fn challenged(mut response: Response, challenge: Option<Challenge>) -> Response {
    if let Some(challenge) = challenge {
        let headers = response.headers_mut();
        headers.insert(WWW_AUTHENTICATE, challenge.header());
    }
    response
}

/// A response cached for the public is not the one for an administrator (RFC 9110 §12.5.5).
fn vary_by_credentials(headers: &mut HeaderMap) {
    let credentials = HeaderValue::from_static("authorization, cookie");
    headers.append(VARY, credentials);
}

/// Rejects cross-site requests.
async fn same_site(State(state): State<SiteState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match reject_cross_site(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => reject(&state, &problem, &parts.uri),
    }
}

fn reject(state: &SiteState, problem: &Problem, address: &Uri) -> Response {
    match is_for_programs(address.path()) {
        true => problem.clone().into_response(),
        false => pages::reject(state, problem, address),
    }
}

/// Whether programs read the address; they get problems as JSON.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

async fn asset(Path((_build, name)): Path<(String, String)>) -> Response {
    assets::serve(&name).unwrap_or_else(|| Problem::not_found("no such file").into_response())
}

/// Crawlers: nothing of a collector that needs the token, and of a public one the pages, each at one address.
async fn robots(State(state): State<SiteState>) -> String {
    let base = &state.base;
    match state.access.is_public() {
        true => format!(
            "User-agent: *\nDisallow: {base}/api/\nDisallow: {base}/login\nDisallow: {base}/*?\n"
        ),
        false => format!("User-agent: *\nDisallow: {base}/\n"),
    }
}

async fn not_found(State(state): State<SiteState>, request: Request) -> Response {
    if is_for_programs(request.uri().path()) {
        let detail =
            "the API is described at /api/openapi.json; OTLP traces are sent to /v1/traces";
        return Problem::not_found(detail).into_response();
    }
    pages::not_found(&state.base, request.uri())
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
