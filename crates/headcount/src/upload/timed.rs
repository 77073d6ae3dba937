//! A connection with one deadline.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::platform::Own;

/// A stream on which every read and write ends by one deadline, even if the peer sends one byte a second.
#[derive(Debug)]
pub(super) struct Timed<'d> {
    stream: Own<TcpStream>,
    deadline: &'d Cell<Instant>,
}

impl<'d> Timed<'d> {
    pub(super) fn new(stream: Own<TcpStream>, deadline: &'d Cell<Instant>) -> Self {
        Self { stream, deadline }
    }
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self
            .deadline
            .get()
            .saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(left),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.get()?.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        self.stream.get()?.set_write_timeout(Some(left))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
