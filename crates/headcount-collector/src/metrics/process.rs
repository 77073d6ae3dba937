//! The process, under the names that every client library of Prometheus uses
//! (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>), where `/proc` tells.

use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headcount_observe::Page;

/// The unit of times in `/proc/PID/stat`: the same on every Linux that programs see (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// When the process was first asked, at its start.
static STARTED: LazyLock<Duration> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
});

/// Notes that the process begins now.
pub(crate) fn note_start() {
    LazyLock::force(&STARTED);
}

pub(super) fn write(page: &mut Page) {
    page.gauge(
        "headcount_build_info",
        "1, with the version of the program.",
    )
    .labelled(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.gauge(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970 UTC.",
    )
    .value(STARTED.as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        page.gauge("process_resident_memory_bytes", "Resident memory.")
            .value(bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        page.counter(
            "process_cpu_seconds_total",
            "User and system time of the processor.",
        )
        .value(seconds);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", "Open file descriptors.")
            .value(entries.count());
    }
    if let Some(most) = max_descriptors() {
        page.gauge("process_max_fds", "The most open file descriptors.")
            .value(most);
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything. After it, utime and stime are the 12th and the 13th field.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some((user + system) / TICKS_A_SECOND)
}

fn max_descriptors() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let mut lines = limits.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    // Without a limit there is no number.
    line.split_whitespace().next()?.parse().ok()
}
