//! Calls to the operating system that the standard library does not offer. The crate's only unsafe code is in `unix.rs`.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::names;
#[cfg(unix)]
pub(crate) use unix::{
    at_exit, began, forget_open_file, generation, home, is_alive, is_ours, note_open_file,
    only_plain, watch_forks, with_signals_blocked, without_size_signal,
};

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(crate) use other::names;
#[cfg(not(unix))]
pub(crate) use other::{
    at_exit, began, forget_open_file, generation, home, is_alive, is_ours, note_open_file,
    only_plain, watch_forks, with_signals_blocked, without_size_signal,
};
