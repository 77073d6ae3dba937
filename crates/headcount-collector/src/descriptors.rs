//! File descriptors: a process may open only so many, and connections must not take those that the store needs.

/// What the store, its readers and the listeners may need. A query opens a file at a time for each of its partitions; flushes,
/// merges and the log need a few more.
const FOR_THE_STORE: u64 = 512;

/// How many of `wanted` connections there are descriptors for. Raises the soft limit as far as the hard limit allows: it is
/// 1,024 on most systems, for the sake of programs that use `select`.
pub(crate) fn connections(wanted: usize) -> usize {
    let limit = raise();
    // With few descriptors, half of them are the store's.
    let left = limit.saturating_sub(FOR_THE_STORE).max(limit / 2);
    let connections = wanted
        .min(usize::try_from(left).unwrap_or(usize::MAX))
        .max(1);
    if connections < wanted {
        tracing::warn!(
            descriptors = limit,
            connections,
            "the limit of open files leaves room for few connections; raise it, for example with `ulimit -n`"
        );
    }
    connections
}

/// The limit of open files, raised.
#[cfg(unix)]
fn raise() -> u64 {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    raised
        .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft))
        .unwrap_or(1024)
}

#[cfg(not(unix))]
fn raise() -> u64 {
    u64::MAX
}
