//! The weekly beat (catalog category `activity`): once in seven days an installation says, from its own history alone, how old it
//! is, how often it is used, whether it comes back, and whether it went back to an older release. Four bands and no id.
//!
//! [`History`] is the history, a pure function of moments that decides when a beat is due; `history_file` is its form on disk;
//! [`ActivityKeeper`] is its use by one process. `docs/decisions/0049-the-weekly-beat.md` says why it is so, `docs/formats/spool.md`
//! what is on disk.

mod beat;
mod history;
mod history_file;
mod keeper;
mod moment;
mod release;
#[cfg(test)]
mod simulation;

pub(crate) use keeper::{ActivityKeeper, forget};
