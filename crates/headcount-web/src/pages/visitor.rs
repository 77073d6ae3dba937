//! How every page with filters begins: who asks, with which query string, and the context that follows from both.

use axum::extract::{Extension, FromRequestParts};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;

use super::context::PageContext;
use super::error_page;
use super::page::Page;
use crate::role::Role;
use crate::state::SiteState;

/// Who asks for a page.
#[derive(Debug)]
pub(crate) struct Visitor {
    state: SiteState,
    pub(crate) role: Role,
    query: String,
}

impl FromRequestParts<SiteState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &SiteState) -> Result<Self, Response> {
        let role = Extension::<Role>::from_request_parts(parts, state).await;
        let Extension(role) = role.map_err(|missing| missing.into_response())?;
        Ok(Self {
            state: state.clone(),
            role,
            query: parts.uri.query().unwrap_or_default().to_owned(),
        })
    }
}

impl Visitor {
    /// The context of `page` for this visitor.
    ///
    /// # Errors
    /// The error page that says why there is none.
    pub(crate) async fn open(self, page: Page) -> Result<PageContext, Response> {
        let base = self.state.base.clone();
        let context = PageContext::open(self.state, self.role, &self.query, page).await;
        context.map_err(|problem| error_page::response(&base, &problem))
    }
}
