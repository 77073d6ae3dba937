//! Whether anything may be recorded and sent. [`resolve`] decides, as a pure function of the switches in the environment,
//! the consent settings of the user and the administrator, the framework's code, the collector's last answer, and whether the
//! user was informed.

mod decision;
mod gone;
mod notice;
mod setting;
mod sources;

pub use decision::{ConsentReason, Decision, Mode};

pub(crate) use decision::{SWITCHES, Switch, resolve};
pub(crate) use gone::{GONE, note_gone};
pub(crate) use notice::{SHOWN, show};
pub(crate) use setting::{last_off, save};
pub(crate) use sources::{Sender, Sources};
