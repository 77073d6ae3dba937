//! Unix. All of the crate's unsafe code: a few calls of the C library.

#![allow(
    unsafe_code,
    reason = "the C library's calls have no safe form; each is explained where it is made"
)]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How often this process was forked off since the client first ran in an ancestor.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// Flags and not `Once`s: a child that is forked off while another thread is in a `Once` would wait for ever.
static WATCHING: AtomicBool = AtomicBool::new(false);
static EXITING: AtomicBool = AtomicBool::new(false);

/// Differs between a process and its forked children. One load: no system call.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

extern "C" fn count_fork() {
    let _before = GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Has forked children counted. Without it (the C library is out of memory) a child keeps its parent's generation and
/// records nothing that would be sent: it has no thread.
pub(crate) fn watch_forks() {
    if !WATCHING.swap(true, Ordering::Relaxed) {
        // SAFETY: the handler runs in the forked child, where only async-signal-safe work is allowed: it adds to an
        // atomic and does nothing else. It is never unregistered; a library that holds it must not be unloaded, and
        // Rust code cannot be.
        let _result = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
    }
}

/// Has `run` called when the process ends by `exit` or by returning from `main`. It has no part in the exit status.
pub(crate) fn at_exit(run: extern "C" fn()) {
    if !EXITING.swap(true, Ordering::Relaxed) {
        // SAFETY: `run` is a function that never unwinds (it catches panics), as a C handler must be.
        let _result = unsafe { libc::atexit(run) };
    }
}

/// Runs `run` with all signals blocked in this thread: a thread that it starts inherits that, so that the host's signals
/// are delivered to the host's own threads as if ours were not there.
pub(crate) fn with_signals_blocked<R>(run: impl FnOnce() -> R) -> R {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` initialises the set that it is given; `pthread_sigmask` reads it and, when it succeeds,
    // initialises the other one.
    let blocked = unsafe {
        let _always_succeeds = libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let result = run();
    if blocked {
        // SAFETY: the call above succeeded, so `before` holds the mask that was in force.
        let _result = unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut())
        };
    }
    result
}

/// System, release, version and machine, as `uname` gives them; not the host's name.
pub(super) fn names() -> Option<[String; 4]> {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: `uname` fills the structure that it is given; it was zeroed before, so that each field is a C string
    // whatever came of the call.
    let (result, names) = unsafe { (libc::uname(names.as_mut_ptr()), names.assume_init()) };
    if result != 0 {
        return None;
    }
    let text = |field: &[libc::c_char]| -> String {
        let bytes: Vec<u8> = field
            .iter()
            .take_while(|character| **character != 0)
            .map(|character| character.to_ne_bytes()[0])
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Some([
        text(&names.sysname),
        text(&names.release),
        text(&names.version),
        text(&names.machine),
    ])
}
