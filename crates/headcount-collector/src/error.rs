//! Why a collector could not be started or stopped.

use std::io;

use headcount_catalog::{CatalogError, DialectError};
use headcount_lake::LakeError;

/// Why a collector could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener's address cannot be used.
    #[error(
        "cannot listen on {address}{}; give another address with --http or --grpc",
        guess(source)
    )]
    Listen {
        /// The address as given.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// No address to listen on was given.
    #[error("there is no address to listen on; give one with --http or --grpc")]
    NoAddress,
    /// The data folder has no usable secret.
    #[error("cannot read or make the secret in the data folder {folder}")]
    Secret {
        /// The data folder.
        folder: String,
        /// Why not.
        source: io::Error,
    },
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

/// What is probably the matter.
fn guess(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => ": another program is on that port",
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        io::ErrorKind::PermissionDenied => ": only an administrator may take that port",
        _ => "",
    }
}
