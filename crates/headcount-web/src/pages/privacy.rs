//! The privacy reviewer's pack, for everybody: what may be collected is published anyhow, and who is responsible must be easy to find
//! (GDPR Art. 12(1), 13).

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;

use super::layout::Layout;
use crate::state::SiteState;

/// The pack on a page of the site.
#[derive(Template)]
#[template(path = "privacy.html")]
struct PrivacyPage<'p> {
    layout: Layout,
    /// HTML that `headcount_privacy` made, with everybody's words escaped.
    pack: &'p str,
}

/// The route of the page, which needs no token.
pub(crate) fn routes() -> Router<SiteState> {
    Router::new().route("/privacy", get(show))
}

async fn show(State(state): State<SiteState>) -> Response {
    let page = PrivacyPage {
        layout: Layout::bare(&state.base, "Privacy"),
        pack: &state.privacy,
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
