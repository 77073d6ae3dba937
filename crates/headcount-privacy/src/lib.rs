//! The privacy reviewer's pack: one document that says what is collected, why, who is responsible and what protects the people concerned.
//!
//! [`Pack`] joins three sources, and invents nothing: the catalog, which the program enforces; the operator's [`Statement`], a YAML file
//! about what no program can know (who runs the collector, on which legal basis, for whom); and, of a running collector, its
//! [`Operation`], so that the document shows the retention and the access of this very server. What the operator does not state is shown as
//! "not stated by the operator".
//!
//! The words are in `templates/*.md`. The pack is Markdown, and the HTML is made of that Markdown: so both say the same. The catalog's texts are
//! part of this program; the operator's go into the Markdown escaped, and no HTML in it has an effect.

mod data_flow;
mod html;
mod nature;
mod operation;
mod pack;
mod rows;
mod statement;
mod text;

pub use operation::Operation;
pub use pack::Pack;
pub use statement::{Statement, StatementError};
