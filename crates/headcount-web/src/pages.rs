//! The pages: what a reader sees of the reports. Each is complete as it leaves the server; a script only adds comfort.

mod chrome;
mod comparison;
mod crew;
mod deployments;
mod desk;
mod features;
mod figures;
mod login;
mod models;
mod overview;
mod panel;
mod policy;
mod shared;
mod sql;
mod table;
mod tasks;
mod tools;
mod trials;
mod turned_away;
mod versions;
mod welcome;

use askama::Template;
use axum::Router;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CACHE_CONTROL;

use crate::access::Reader;
use crate::problem::Problem;
use crate::site::Site;
use chrome::Chrome;
use desk::Desk;
use panel::{Panel, Tile};

pub(crate) use login::routes as login_routes;
pub(crate) use turned_away::{nothing_here, turn_away};

/// The pages that stand in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Overview,
    Tools,
    Models,
    Features,
    Versions,
    Tasks,
    Tests,
    Deployments,
    Shared,
    Policy,
    Sql,
}

impl Page {
    pub(crate) const ALL: [Self; 11] = [
        Self::Overview,
        Self::Tools,
        Self::Models,
        Self::Features,
        Self::Versions,
        Self::Tasks,
        Self::Tests,
        Self::Deployments,
        Self::Shared,
        Self::Policy,
        Self::Sql,
    ];

    /// Its address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Tools => "/tools",
            Self::Models => "/models",
            Self::Features => "/features",
            Self::Versions => "/versions",
            Self::Tasks => "/tasks",
            Self::Tests => "/tests",
            Self::Deployments => "/deployments",
            Self::Shared => "/shared",
            Self::Policy => "/policy",
            Self::Sql => "/sql",
        }
    }

    /// Its name in the navigation.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Tools => "Tools",
            Self::Models => "Models",
            Self::Features => "Features",
            Self::Versions => "Versions",
            Self::Tasks => "Tasks",
            Self::Tests => "Tests",
            Self::Deployments => "Deployments",
            Self::Shared => "Shared crews",
            Self::Policy => "Policy",
            Self::Sql => "SQL",
        }
    }

    /// The question that it answers.
    fn question(self) -> &'static str {
        match self {
            Self::Overview => "How much are crews used, and what changed?",
            Self::Tools => "Which tools are crews equipped with, and which are used?",
            Self::Models => "Which models do crews use?",
            Self::Features => "Which features are used, and where do crews run?",
            Self::Versions => "Which releases are in use, and how fast are new ones taken up?",
            Self::Tasks => "How are tasks set up, how long do they take, and how do they end?",
            Self::Tests => "How good and how fast are crews in their tests, by model?",
            Self::Deployments => "How far do people get when they deploy a crew?",
            Self::Shared => "What have crews shared whose configuration says share_crew?",
            Self::Policy => "What may be collected, what was, and what was refused?",
            Self::Sql => "Ask the tables anything; nothing can be changed.",
        }
    }

    /// Whether only owners may see it.
    fn is_for_owners(self) -> bool {
        matches!(self, Self::Shared | Self::Sql)
    }
}

/// The pages' addresses.
pub(crate) fn routes() -> Router<Site> {
    let mut router = Router::new();
    for page in Page::ALL {
        let shown = move |site, reader, query| show(page, site, reader, query);
        router = match page {
            Page::Shared | Page::Policy | Page::Sql => router,
            page => router.route(page.path(), get(shown)),
        };
    }
    router
        .route(Page::Policy.path(), get(policy::show))
        .route(Page::Shared.path(), get(shared::list))
        .route("/shared/{crew}", get(crew::show))
        .route(Page::Sql.path(), get(sql::show).post(sql::answer))
        .method_not_allowed_fallback(turned_away::wrong_method)
}

/// A page of tiles and panels.
#[derive(Template)]
#[template(path = "panels.html")]
struct PanelsPage {
    chrome: Chrome,
    question: &'static str,
    tiles: Vec<Tile>,
    panels: Vec<Panel>,
}

async fn show(
    page: Page,
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    RawQuery(query): RawQuery,
) -> Response {
    let desk = match Desk::open(site, reader, query.as_deref().unwrap_or_default(), page).await {
        Ok(desk) => desk,
        Err(problem) => return turned_away::page(&problem),
    };
    if desk.is_empty {
        return welcome::page(&desk);
    }
    let (tiles, panels) = match page {
        Page::Overview => overview::show(&desk).await,
        Page::Tools => (Vec::new(), tools::show(&desk).await),
        Page::Models => (Vec::new(), models::show(&desk).await),
        Page::Features => (Vec::new(), features::show(&desk).await),
        Page::Versions => (Vec::new(), versions::show(&desk).await),
        Page::Tasks => tasks::show(&desk).await,
        Page::Tests => (Vec::new(), trials::show(&desk).await),
        Page::Deployments => (Vec::new(), deployments::show(&desk).await),
        Page::Shared | Page::Policy | Page::Sql => (Vec::new(), Vec::new()),
    };
    let chrome = Chrome::of(&desk);
    write(
        reader,
        &PanelsPage {
            chrome,
            question: page.question(),
            tiles,
            panels,
        },
    )
}

/// The template as a response.
fn write(reader: Reader, template: &impl Template) -> Response {
    let caching = match reader {
        Reader::Owner => "private, no-cache",
        Reader::Public => "public, max-age=300",
    };
    match template.render() {
        Ok(html) => ([(CACHE_CONTROL, caching)], Html(html)).into_response(),
        Err(error) => {
            let detail = format!("a page could not be written: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "there is no page", detail).into_response()
        }
    }
}
