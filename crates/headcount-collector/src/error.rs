//! Errors of starting and stopping a collector.

use std::io;

use headcount_catalog::{CatalogError, DialectError};
use headcount_lake::LakeError;

use crate::tls::TlsError;

/// An error of starting or stopping a collector.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener's address cannot be used.
    #[error(
        "cannot listen on {address}{}; give another address with --http or --grpc",
        likely_cause(source)
    )]
    Listen {
        /// The address as given.
        address: String,
        /// The cause.
        source: io::Error,
    },
    /// No address to listen on.
    #[error("no address to listen on; give one with --http or --grpc")]
    NoAddress,
    /// The secret in the data folder cannot be used.
    #[error("cannot read or create the secret in the data folder {folder}")]
    Secret {
        /// The data folder.
        folder: String,
        /// The cause.
        source: io::Error,
    },
    /// The data folder cannot keep the policy.
    #[error("cannot keep the policy in the data folder {folder}")]
    Policy {
        /// The data folder.
        folder: String,
        /// The cause.
        source: io::Error,
    },
    /// TLS cannot begin.
    #[error("cannot use TLS: {0}")]
    Tls(#[from] TlsError),
    /// The operating system gives no random bytes.
    #[error("cannot get random bytes from the operating system")]
    Random(#[source] io::Error),
    /// The catalog is broken.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A dialect is broken.
    #[error(transparent)]
    Dialect(#[from] DialectError),
    /// The store cannot be opened or closed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// The likely cause.
fn likely_cause(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => ": another program uses that port",
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        io::ErrorKind::PermissionDenied => ": only an administrator may take that port",
        _ => "",
    }
}
