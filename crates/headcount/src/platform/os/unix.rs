//! Unix: a few calls of the C library.

#![allow(
    unsafe_code,
    reason = "the C library's calls have no safe form; each is explained where it is made"
)]

use std::ffi::{CStr, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

/// The number of forks since the client first ran in an ancestor.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// Flags instead of `Once`: a child forked while another thread is inside a `Once` would wait for ever.
static WATCHING: AtomicBool = AtomicBool::new(false);
static EXITING: AtomicBool = AtomicBool::new(false);

/// Differs between a process and its forked children. One load: no system call.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// A file that this process holds locked, for its children.
struct OpenFile {
    /// -1 for none.
    descriptor: AtomicI32,
    /// The file's identity; an inode of 0 if it is not noted yet.
    device: AtomicU64,
    inode: AtomicU64,
}

/// Files that this process holds locked.
static OPEN_FILES: [OpenFile; 16] = [const {
    OpenFile {
        descriptor: AtomicI32::new(-1),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
    }
}; 16];

/// A file or socket, by its number.
pub(crate) trait Descriptor: AsRawFd + From<OwnedFd> + Into<OwnedFd> {}

impl<T: AsRawFd + From<OwnedFd> + Into<OwnedFd>> Descriptor for T {}

/// Tells an open file or socket from all others: its device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// The identity of the file or socket that has this number now; `None` if no file has it.
pub(crate) fn identity<T: Descriptor>(open: &T) -> Option<Identity> {
    identity_of(open.as_raw_fd())
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "the types of both fields differ between systems"
)]
fn identity_of(descriptor: RawFd) -> Option<Identity> {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `fstat` accepts any number, fills the structure that it is given, and is async-signal-safe; the structure was
    // zeroed before, so that it is initialised in any case.
    let (result, status) = unsafe {
        (
            libc::fstat(descriptor, status.as_mut_ptr()),
            status.assume_init(),
        )
    };
    (result == 0).then_some(Identity {
        device: status.st_dev as u64,
        inode: status.st_ino as u64,
    })
}

/// Moves a descriptor that has the number of a standard stream to 3 or more.
pub(crate) fn above_standard_streams<T: Descriptor>(opened: T) -> io::Result<T> {
    let low: OwnedFd = opened.into();
    if low.as_raw_fd() > 2 {
        return Ok(T::from(low));
    }
    // SAFETY: duplicates a descriptor that this function owns; the result is owned by nobody else.
    let high = unsafe {
        let high = libc::fcntl(low.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3);
        if high < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(high)
    };
    Ok(T::from(high))
}

extern "C" fn count_fork() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    for open in &OPEN_FILES {
        let descriptor = open.descriptor.swap(-1, Ordering::Acquire);
        let noted = Identity {
            device: open.device.swap(0, Ordering::Relaxed),
            inode: open.inode.swap(0, Ordering::Relaxed),
        };
        // The host program may have closed the file and opened another one under its number.
        let is_ours = || noted.inode == 0 || identity_of(descriptor) == Some(noted);
        if descriptor >= 0 && is_ours() {
            // SAFETY: the descriptor is the child's copy of a client file that its parent holds locked; no code of the
            // child uses it (`Held` gives no file in another generation) or closes it (`Held` forgets it there).
            let _result = unsafe { libc::close(descriptor) };
        }
    }
}

/// Makes forked children close their copy of `file`. There is room for a few; children keep copies of others.
pub(crate) fn note_open_file<T: Descriptor>(file: &T, identity: Identity) -> Option<usize> {
    let descriptor = file.as_raw_fd();
    let note = OPEN_FILES.iter().position(|open| {
        let noted =
            open.descriptor
                .compare_exchange(-1, descriptor, Ordering::AcqRel, Ordering::Relaxed);
        noted.is_ok()
    })?;
    let open = OPEN_FILES.get(note)?;
    open.device.store(identity.device, Ordering::Relaxed);
    open.inode.store(identity.inode, Ordering::Release);
    Some(note)
}

/// Call before the file is closed.
pub(crate) fn forget_open_file(note: Option<usize>) {
    if let Some(open) = note.and_then(|note| OPEN_FILES.get(note)) {
        open.inode.store(0, Ordering::Relaxed);
        open.device.store(0, Ordering::Relaxed);
        open.descriptor.store(-1, Ordering::Release);
    }
}

/// The home folder from the user database, for programs that are started without an environment.
pub(crate) fn home() -> Option<PathBuf> {
    let mut entry = MaybeUninit::<libc::passwd>::zeroed();
    let mut found = std::ptr::null_mut();
    let mut buffer = [0; 4_096];
    // SAFETY: the call writes to `entry`, to `buffer` within its length, and to `found`, which it points at `entry` or at
    // nothing; the home folder is then a C string within `buffer`, which outlives its use.
    let folder = unsafe {
        let result = libc::getpwuid_r(
            libc::geteuid(),
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut found,
        );
        if result != 0 || found.is_null() || (*found).pw_dir.is_null() {
            return None;
        }
        CStr::from_ptr((*found).pw_dir).to_bytes()
    };
    let folder = PathBuf::from(OsStr::from_bytes(folder));
    folder.is_absolute().then_some(folder)
}

/// Runs `run`, which writes files, so that exceeding a file size limit is a write error and does not kill the host program:
/// the signal `SIGXFSZ` is blocked and consumed.
pub(crate) fn without_size_signal<R>(run: impl FnOnce() -> R) -> R {
    let mut size = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set, `sigaddset` adds to it, `pthread_sigmask` reads it and, when it
    // succeeds, initialises the other one.
    let blocked = unsafe {
        let _always_succeeds = libc::sigemptyset(size.as_mut_ptr());
        let _always_succeeds = libc::sigaddset(size.as_mut_ptr(), libc::SIGXFSZ);
        libc::pthread_sigmask(libc::SIG_BLOCK, size.as_ptr(), before.as_mut_ptr()) == 0
    };
    let result = run();
    if blocked {
        let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
        let mut taken = 0;
        // SAFETY: `sigpending` initialises the set that it is given; `sigwait` is called only for a signal that is blocked
        // and pending, so that it returns at once; `before` holds the mask that was in force.
        unsafe {
            if libc::sigpending(pending.as_mut_ptr()) == 0
                && libc::sigismember(pending.as_ptr(), libc::SIGXFSZ) == 1
            {
                let _result = libc::sigwait(size.as_ptr(), &raw mut taken);
            }
            let _result =
                libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        }
    }
    result
}

/// Counts forked children. If this fails (the C library is out of memory), a child keeps its parent's generation and has no
/// worker thread, so its events are not sent.
pub(crate) fn watch_forks() {
    if !WATCHING.swap(true, Ordering::Relaxed) {
        // SAFETY: the handler runs in the forked child, where only async-signal-safe work is allowed: it adds to an
        // atomic and closes descriptors. It is never unregistered; a library that holds it must not be unloaded, and
        // Rust code cannot be.
        let _result = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
    }
}

/// Registers `run` for the end of the process by `exit` or by returning from `main`. It does not affect the exit status.
pub(crate) fn at_exit(run: extern "C" fn()) {
    if !EXITING.swap(true, Ordering::Relaxed) {
        // SAFETY: `run` is a function that never unwinds (it catches panics), as a C handler must be.
        let _result = unsafe { libc::atexit(run) };
    }
}

/// Runs `run` with all signals blocked in this thread. A thread that it starts inherits this, so the host program's signals
/// are delivered to its own threads only.
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

/// The start of a process, as a text that no other process with this id has: ticks since boot, and the boot id (Linux).
pub(crate) fn began(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // proc_pid_stat(5): the name, in parentheses, may hold anything; the start is the 20th field behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    if fields.next()? == "Z" {
        return Some("ended, and waits to be taken note of".to_owned());
    }
    let ticks = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{ticks} {}", boot.trim()))
}

/// The system's number of this thread (Linux); 0 elsewhere.
pub(crate) fn thread_id() -> u32 {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the call takes nothing, writes nothing and cannot fail.
        u32::try_from(unsafe { libc::gettid() }).unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        0
    }
}

/// A thread that was joined may be counted by the system for a moment longer: waits for that, at most ten milliseconds.
pub(crate) fn wait_for_end_of_thread(thread_id: u32) {
    if thread_id == 0 {
        return;
    }
    let entry = PathBuf::from(format!("/proc/self/task/{thread_id}"));
    for _ in 0..200 {
        if !entry.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
}

/// Whether there is a process with this id.
pub(crate) fn is_alive(process: u32) -> bool {
    let Ok(process) = libc::pid_t::try_from(process) else {
        return false;
    };
    // SAFETY: signal 0 is not sent; the call only says whether it could be.
    let result = unsafe { libc::kill(process, 0) };
    result == 0 || std::io::Error::last_os_error().kind() == std::io::ErrorKind::PermissionDenied
}

/// Whether a file belongs to this process's effective user.
pub(crate) fn is_ours(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // SAFETY: the call takes nothing, writes nothing and cannot fail.
    metadata.uid() == unsafe { libc::geteuid() }
}

/// Refuses to open a symbolic link.
pub(crate) fn only_plain(options: &mut std::fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(libc::O_NOFOLLOW);
}

/// System, release, version and machine, as `uname` gives them; not the host's name.
pub(crate) fn names() -> Option<[String; 4]> {
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
