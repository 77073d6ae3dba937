//! The scanner of the strict and the lenient reader: a position in a JSON text. `LENIENT` selects the rules.

use std::borrow::Cow;
use std::ops::Range;

use crate::hex;

const HIGH_SURROGATES: Range<u32> = 0xd800..0xdc00;
const LOW_SURROGATES: Range<u32> = 0xdc00..0xe000;

/// An error in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringError {
    EndOfText,
    /// Strict only.
    ControlCharacter,
    UnknownEscape,
    HexDigits,
}

impl StringError {
    /// The error as a message.
    pub(super) fn text(self) -> &'static str {
        match self {
            StringError::EndOfText => "the text ends inside a string",
            StringError::ControlCharacter => "a control character in a string",
            StringError::UnknownEscape => "an unknown escape in a string",
            StringError::HexDigits => "a \\u escape needs four hex digits",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// In bytes from the start of the text.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The rest of the text. Must not be called inside a character.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// The next byte that is not white space; the position moves to it.
    pub(super) fn peek_token(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.position += 1,
                other => return other,
            }
        }
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.position += bytes;
    }

    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    /// Reads the string at the position, which must be its opening quote; borrowed unless it has escapes.
    pub(super) fn string<const LENIENT: bool>(&mut self) -> Result<Cow<'a, str>, StringError> {
        self.position += 1;
        let start = self.position;
        self.skip_plain::<LENIENT>();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..self.position - 1]));
        }
        self.unescape::<LENIENT>(start).map(Cow::Owned)
    }

    /// Reads the rest of a string that starts at `start` and has no escapes up to the position.
    fn unescape<const LENIENT: bool>(&mut self, start: usize) -> Result<String, StringError> {
        let mut unescaped = String::from(&self.text[start..self.position]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(unescaped);
                }
                Some(b'\\') => unescaped.push(self.escape::<LENIENT>()?),
                Some(_) => return Err(StringError::ControlCharacter),
                None => return Err(StringError::EndOfText),
            }
            let start = self.position;
            self.skip_plain::<LENIENT>();
            unescaped.push_str(&self.text[start..self.position]);
        }
    }

    /// Skips the string at the position, which must be its opening quote; false if it has no end.
    pub(super) fn skip_string(&mut self) -> bool {
        let mut at = self.position + 1;
        loop {
            let rest = self.text.as_bytes().get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                return false;
            };
            at += found;
            if self.text.as_bytes()[at] == b'"' {
                self.position = at + 1;
                return true;
            }
            at += 2;
        }
    }

    /// Skips the characters of a string up to its end, an escape or, strictly, a control character.
    fn skip_plain<const LENIENT: bool>(&mut self) {
        let rest = &self.text.as_bytes()[self.position..];
        let special = if LENIENT {
            memchr::memchr2(b'"', b'\\', rest)
        } else {
            rest.iter()
                .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)
        };
        self.position += special.unwrap_or(rest.len());
    }

    fn escape<const LENIENT: bool>(&mut self) -> Result<char, StringError> {
        self.position += 1;
        let byte = self.peek().ok_or(StringError::EndOfText)?;
        self.position += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape::<LENIENT>(),
            _ => return Err(StringError::UnknownEscape),
        })
    }

    /// A lone surrogate is U+FFFD: RFC 8259 §8.2 leaves it to the parser, and a program that cuts texts by UTF-16 units
    /// writes one.
    fn unicode_escape<const LENIENT: bool>(&mut self) -> Result<char, StringError> {
        let unit = self.four_hex_digits()?;
        let after_unit = self.position;
        let code = if HIGH_SURROGATES.contains(&unit) {
            match self.low_surrogate() {
                Err(error) if !LENIENT => return Err(error),
                Ok(Some(low)) => {
                    0x1_0000 + ((unit - HIGH_SURROGATES.start) << 10 | (low - LOW_SURROGATES.start))
                }
                _ => unit,
            }
        } else {
            unit
        };
        Ok(char::from_u32(code).unwrap_or_else(|| {
            self.position = after_unit;
            char::REPLACEMENT_CHARACTER
        }))
    }

    /// The escape that completes a pair; `None` if something else follows.
    fn low_surrogate(&mut self) -> Result<Option<u32>, StringError> {
        if !(self.take(b'\\') && self.take(b'u')) {
            return Ok(None);
        }
        let unit = self.four_hex_digits()?;
        Ok(LOW_SURROGATES.contains(&unit).then_some(unit))
    }

    fn four_hex_digits(&mut self) -> Result<u32, StringError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(hex::value_of);
            value = value << 4 | u32::from(digit.ok_or(StringError::HexDigits)?);
            self.position += 1;
        }
        Ok(value)
    }
}
