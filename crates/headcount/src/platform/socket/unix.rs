//! TCP connections (Unix). The standard library connects and closes in one call, in which the host program could close the
//! socket and open a file of its own under its number.

#![allow(
    unsafe_code,
    reason = "the C library's calls have no safe form; each is explained where it is made"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use crate::platform::Own;

#[cfg(not(target_vendor = "apple"))]
const KIND: libc::c_int = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
#[cfg(target_vendor = "apple")]
const KIND: libc::c_int = libc::SOCK_STREAM;

/// Connects within `timeout`.
///
/// # Errors
/// The address cannot be reached, does not answer in time, or the host program closed the socket.
pub(crate) fn connect(address: &SocketAddr, timeout: Duration) -> io::Result<Own<TcpStream>> {
    let deadline = Instant::now() + timeout;
    let stream = socket(address)?;
    stream.get()?.set_nonblocking(true)?;
    match begin(stream.get()?, address) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            wait_until_writable(&stream, deadline)?;
            if let Some(error) = stream.get()?.take_error()? {
                return Err(error);
            }
        }
        result => result?,
    }
    stream.get()?.set_nonblocking(false)?;
    Ok(stream)
}

fn socket(address: &SocketAddr) -> io::Result<Own<TcpStream>> {
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    // SAFETY: creates a descriptor that nobody else owns.
    let socket = unsafe {
        let socket = libc::socket(family, KIND, 0);
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(socket)
    };
    #[cfg(target_vendor = "apple")]
    {
        let on: libc::c_int = 1;
        // SAFETY: sets two options of a socket that this function owns; the value outlives the call.
        unsafe {
            let _result = libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC);
            let _result = libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NOSIGPIPE,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
    Own::new(TcpStream::from(socket))
}

fn begin(stream: &TcpStream, address: &SocketAddr) -> io::Result<()> {
    // SAFETY: both structures are plain numbers, for which zeros are valid; `connect` reads as many bytes as it is told, which
    // are those of the structure that it is given.
    let result = unsafe {
        match address {
            SocketAddr::V4(address) => {
                let mut raw: libc::sockaddr_in = zeroed();
                raw.sin_family = libc::AF_INET as libc::sa_family_t;
                raw.sin_port = address.port().to_be();
                raw.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                libc::connect(stream.as_raw_fd(), (&raw const raw).cast(), length)
            }
            SocketAddr::V6(address) => {
                let mut raw: libc::sockaddr_in6 = zeroed();
                raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                raw.sin6_port = address.port().to_be();
                raw.sin6_addr.s6_addr = address.ip().octets();
                raw.sin6_flowinfo = address.flowinfo();
                raw.sin6_scope_id = address.scope_id();
                let length = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
                libc::connect(stream.as_raw_fd(), (&raw const raw).cast(), length)
            }
        }
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn wait_until_writable(stream: &Own<TcpStream>, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut polled = libc::pollfd {
            fd: stream.get()?.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        };
        let millis = libc::c_int::try_from(left.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: `poll` reads and writes the one structure that it is given.
        let ready = unsafe { libc::poll(&raw mut polled, 1, millis.max(1)) };
        if ready > 0 {
            return Ok(());
        }
        if ready < 0 {
            let error = io::Error::last_os_error();
            // As after a stop and a continuation of the process.
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}
