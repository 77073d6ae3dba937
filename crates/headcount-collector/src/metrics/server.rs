//! Connections, memory and certificate of the listeners.

use headcount_observe::Page;

use crate::ingest::ServerState;

pub(super) fn write(page: &mut Page, state: &ServerState) {
    let lanes = state.budget.usage();
    let mut reserved = page.gauge(
        "headcount_request_memory_reserved_bytes",
        "Memory that requests in flight have reserved, by their size.",
    );
    for lane in &lanes {
        reserved.labelled(&[("lane", lane.name)], lane.reserved_bytes);
    }
    let mut limits = page.gauge(
        "headcount_request_memory_limit_bytes",
        "Memory that requests in flight may reserve.",
    );
    for lane in &lanes {
        limits.labelled(&[("lane", lane.name)], lane.limit_bytes);
    }
    let mut waiting = page.gauge(
        "headcount_requests_waiting",
        "Requests that wait for memory.",
    );
    for lane in &lanes {
        waiting.labelled(&[("lane", lane.name)], lane.waiting);
    }
    let mut connections = page.gauge(
        "headcount_connections",
        "Open connections: usual ones, those told to close, and those of the reserve for probes.",
    );
    for (kind, count) in state.connections.counts() {
        connections.labelled(&[("kind", kind)], count);
    }
    page.gauge("headcount_connections_limit", "The most usual connections.")
        .value(state.connections.limit());
    if let Some(expires) = state.tls.as_ref().and_then(|tls| tls.expires()) {
        page.gauge(
            "headcount_certificate_expiry_timestamp_seconds",
            "When the first certificate of the chain in use ends, in seconds since 1970 UTC. Without TLS there is none.",
        )
        .value(expires);
    }
}
