//! Calls to the operating system that the standard library does not offer. The crate's unsafe code is in `unix.rs`, and in
//! `platform/socket/unix.rs`.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::names;
#[cfg(unix)]
pub(crate) use unix::{
    Descriptor, Identity, above_standard_streams, at_exit, began, forget_open_file, generation,
    home, identity, is_alive, is_ours, note_open_file, only_plain, thread_id,
    wait_for_end_of_thread, watch_forks, with_signals_blocked, without_size_signal,
};

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(crate) use other::names;
#[cfg(not(unix))]
pub(crate) use other::{
    Descriptor, Identity, above_standard_streams, at_exit, began, forget_open_file, generation,
    home, identity, is_alive, is_ours, note_open_file, only_plain, thread_id,
    wait_for_end_of_thread, watch_forks, with_signals_blocked, without_size_signal,
};
