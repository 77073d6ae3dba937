//! Systems where a handle cannot be closed by its number.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::super::own::Own;

/// Connects within `timeout`.
///
/// # Errors
/// The address cannot be reached, or does not answer in time.
pub(crate) fn connect(address: &SocketAddr, timeout: Duration) -> io::Result<Own<TcpStream>> {
    Own::new(TcpStream::connect_timeout(address, timeout)?)
}
