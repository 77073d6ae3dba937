//! The page of an empty collector: how to send the first span. It reloads as the dashboard when a span has arrived.

use askama::Template;
use axum::response::Response;

use super::context::PageContext;
use super::layout::Layout;
use super::render::render;

/// The page of an empty collector.
#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    layout: Layout,
}

/// The page.
pub(crate) fn page(context: &PageContext) -> Response {
    let mut layout = Layout::titled(context, "Waiting for the first crew");
    layout.is_waiting = true;
    render(context.role, &WelcomePage { layout })
}
