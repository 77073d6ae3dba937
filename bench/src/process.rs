//! Memory and CPU time of the measured process, from `/proc`.

use std::fs;

/// Peak memory and processor time of a process so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// Peak resident set (`VmHWM`), MiB.
    pub(crate) peak_mib: f64,
    /// User and system time, seconds.
    pub(crate) cpu_seconds: f64,
}

/// Kernel ticks a second in `/proc/PID/stat`: `USER_HZ`, 100 on every Linux this runs on.
const TICKS: f64 = 100.0;

impl Usage {
    /// `None` if there is no such process, or no `/proc`.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self {
            peak_mib: peak_kib(&status)? as f64 / 1_024.0,
            cpu_seconds: ticks(&stat)? as f64 / TICKS,
        })
    }
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn ticks(stat: &str) -> Option<u64> {
    // The command's name may hold spaces: fields are counted after its closing parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_peak() {
        assert!(Usage::of(std::process::id()).is_some_and(|usage| usage.peak_mib > 0.5));
        assert_eq!(Usage::of(u32::MAX), None);
    }

    #[test]
    fn a_name_with_spaces_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 1 1 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(ticks(stat), Some(200));
    }
}
