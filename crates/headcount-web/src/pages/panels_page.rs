//! A page of tiles and panels.

use askama::Template;

use super::layout::Layout;
use super::panel::{Panel, Tile};

/// A page of tiles and panels.
#[derive(Template)]
#[template(path = "panels.html")]
pub(crate) struct PanelsPage {
    pub(crate) layout: Layout,
    pub(crate) question: &'static str,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) panels: Vec<Panel>,
}
