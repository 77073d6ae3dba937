//! The collector: receives OTLP over HTTP and gRPC, passes it through admission, acknowledges when the admitted rows are
//! on disk, and forwards every other request of its HTTP listeners to a router of the caller.
//!
//! The receivers know transport (content types, compression, limits, status codes) and nothing else. `headcount-catalog`
//! decides what a span means and which fields may be stored, `headcount-lake` stores them. [`IngestPipeline`] is the
//! one path from bytes to an acknowledgement, for every receiver. No address and no user agent of a sender is stored or
//! logged (promise 10), and no log line contains text of a request (promise 1).

mod base_path;
mod certificate_expiry;
mod clock;
mod connections;
mod counters;
mod decompress;
mod delivery;
mod descriptors;
mod erase_endpoint;
mod error;
mod gate;
mod grpc_frame;
mod grpc_health;
mod handshake;
mod heartbeat;
mod idle;
mod ingest;
mod linger;
mod listener;
mod log_watch;
mod memory_budget;
mod metrics;
mod need;
mod options;
mod otlp_grpc;
mod otlp_http;
mod payload_format;
mod proxies;
mod readiness;
mod receive;
mod rejection;
mod request_durations;
mod server;
mod signal;
mod store_health;
mod tls;
mod transport;
mod unread;

pub use base_path::BasePath;
pub use counters::{Counters, RejectionReason};
pub use error::ServeError;
pub use ingest::{IngestError, IngestOutcome, IngestPipeline};
pub use options::{ReceiverLimits, ServeOptions};
pub use payload_format::PayloadFormat;
pub use proxies::ProxyAddresses;
pub use server::Collector;
pub use tls::{TlsError, TlsFiles};
