//! Parses the protobuf wire format over borrowed bytes.
//! <https://protobuf.dev/programming-guides/encoding/>

use crate::fault::Fault;
use crate::varint;

/// Wire type of varints.
pub(crate) const VARINT: u32 = 0;
/// Wire type of eight fixed bytes.
pub(crate) const FIXED64: u32 = 1;
/// Wire type of length-delimited content: strings, bytes, messages.
pub(crate) const LENGTH: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

/// Groups were deprecated in 2008; only unknown fields could contain them. The limit is that of protobuf's own parsers.
const MAX_GROUP_DEPTH: usize = 100;

/// A field's key on the wire: number and wire type in one integer.
pub(crate) const fn key(number: u32, wire_type: u32) -> u32 {
    number << 3 | wire_type
}

/// The rest of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The key of the next field, or `None` at the end of the message.
    #[inline(always)]
    pub(crate) fn next_key(&mut self) -> Result<Option<u32>, Fault> {
        // Every field number below 16 has a key of one byte: all of them in the messages read here.
        match *self.rest {
            [] => Ok(None),
            [first, ref rest @ ..] if (8..0x80).contains(&first) && first & 7 < 6 => {
                self.rest = rest;
                Ok(Some(u32::from(first)))
            }
            _ => self.long_key().map(Some),
        }
    }

    #[cold]
    fn long_key(&mut self) -> Result<u32, Fault> {
        let key = u32::try_from(self.varint()?).map_err(|_| Fault::InvalidKey)?;
        if key >> 3 == 0 || key & 7 > FIXED32 {
            return Err(Fault::InvalidKey);
        }
        Ok(key)
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Fault> {
        let (value, rest) = varint::read(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    #[inline(always)]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Fault> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.varint()?).map_err(|_| Fault::Truncated)?;
        let (content, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(content)
    }

    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<&'a str, Fault> {
        simdutf8::basic::from_utf8(self.bytes()?).map_err(|_| Fault::InvalidUtf8)
    }

    /// Skips the content of an unknown field.
    #[inline]
    pub(crate) fn skip(&mut self, key: u32) -> Result<(), Fault> {
        match key & 7 {
            VARINT => self.varint().map(drop),
            LENGTH => self.bytes().map(drop),
            FIXED64 => self.fixed64().map(drop),
            FIXED32 => {
                let (_, rest) = self.rest.split_at_checked(4).ok_or(Fault::Truncated)?;
                self.rest = rest;
                Ok(())
            }
            GROUP_START => self.skip_group(key >> 3),
            _ => Err(Fault::UnbalancedGroup),
        }
    }

    /// Skips a field unless its number is one of `known`: then its wire type is wrong.
    #[inline]
    pub(crate) fn skip_unless(&mut self, key: u32, known: &[u32]) -> Result<(), Fault> {
        if known.contains(&(key >> 3)) {
            return Err(Fault::WrongWireType);
        }
        self.skip(key)
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Fault> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let Some(key) = self.next_key()? else {
                return Err(Fault::UnbalancedGroup);
            };
            match key & 7 {
                GROUP_START if open.len() == MAX_GROUP_DEPTH => return Err(Fault::UnbalancedGroup),
                GROUP_START => open.push(key >> 3),
                GROUP_END if key >> 3 == innermost => drop(open.pop()),
                _ => self.skip(key)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_number_zero_and_unknown_wire_types_are_refused() {
        for byte in [0, 2, 7, 8 | 6, 8 | 7] {
            assert_eq!(Cursor::new(&[byte]).next_key(), Err(Fault::InvalidKey));
        }
        assert_eq!(Cursor::new(&[0xff; 9]).next_key(), Err(Fault::Truncated));
    }

    #[test]
    fn a_group_is_skipped_with_all_that_is_in_it() {
        // field 3 group { field 1 = varint 5, field 2 group { } }, then field 1
        let bytes = [0x1b, 0x08, 5, 0x13, 0x14, 0x1c, 0x08];
        let mut cursor = Cursor::new(&bytes);
        let key = cursor.next_key().unwrap().unwrap();
        cursor.skip(key).unwrap();
        assert_eq!(cursor.next_key(), Ok(Some(8)));
    }

    #[test]
    fn a_group_that_is_not_closed_or_too_deep_is_refused() {
        for bytes in [
            vec![0x1b],
            vec![0x1b, 0x14],
            vec![0x1c],
            vec![0x1b; 1 << 20],
        ] {
            let mut cursor = Cursor::new(&bytes);
            let key = cursor.next_key().unwrap().unwrap();
            assert_eq!(cursor.skip(key), Err(Fault::UnbalancedGroup));
        }
    }

    #[test]
    fn a_length_past_the_end_is_refused() {
        assert_eq!(Cursor::new(&[2, 1]).bytes(), Err(Fault::Truncated));
        let mut huge = vec![0xff; 9];
        huge.push(1);
        assert_eq!(Cursor::new(&huge).bytes(), Err(Fault::Truncated));
    }
}
