//! The memory of this machine, or of the control group that the process runs in.

use std::fs;
use std::path::Path;

/// Bytes of memory that this process and its neighbours may have in all; `None` where the system does not say.
pub(super) fn machine_memory() -> Option<u64> {
    let installed = fs::read_to_string("/proc/meminfo").ok();
    let installed = installed.as_deref().and_then(total_of_meminfo);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(limit_of_group);
    installed.into_iter().chain(limits).min()
}

/// The line `MemTotal:       24583040 kB` (proc(5)).
fn total_of_meminfo(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The limit of the group in a line of `/proc/self/cgroup` (cgroups(7)): `0::/path` in version 2, `5:memory:/path` before.
fn limit_of_group(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let file = match controllers {
        "" => "memory.max",
        "memory" => "memory/memory.limit_in_bytes",
        _ => return None,
    };
    let root = Path::new("/sys/fs/cgroup");
    let (controller, name) = file.split_once('/').unwrap_or(("", file));
    let of_group = root
        .join(controller)
        .join(path.trim_start_matches('/'))
        .join(name);
    // In a container the group's path is that of the host, and its files are at the root.
    let text = fs::read_to_string(of_group).or_else(|_| fs::read_to_string(root.join(file)));
    // No limit is the word `max`, or a number beyond any machine.
    text.ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_memory_is_read() {
        let text = "MemTotal:       24583040 kB\nMemFree:        1 kB\n";
        assert_eq!(total_of_meminfo(text), Some(24_583_040 << 10));
        assert_eq!(total_of_meminfo("MemFree: 1 kB"), None);
    }
}
