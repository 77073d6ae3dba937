//! A socket that is closed without losing the last response.
//!
//! A collector that refuses a request answers before it has read all of it. If it then closed the socket, the operating system
//! would answer the bytes that still come with a reset, and the sender would lose the response (RFC 9112 §9.6). So it first
//! says that nothing more comes, and reads on for a while.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How long the rest of a request is read and thrown away, and the longest pause in it.
const MAX_TIME: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// And how much of it.
const MAX_BYTES: usize = 64 << 20;

/// A socket that outlives the connection served on it.
#[derive(Debug, Clone)]
pub(crate) struct Socket(Arc<TcpStream>);

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// Sends small responses at once.
    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        self.0.set_nodelay(true)
    }

    /// The first byte that the peer sends, which stays to be read; `None` if it sends none.
    pub(crate) async fn first_byte(&self) -> Option<u8> {
        let mut first = [0];
        match self.0.peek(&mut first).await {
            Ok(1) => Some(first[0]),
            _ => None,
        }
    }

    /// Closes the socket once the peer has closed its side, or has had enough time to read the last response.
    pub(crate) async fn close(self) {
        if SockRef::from(&*self.0).shutdown(Shutdown::Write).is_err() {
            return;
        }
        let _ = tokio::time::timeout(MAX_TIME, self.read_rest()).await;
    }

    async fn read_rest(&self) {
        let mut waste = vec![0; 64 * 1024];
        let mut left = MAX_BYTES;
        while left > 0 {
            let readable = tokio::time::timeout(MAX_PAUSE, self.0.readable()).await;
            if !matches!(readable, Ok(Ok(()))) {
                return;
            }
            match self.0.try_read(&mut waste) {
                Ok(0) => return,
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write_vectored(parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}
