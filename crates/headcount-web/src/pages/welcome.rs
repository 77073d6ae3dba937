//! What an empty installation shows: how the first span gets here. It turns into the page when one has.

use askama::Template;
use axum::response::Response;

use super::chrome::Chrome;
use super::desk::Desk;
use super::write;

/// The page of an empty installation.
#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    chrome: Chrome,
}

/// The page.
pub(crate) fn page(desk: &Desk) -> Response {
    let mut chrome = Chrome::plain(desk, "Waiting for the first crew");
    chrome.is_waiting = true;
    write(desk.reader, &WelcomePage { chrome })
}
