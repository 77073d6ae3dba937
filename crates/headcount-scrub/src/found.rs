//! The kinds of text that the scrubber removes.

/// The kinds of text that were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found(u8);

impl Found {
    /// E-mail addresses: `[email]`.
    pub const EMAIL: Found = Found(1);
    /// Telephone numbers: `[phone]`.
    pub const PHONE: Found = Found(2);
    /// Keys, passwords and other secrets: `[secret]`.
    pub const SECRET: Found = Found(4);
    /// Paths into a person's home folder: `[path]`.
    pub const PATH: Found = Found(8);
    /// Network addresses: `[address]`.
    pub const ADDRESS: Found = Found(16);
    /// Runs of 13 or more digits, such as card numbers: `[number]`.
    pub const NUMBER: Found = Found(32);

    /// Whether any of `kinds` was removed.
    pub fn contains(self, kinds: Found) -> bool {
        self.0 & kinds.0 != 0
    }

    /// Whether nothing was removed.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn add(&mut self, kinds: Found) {
        self.0 |= kinds.0;
    }
}
