//! Appends protobuf fields, including nested messages, to a buffer.

use crate::cursor::{FIXED64, LENGTH, VARINT, key};
use crate::varint;

/// A growing message. Lengths of inner messages are filled in when they are closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

/// The start of an open message's content.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct OpenMessage {
    content: usize,
}

impl Writer {
    #[cfg(feature = "json")]
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Appends to `bytes`.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Appends fields that are already encoded.
    pub(crate) fn append(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[cfg(feature = "json")]
    /// Drops everything after the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn raw_key(&mut self, number: u32, wire_type: u32) {
        varint::write(&mut self.bytes, u64::from(key(number, wire_type)));
    }

    pub(crate) fn varint(&mut self, number: u32, value: u64) {
        self.raw_key(number, VARINT);
        varint::write(&mut self.bytes, value);
    }

    pub(crate) fn fixed64(&mut self, number: u32, value: u64) {
        self.raw_key(number, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, number: u32, value: &[u8]) {
        self.raw_key(number, LENGTH);
        varint::write(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Appends fields that are already encoded.
    #[inline]
    pub(crate) fn raw(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    /// A `KeyValue` in field `number`, whose `AnyValue` is a key byte, `head` and `tail`; `false`, and nothing is written,
    /// unless each length fits into one byte. Most attributes do, and need no message to be opened and closed.
    #[inline]
    pub(crate) fn short_attribute(
        &mut self,
        number: u32,
        name: &str,
        head: &[u8],
        tail: &[u8],
    ) -> bool {
        let value = head.len() + tail.len();
        let whole = name.len() + value + 4;
        if whole >= 0x80 || number >= 16 {
            return false;
        }
        self.bytes.reserve(whole + 2);
        let outer = key(number, LENGTH) as u8;
        self.bytes
            .extend_from_slice(&[outer, whole as u8, 0x0a, name.len() as u8]);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(&[0x12, value as u8]);
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(tail);
        true
    }

    /// Begins a message in field `number`; every field written until [`close`](Self::close) is part of it.
    pub(crate) fn open(&mut self, number: u32) -> OpenMessage {
        self.raw_key(number, LENGTH);
        // Most messages are shorter than 128 bytes: one byte for the length. Longer ones are moved when closed.
        self.bytes.push(0);
        OpenMessage {
            content: self.bytes.len(),
        }
    }

    pub(crate) fn close(&mut self, message: OpenMessage) {
        let end = self.bytes.len();
        let length = end - message.content;
        let prefix = varint::length(length as u64);
        if prefix > 1 {
            self.bytes.resize(end + prefix - 1, 0);
            self.bytes
                .copy_within(message.content..end, message.content + prefix - 1);
        }
        let mut rest = length;
        for index in 0..prefix {
            let more = if index + 1 < prefix { 0x80 } else { 0 };
            self.bytes[message.content - 1 + index] = (rest & 0x7f) as u8 | more;
            rest >>= 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_message_has_its_length() {
        for length in [0, 1, 120, 125, 126, 127, 128, 16_380, 16_384, 2_100_000] {
            let content = vec![7; length];
            let mut writer = Writer::default();
            let outer = writer.open(1);
            writer.bytes(2, &content);
            writer.close(outer);
            let bytes = writer.into_bytes();
            let mut cursor = crate::cursor::Cursor::new(&bytes);
            assert_eq!(cursor.next_key(), Ok(Some(key(1, LENGTH))));
            let mut inner = crate::cursor::Cursor::new(cursor.bytes().unwrap());
            assert_eq!(inner.next_key(), Ok(Some(key(2, LENGTH))));
            assert_eq!(inner.bytes(), Ok(content.as_slice()));
            assert_eq!(inner.next_key(), Ok(None));
            assert_eq!(cursor.next_key(), Ok(None));
        }
    }
}
