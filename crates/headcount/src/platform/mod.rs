//! The machine that the host program runs on: its clock, its random numbers, its files and folders, and the few calls to the
//! operating system that the standard library does not offer. Nothing here knows
//! about telemetry, except `folders`, which knows where the client keeps its files.

pub(crate) mod clock;
pub(crate) mod files;
mod folders;
mod os;
mod own;
pub(crate) mod random;
mod socket;
mod system;

pub use clock::utc;
pub use folders::HOME_VARIABLE;

pub(crate) use folders::Folders;
pub(crate) use os::{
    at_exit, began, forget_open_file, generation, is_alive, thread_id, wait_for_end_of_thread,
    watch_forks, with_signals_blocked, without_size_signal,
};
pub(crate) use own::{Own, OwnFile};
pub(crate) use socket::connect;
pub(crate) use system::system;
