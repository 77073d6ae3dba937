//! The stack of open arrays and objects, one bit each: a body of 32 MiB that opens one with every byte costs 4 MiB.

/// The open arrays and objects.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    depth: usize,
    /// The innermost 64 or fewer, the last one in the lowest bit.
    inner: u64,
    /// The others, 64 in each number.
    outer: Vec<u64>,
}

impl Nesting {
    /// Opens an object, or an array.
    pub(super) fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.inner);
        }
        self.inner = self.inner << 1 | u64::from(is_object);
        self.depth += 1;
    }

    /// The number of open arrays and objects.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether the innermost is an object; `None` if nothing is open.
    pub(super) fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.inner & 1 == 1)
    }

    /// Closes the innermost.
    pub(super) fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inner >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.inner = self.outer.pop().unwrap_or_default();
        }
    }
}
