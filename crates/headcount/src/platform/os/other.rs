//! Systems without `fork` and signals.

/// Nothing forks here.
pub(crate) fn generation() -> u32 {
    0
}

/// Nothing forks here.
pub(crate) fn watch_forks() {}

/// Only needed where a program can fork.
pub(crate) fn thread_id() -> u32 {
    0
}

/// See [`thread_id`].
pub(crate) fn wait_for_end_of_thread(_thread_id: u32) {}

/// There is no exit hook: events of the last twentieth of a second may be lost unless the last [`crate::Telemetry`] is
/// dropped.
pub(crate) fn at_exit(_run: extern "C" fn()) {}

/// There are no signals to block.
pub(crate) fn with_signals_blocked<R>(run: impl FnOnce() -> R) -> R {
    run()
}

/// Only the compiler's constants are known.
pub(crate) fn names() -> Option<[String; 4]> {
    None
}

/// A handle cannot be closed from elsewhere by guessing its number.
pub(crate) trait Descriptor {}

impl<T> Descriptor for T {}

/// Every file is taken for the one that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity;

/// See [`Identity`].
pub(crate) fn identity<T: Descriptor>(_open: &T) -> Option<Identity> {
    Some(Identity)
}

/// There are no such numbers here.
pub(crate) fn above_standard_streams<T: Descriptor>(opened: T) -> std::io::Result<T> {
    Ok(opened)
}

/// Nothing forks here, so that no child holds a file open.
pub(crate) fn note_open_file<T: Descriptor>(_file: &T, _identity: Identity) -> Option<usize> {
    None
}

/// See [`note_open_file`].
pub(crate) fn forget_open_file(_note: Option<usize>) {}

/// The folders are known from the environment only.
pub(crate) fn home() -> Option<std::path::PathBuf> {
    None
}

/// There is no such signal.
pub(crate) fn without_size_signal<R>(run: impl FnOnce() -> R) -> R {
    run()
}

/// Not available in the standard library.
pub(crate) fn began(_process: u32) -> Option<String> {
    None
}

/// Other processes are not visible to the standard library.
pub(crate) fn is_alive(process: u32) -> bool {
    process == std::process::id()
}

/// Ownership is left to the system.
pub(crate) fn is_ours(_metadata: &std::fs::Metadata) -> bool {
    true
}

/// Only administrators can create links.
pub(crate) fn only_plain(_options: &mut std::fs::OpenOptions) {}
