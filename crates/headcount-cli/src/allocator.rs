//! Settings of the system's allocator.

/// Arenas of glibc's allocator. It gives each thread that meets a busy one another arena, up to eight for each core, and memory that is
/// freed in one is not used in another: under large requests, whose memory changes threads on its way, a collector held
/// half as much again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// Bounds the memory that the allocator keeps for itself; call it before any thread is started. Other allocators than glibc's are left as they are.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub(crate) fn limit_arenas() {
    // SAFETY: mallopt(3) takes two numbers and no memory of ours. No other thread is running yet. If it fails, nothing has changed.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn limit_arenas() {}
