//! Systems without `fork` and signals.

/// Nothing forks here.
pub(crate) fn generation() -> u32 {
    0
}

/// Nothing forks here.
pub(crate) fn watch_forks() {}

/// Without a hook at the process's end, what was recorded less than a twentieth of a second before it may be lost;
/// dropping the last [`crate::Telemetry`] writes it.
pub(crate) fn at_exit(_run: extern "C" fn()) {}

/// There are no signals to block.
pub(crate) fn with_signals_blocked<R>(run: impl FnOnce() -> R) -> R {
    run()
}

/// Only what the compiler knows.
pub(super) fn names() -> Option<[String; 4]> {
    None
}

/// Nothing forks here, so that no child holds a file open.
pub(crate) fn note_open_file(_file: &std::fs::File) -> Option<usize> {
    None
}

/// See [`note_open_file`].
pub(crate) fn forget_open_file(_note: Option<usize>) {}

/// The environment says where a person's folders are, or nobody does.
pub(crate) fn home() -> Option<std::path::PathBuf> {
    None
}

/// There is no such signal.
pub(crate) fn without_size_signal<R>(run: impl FnOnce() -> R) -> R {
    run()
}

/// The standard library does not tell.
pub(crate) fn began(_process: u32) -> Option<String> {
    None
}

/// Of other processes the standard library does not tell.
pub(crate) fn is_alive(process: u32) -> bool {
    process == std::process::id()
}

/// Whose a file is, is the system's matter here.
pub(crate) fn is_ours(_metadata: &std::fs::Metadata) -> bool {
    true
}

/// A link is made by administrators only.
pub(crate) fn only_plain(_options: &mut std::fs::OpenOptions) {}
