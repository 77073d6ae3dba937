//! Files and sockets that the host program may close behind the client's back.
//!
//! A program that turns itself into a service closes every descriptor, and the files that it opens next get the same numbers.
//! So a number alone does not say whose file it is: the client compares the file's identity before each use, and never uses or
//! closes a number that belongs to somebody else by now.

use std::fs::File;
use std::io::{self, Read, Write};

use super::os::{self, Descriptor, Identity};

/// A file or socket that the client opened.
#[derive(Debug)]
pub(crate) struct Own<T: Descriptor> {
    /// `Some` until it is dropped.
    inner: Option<T>,
    identity: Option<Identity>,
}

impl<T: Descriptor> Own<T> {
    /// Takes a file or socket that was just opened. Its number becomes 3 or more: the host program may have closed a standard
    /// stream, and uses that number without opening it again.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub(crate) fn new(opened: T) -> io::Result<Self> {
        let inner = os::above_standard_streams(opened)?;
        Ok(Self {
            identity: os::identity(&inner),
            inner: Some(inner),
        })
    }

    /// The file or socket.
    ///
    /// # Errors
    /// The host program closed it; its number is unused, or belongs to another file.
    pub(crate) fn get(&self) -> io::Result<&T> {
        let inner = self.inner.as_ref();
        inner
            .filter(|inner| self.identity.is_some() && os::identity(*inner) == self.identity)
            .ok_or_else(|| io::Error::other("the host program closed this file"))
    }

    /// Gives up the descriptor without closing it.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(self.inner.take());
    }

    /// Makes forked children close their copy. There is room for a few; children keep copies of others.
    pub(crate) fn note_for_children(&self) -> Option<usize> {
        os::note_open_file(self.get().ok()?, self.identity?)
    }
}

impl<T: Descriptor> Drop for Own<T> {
    fn drop(&mut self) {
        if self.get().is_err() {
            self.leak();
        }
    }
}

impl<T: Descriptor> Read for Own<T>
where
    for<'t> &'t T: Read,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.get()?.read(buffer)
    }
}

impl<T: Descriptor> Write for Own<T>
where
    for<'t> &'t T: Write,
{
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.get()?.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.get()?.flush()
    }
}

/// A file of the client.
pub(crate) type OwnFile = Own<File>;
