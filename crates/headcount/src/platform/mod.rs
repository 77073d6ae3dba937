//! What the operating system has to be asked for directly: being told of a fork and of the process's end, and keeping
//! signals away from our thread. The crate's only unsafe code is in `unix.rs`.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix::names;
#[cfg(unix)]
pub(crate) use unix::{
    at_exit, began, forget_open_file, generation, home, is_alive, is_ours, note_open_file,
    only_plain, watch_forks, with_signals_blocked, without_size_signal,
};

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
use other::names;
#[cfg(not(unix))]
pub(crate) use other::{
    at_exit, began, forget_open_file, generation, home, is_alive, is_ours, note_open_file,
    only_plain, watch_forks, with_signals_blocked, without_size_signal,
};

/// What a crew that shares says of its system (catalog category `environment`).
#[derive(Debug, Clone)]
pub(crate) struct System {
    pub(crate) platform: String,
    pub(crate) system: String,
    pub(crate) release: String,
    pub(crate) version: String,
    pub(crate) cpus: i64,
}

/// Looks at the system. Without its name: a host's name is nobody's business.
pub(crate) fn system() -> System {
    let [system, release, version, machine] = names().unwrap_or_else(|| {
        let system = std::env::consts::OS.to_owned();
        [
            system,
            String::new(),
            String::new(),
            std::env::consts::ARCH.to_owned(),
        ]
    });
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    System {
        platform: format!("{system}-{release}-{machine}"),
        system,
        release,
        version,
        cpus: cpus as i64,
    }
}
