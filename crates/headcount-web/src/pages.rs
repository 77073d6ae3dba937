//! The pages of the dashboard. Each is complete as the server sends it; JavaScript only adds convenience.

mod comparison;
mod context;
mod crew;
mod decide;
mod deployments;
mod error_page;
mod explain;
mod features;
mod figures;
mod filters;
mod layout;
mod links;
mod login;
mod models;
mod overview;
mod page;
mod panel;
mod panels_page;
mod periods;
mod policy;
mod privacy;
mod render;
mod report_view;
mod shared;
mod sign_on;
mod sql;
mod table;
mod tasks;
mod test_results;
mod tools;
mod versions;
mod visitor;
mod welcome;

use axum::Router;
use axum::response::Response;
use axum::routing::get;

use crate::state::SiteState;
use layout::Layout;
use page::Page;
use panels_page::PanelsPage;
use render::render;
use visitor::Visitor;

pub(crate) use error_page::not_found;
pub(crate) use login::{reject, routes as login_routes};
pub(crate) use privacy::routes as privacy_routes;
pub(crate) use sign_on::routes as sign_on_routes;

/// The pages' routes.
pub(crate) fn routes() -> Router<SiteState> {
    let mut router = Router::new();
    for page in Page::ALL {
        let handler = move |visitor| show(page, visitor);
        router = match page {
            Page::Decide | Page::Shared | Page::Policy | Page::Sql => router,
            page => router.route(page.path(), get(handler)),
        };
    }
    router
        .route(Page::Decide.path(), get(decide::list))
        .route("/decide/{name}", get(decide::show))
        .route(Page::Policy.path(), get(policy::show))
        .route(Page::Shared.path(), get(shared::list))
        .route("/shared/{crew}", get(crew::show))
        .route(Page::Sql.path(), get(sql::show).post(sql::run))
        .route(explain::PATH, get(explain::show).post(explain::run))
        .method_not_allowed_fallback(error_page::method_not_allowed)
}

async fn show(page: Page, visitor: Visitor) -> Result<Response, Response> {
    let role = visitor.role;
    let context = visitor.open(page).await?;
    if context.is_empty {
        return Ok(welcome::page(&context));
    }
    let (tiles, panels) = match page {
        Page::Overview => overview::show(&context).await,
        Page::Tools => (Vec::new(), tools::show(&context).await),
        Page::Models => (Vec::new(), models::show(&context).await),
        Page::Features => (Vec::new(), features::show(&context).await),
        Page::Agents => (Vec::new(), features::show_agents(&context).await),
        Page::Flows => (Vec::new(), features::show_flows(&context).await),
        Page::Environments => (Vec::new(), features::show_environments(&context).await),
        Page::Versions => (Vec::new(), versions::show(&context).await),
        Page::Tasks => tasks::show(&context).await,
        Page::Tests => (Vec::new(), test_results::show(&context).await),
        Page::Deployments => (Vec::new(), deployments::show(&context).await),
        Page::Decide | Page::Shared | Page::Policy | Page::Sql => (Vec::new(), Vec::new()),
    };
    let panels_page = PanelsPage {
        layout: Layout::with_filters(&context),
        question: page.question(),
        tiles,
        panels,
    };
    Ok(render(role, &panels_page))
}
