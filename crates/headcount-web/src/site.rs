//! The router: every address of the dashboard and the API, and what stands before each of them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use headcount_lake::{LakeError, LakeSnapshot};
use headcount_reports::QueryLimits;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

use crate::access::{Access, Reader};
use crate::answers::Answers;
use crate::compression::{gzip, takes_gzip};
use crate::problem::Problem;
use crate::{api, assets, pages, shield};

/// What the site asks of whoever stores.
pub struct Store {
    /// The tables as they are now.
    pub snapshot:
        Box<dyn Fn() -> BoxFuture<'static, Result<LakeSnapshot, LakeError>> + Send + Sync>,
    /// A number that differs whenever something was taken in: as long as it stays, answers stay.
    pub stamp: Box<dyn Fn() -> u64 + Send + Sync>,
    /// The collector's own counts, in Prometheus' text format 0.0.4.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Store")
    }
}

/// Who may ask, and within which limits.
#[derive(Debug, Clone, Default)]
pub struct SiteOptions {
    /// Who may ask.
    pub access: Access,
    /// What one question may cost.
    pub limits: QueryLimits,
    /// How long a question may take to arrive; [`SiteOptions::PATIENCE`] if `None`.
    pub patience: Option<Duration>,
}

impl SiteOptions {
    /// 30 s.
    pub const PATIENCE: Duration = Duration::from_secs(30);
}

/// What every handler has at hand.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) answers: Answers,
    pub(crate) access: Arc<Access>,
    pub(crate) patience: Duration,
}

/// The router of the dashboard and the API over `store`. Requests carry the peer's address as
/// [`ConnectInfo<SocketAddr>`]; one without it is treated as coming from anywhere.
pub fn site(store: Store, options: SiteOptions) -> Router {
    let site = Site {
        answers: Answers::new(store, options.limits),
        access: Arc::new(options.access),
        patience: options.patience.unwrap_or(SiteOptions::PATIENCE),
    };
    let guarded = Router::new()
        .merge(pages::routes())
        .merge(api::routes())
        .layer(from_fn_with_state(site.clone(), guard));
    let open = Router::new()
        .route("/assets/{build}/{name}", get(asset))
        .merge(pages::login_routes());
    guarded
        .merge(open)
        .fallback(nothing_here)
        .layer(from_fn_with_state(site.clone(), envelop))
        .with_state(site)
}

/// Lets through who may see something, and says to the handler what.
async fn guard(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let peer = peer.map_or(anywhere, |ConnectInfo(peer)| *peer);
    match site.access.reader(peer, request.headers()) {
        Ok(reader) => {
            let _none: Option<Reader> = request.extensions_mut().insert(reader);
            let mut response = next.run(request).await;
            vary_by_reader(response.headers_mut());
            response
        }
        Err(problem) if is_for_programs(request.uri().path()) => problem.into_response(),
        Err(problem) => pages::turn_away(&problem, request.uri()),
    }
}

/// What a cache kept for the public is not what an owner is shown (RFC 9110 §12.5.5).
fn vary_by_reader(headers: &mut HeaderMap) {
    let by = HeaderValue::from_static("authorization, cookie");
    let _before = headers.append(VARY, by);
}

/// What goes for every request and every answer: no requests of other sites, the browser's orders, gzip.
async fn envelop(State(_site): State<Site>, request: Request, next: Next) -> Response {
    let packs = takes_gzip(request.headers());
    let refused = shield::refuse_other_sites(request.headers());
    let for_programs = is_for_programs(request.uri().path());
    let uri = request.uri().clone();
    let response = match refused {
        Ok(()) => next.run(request).await,
        Err(problem) if for_programs => problem.into_response(),
        Err(problem) => pages::turn_away(&problem, &uri),
    };
    let mut response = if packs {
        packed(response).await
    } else {
        response
    };
    shield::cover(response.headers_mut());
    response
}

/// Whether the address is read by programs, which want a problem as JSON.
pub(crate) fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

async fn asset(Path((_build, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    assets::serve(&name, &headers)
        .unwrap_or_else(|| Problem::not_found("there is no such file").into_response())
}

async fn nothing_here(request: Request) -> Response {
    let path = request.uri().path();
    if is_for_programs(path) {
        let detail =
            "the API is described at /api/openapi.json; OTLP traces are sent to /v1/traces";
        return Problem::not_found(detail).into_response();
    }
    pages::nothing_here(request.uri())
}

/// The response with its body as gzip, where that is worth it.
async fn packed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let is_text = parts.headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.starts_with(b"text/") || value.windows(4).any(|window| window == b"json")
    });
    let is_whole = body.size_hint().exact().is_some();
    if !is_text || !is_whole || parts.headers.contains_key(CONTENT_ENCODING) {
        return Response::from_parts(parts, body);
    }
    let Ok(collected) = body.collect().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let bytes = collected.to_bytes();
    let _before = parts
        .headers
        .append(VARY, HeaderValue::from_static("accept-encoding"));
    let Some(small) = gzip(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let _length = parts.headers.remove(CONTENT_LENGTH);
    let _none = parts
        .headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(small))
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    /// A public site over a store that nobody asks.
    fn public_site() -> Router {
        let store = Store {
            snapshot: Box::new(|| Box::pin(std::future::pending())),
            stamp: Box::new(|| 0),
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
    async fn what_a_cache_keeps_for_the_public_is_not_given_to_an_owner() {
        for path in ["/api/v1/reports", "/api/v1/tables", "/tools?sort=up"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = public_site().oneshot(request).await.unwrap();
            let varies = answer.headers().get_all(VARY).iter();
            let varies: Vec<&str> = varies.filter_map(|value| value.to_str().ok()).collect();
            let varies = varies.join(", ");
            assert!(
                varies.contains("cookie") && varies.contains("authorization"),
                "{path}: {varies}"
            );
        }
    }
}
