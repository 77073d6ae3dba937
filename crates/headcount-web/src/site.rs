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
use headcount_problem::Problem;
use headcount_reports::QueryLimits;
use http::header::VARY;
use http::{HeaderMap, HeaderValue};

use crate::access::Access;
use crate::answer_cache::AnswerCache;
use crate::compression::compress;
use crate::cross_site::reject_cross_site;
use crate::security_headers::add_security_headers;
use crate::state::SiteState;
use crate::store::Store;
use crate::{api, assets, pages};

/// Access policy and limits of the site.
#[derive(Debug, Clone, Default)]
pub struct SiteOptions {
    /// The access policy.
    pub access: Access,
    /// The limits of one query.
    pub limits: QueryLimits,
    /// How long a request body may take to arrive; [`SiteOptions::DEFAULT_TIMEOUT`] if `None`.
    pub timeout: Option<Duration>,
}

impl SiteOptions {
    /// 30 s.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
}

/// The router of the dashboard and the API over `store`. Requests carry the peer's address as
/// [`ConnectInfo<SocketAddr>`]; one without it counts as remote.
pub fn site(store: Store, options: SiteOptions) -> Router {
    let state = SiteState {
        answers: AnswerCache::new(store, options.limits),
        access: Arc::new(options.access),
        timeout: options.timeout.unwrap_or(SiteOptions::DEFAULT_TIMEOUT),
    };
    let protected = Router::new()
        .merge(pages::routes())
        .merge(api::routes())
        .layer(from_fn_with_state(state.clone(), authorize));
    let open = Router::new()
        .route("/assets/{build}/{name}", get(asset))
        .merge(pages::login_routes());
    protected
        .merge(open)
        .fallback(not_found)
        .layer(from_fn(protect))
        .with_state(state)
}

/// Gives the handler the client's role, or rejects the request.
async fn authorize(State(state): State<SiteState>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let remote = SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = peer.map_or(remote, |ConnectInfo(peer)| *peer);
    match state.access.role(peer, request.headers()) {
        Ok(role) => {
            request.extensions_mut().insert(role);
            let mut response = next.run(request).await;
            vary_by_credentials(response.headers_mut());
            response
        }
        Err(problem) if is_for_programs(request.uri().path()) => problem.into_response(),
        Err(problem) => pages::reject(&problem, request.uri()),
    }
}

/// A response cached for the public is not the one for an owner (RFC 9110 §12.5.5).
fn vary_by_credentials(headers: &mut HeaderMap) {
    let credentials = HeaderValue::from_static("authorization, cookie");
    headers.append(VARY, credentials);
}

/// Rejects cross-site requests, adds the security headers and compresses.
async fn protect(request: Request, next: Next) -> Response {
    let request_headers = request.headers().clone();
    let response = match reject_cross_site(&request_headers) {
        Ok(()) => next.run(request).await,
        Err(problem) if is_for_programs(request.uri().path()) => problem.into_response(),
        Err(problem) => pages::reject(&problem, request.uri()),
    };
    let mut response = compress(response, &request_headers).await;
    add_security_headers(response.headers_mut());
    response
}

/// Whether programs read the address; they get problems as JSON.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

async fn asset(Path((_build, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    assets::serve(&name, &headers)
        .unwrap_or_else(|| Problem::not_found("no such file").into_response())
}

async fn not_found(request: Request) -> Response {
    if is_for_programs(request.uri().path()) {
        let detail =
            "the API is described at /api/openapi.json; OTLP traces are sent to /v1/traces";
        return Problem::not_found(detail).into_response();
    }
    pages::not_found(request.uri())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    /// A public site over a store that never answers.
    fn public_site() -> Router {
        let store = Store {
            snapshot: Box::new(|| Box::pin(std::future::pending())),
            revision: Box::new(|| 0),
            metrics: Box::new(String::new),
        };
        let access = Access {
            public: true,
            ..Access::default()
        };
        let options = SiteOptions {
            access,
            ..SiteOptions::default()
        };
        site(store, options)
    }

    #[tokio::test]
    async fn a_response_cached_for_the_public_is_not_served_to_an_owner() {
        for path in ["/api/v1/reports", "/api/v1/tables", "/tools?sort=up"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = public_site().oneshot(request).await.unwrap();
            let vary = response.headers().get_all(VARY).iter();
            let vary: Vec<&str> = vary.filter_map(|value| value.to_str().ok()).collect();
            let vary = vary.join(", ");
            assert!(
                vary.contains("cookie") && vary.contains("authorization"),
                "{path}: {vary}"
            );
        }
    }
}
