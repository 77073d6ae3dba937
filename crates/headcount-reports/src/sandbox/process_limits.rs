//! The limits that the process of a query sets for itself before it reads the query. None can be raised again.
//!
//! All of this crate's unsafe code is here: four functions of the C library that take numbers or a structure of the caller.

#![allow(
    unsafe_code,
    reason = "setting a limit is a call of the C library; each has its proof"
)]

use std::io;
use std::time::Duration;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Resource = libc::c_int;

/// Parquet files are opened for each read, by two threads.
const OPEN_FILES: u64 = 256;

/// How much later than telemetry the process gets a core, when both want it (`nice`, from 0 to 19).
const NICENESS: libc::c_int = 5;

/// Lets telemetry go first, and this process first when the system runs out of memory. Forbids files: to open many, to write
/// any, to leave a core dump with rows in it.
///
/// # Errors
/// The system refuses a limit.
pub(super) fn give_way() -> io::Result<()> {
    // SAFETY: `nice` takes a number and touches no memory of ours. If it fails, the process runs at the usual priority.
    let _niceness = unsafe { libc::nice(NICENESS) };
    // Only Linux has it; a process may always make its own death more likely.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    lower(libc::RLIMIT_CORE, 0)?;
    lower(libc::RLIMIT_FSIZE, 0)?;
    lower(libc::RLIMIT_NOFILE, OPEN_FILES)
}

/// Limits the memory that the process takes beyond what it has now.
///
/// # Errors
/// The system refuses the limit.
#[cfg(target_os = "linux")]
pub(super) fn limit_memory(bytes: u64) -> io::Result<()> {
    let now = address_space()?;
    lower(libc::RLIMIT_AS, now.saturating_add(bytes))
}

/// Other systems do not enforce a limit of the address space; time and the answer are limited there all the same.
#[cfg(not(target_os = "linux"))]
pub(super) fn limit_memory(_bytes: u64) -> io::Result<()> {
    Ok(())
}

/// The address space that this process has mapped, in bytes (proc(5), `/proc/pid/statm`).
#[cfg(target_os = "linux")]
fn address_space() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').next().and_then(|pages| pages.parse().ok());
    let pages: u64 = pages.ok_or_else(|| io::Error::other("/proc/self/statm has no number"))?;
    // SAFETY: `sysconf` takes a number and touches no memory of ours.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Ok(pages * u64::try_from(page).unwrap_or(4096))
}

/// Limits the processor time that the process takes from now on; at its end the system ends the process.
///
/// # Errors
/// The system refuses the limit.
pub(super) fn limit_processor_time(time: Duration) -> io::Result<()> {
    let mut used = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `used` is a valid place for the one `timespec` that the call writes.
    if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut used) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let used = u64::try_from(used.tv_sec).unwrap_or_default();
    lower(libc::RLIMIT_CPU, used + 1 + time.as_secs())
}

/// Sets a limit to `value`, or leaves it where it is lower.
fn lower(resource: Resource, value: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the one `rlimit` that the call writes.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let lowered = libc::rlimit {
        rlim_cur: limit.rlim_cur.min(value),
        rlim_max: limit.rlim_max.min(value),
    };
    // SAFETY: `lowered` is a valid `rlimit`, which the call only reads.
    match unsafe { libc::setrlimit(resource, &raw const lowered) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
