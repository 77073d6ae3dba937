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
use crate::cross_site::reject_cross_site;
use crate::middleware::{catch_panic, compression, security_headers};
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
        .layer((
            security_headers(),
            compression(),
            catch_panic(),
            from_fn(same_site),
        ))
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

/// Rejects cross-site requests.
async fn same_site(request: Request, next: Next) -> Response {
    match reject_cross_site(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) if is_for_programs(request.uri().path()) => problem.into_response(),
        Err(problem) => pages::reject(&problem, request.uri()),
    }
}

/// Whether programs read the address; they get problems as JSON.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

async fn asset(Path((_build, name)): Path<(String, String)>) -> Response {
    assets::serve(&name).unwrap_or_else(|| Problem::not_found("no such file").into_response())
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
    use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn get_gzip(path: &str) -> Response {
        let request = Request::get(path).header(ACCEPT_ENCODING, "br, gzip");
        let request = request.body(Body::empty()).unwrap();
        public_site().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn text_of_some_length_is_compressed_for_clients_that_accept_it() {
        let response = get_gzip("/assets/build/page.css").await;
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[VARY], "accept-encoding");
        let compressed = response.into_body().collect().await.unwrap().to_bytes();
        assert!(compressed.starts_with(&[0x1f, 0x8b]));
        let response = get_gzip("/assets/build/icon.svg").await;
        assert!(!response.headers().contains_key(CONTENT_ENCODING));
        let request = Request::get("/assets/build/page.css");
        let request = request.body(Body::empty()).unwrap();
        let response = public_site().oneshot(request).await.unwrap();
        assert!(!response.headers().contains_key(CONTENT_ENCODING));
    }

    #[tokio::test]
    async fn every_response_has_the_security_headers() {
        for path in [
            "/login",
            "/tools?sort=up",
            "/nowhere",
            "/api/nowhere",
            "/assets/build/none",
        ] {
            let response = get_gzip(path).await;
            let headers = response.headers();
            assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
            assert!(headers.contains_key("content-security-policy"), "{path}");
            assert!(headers.contains_key("cache-control"), "{path}");
        }
    }

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
