//! Reads JSON that a sender put into a string, also where the string was cut in the middle.
//!
//! A length limit in the sender's SDK cuts such strings without a mark. So everything complete before the cut is
//! read, and the broken tail is reported once ([`JsonReader::is_broken`]); after that the reader returns nothing more.
//! It is a pull parser: the caller reads the members that it knows and skips the others, which are not decoded. Nothing
//! recurses, and nesting deeper than [`MAX_DEPTH`] breaks the text. Python's `NaN` and `Infinity` are numbers here.

use std::borrow::Cow;

/// The deepest nesting of a skipped value.
pub const MAX_DEPTH: u32 = 64;

/// One value that is neither an array nor an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction or exponent that fits into 64 bits.
    Integer(i64),
    /// Any other number, NaN and infinities among them.
    Double(f64),
    /// A text, borrowed where it holds no escapes. A lone surrogate reads as U+FFFD.
    Text(Cow<'a, str>),
}

/// The shape of the next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An object: see [`JsonReader::enter`].
    Object,
    /// An array: see [`JsonReader::enter`].
    Array,
    /// Anything else: see [`JsonReader::scalar`].
    Scalar,
}

/// A position in a JSON text.
#[derive(Debug, Clone)]
pub struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    broken: bool,
}

/// An array or object that was entered.
#[derive(Debug)]
pub struct Inside {
    close: u8,
    first: bool,
    done: bool,
}

impl<'a> JsonReader<'a> {
    /// Reads `text` from its beginning.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            broken: false,
        }
    }

    /// Whether the text ended too early, or is not JSON, where the reader looked.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The shape of the next value; `None` at the end of the text, which breaks it.
    pub fn shape(&mut self) -> Option<Shape> {
        match self.peek()? {
            b'{' => Some(Shape::Object),
            b'[' => Some(Shape::Array),
            _ => Some(Shape::Scalar),
        }
    }

    /// Enters the next array or object.
    pub fn enter(&mut self) -> Option<Inside> {
        let close = match self.peek()? {
            b'{' => b'}',
            b'[' => b']',
            _ => return self.fail(),
        };
        self.at += 1;
        Some(Inside {
            close,
            first: true,
            done: false,
        })
    }

    /// Moves to the next element of an array; false at its end and where the text is broken.
    pub fn next_element(&mut self, inside: &mut Inside) -> bool {
        if inside.done {
            return false;
        }
        let Some(next) = self.peek() else {
            return false;
        };
        if next == inside.close {
            self.at += 1;
            inside.done = true;
            return false;
        }
        if !std::mem::take(&mut inside.first) {
            if next != b',' {
                return self.fail::<()>().is_some();
            }
            self.at += 1;
            return self.peek().is_some();
        }
        true
    }

    /// Moves to the next member of an object and reads its key; `None` at its end and where the text is broken.
    pub fn next_key(&mut self, inside: &mut Inside) -> Option<Cow<'a, str>> {
        if !self.next_element(inside) {
            return None;
        }
        if self.peek()? != b'"' {
            return self.fail();
        }
        let key = self.string()?;
        if self.peek()? != b':' {
            return self.fail();
        }
        self.at += 1;
        Some(key)
    }

    /// Reads the next scalar. A number or word at the very end of the text may have lost its tail: broken.
    pub fn scalar(&mut self) -> Option<Scalar<'a>> {
        if self.peek()? == b'"' {
            return self.string().map(Scalar::Text);
        }
        let word = self.word()?;
        let value = match word {
            "null" => Scalar::Null,
            "true" => Scalar::Boolean(true),
            "false" => Scalar::Boolean(false),
            "NaN" => Scalar::Double(f64::NAN),
            "Infinity" => Scalar::Double(f64::INFINITY),
            "-Infinity" => Scalar::Double(f64::NEG_INFINITY),
            number => match read_number(number) {
                Some(number) => number,
                None => return self.fail(),
            },
        };
        Some(value)
    }

    /// Skips the next value without decoding it; false where the text is broken.
    pub fn skip(&mut self) -> bool {
        let mut depth = 0_u32;
        // One bit a level: whether it is an object.
        let mut objects = 0_u64;
        loop {
            let Some(next) = self.peek() else {
                return false;
            };
            match next {
                b'"' => {
                    if self.skip_string().is_none() {
                        return false;
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return self.fail::<()>().is_some();
                    }
                    objects = objects << 1 | u64::from(next == b'{');
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    if depth == 0 || (objects & 1 == 1) != (next == b'}') {
                        return self.fail::<()>().is_some();
                    }
                    depth -= 1;
                    objects >>= 1;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    if self.word().is_none() {
                        return false;
                    }
                }
            }
            if depth == 0 {
                return true;
            }
        }
    }

    fn fail<T>(&mut self) -> Option<T> {
        self.broken = true;
        None
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        if self.broken {
            return None;
        }
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        self.fail()
    }

    /// A run of the bytes that numbers and words are made of, and something after it.
    fn word(&mut self) -> Option<&'a str> {
        let rest = &self.text.as_bytes()[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        match rest.iter().position(|byte| !is_part(byte)) {
            None | Some(0) => self.fail(),
            Some(length) => {
                let word = &self.text[self.at..self.at + length];
                self.at += length;
                Some(word)
            }
        }
    }

    /// The text between the quotes, as it stands, and whether it holds escapes.
    fn skip_string(&mut self) -> Option<(&'a str, bool)> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                return self.fail();
            };
            at += found;
            if self.text.as_bytes()[at] == b'"' {
                self.at = at + 1;
                return Some((&self.text[start..at], escaped));
            }
            escaped = true;
            at += 2;
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        match self.skip_string()? {
            (text, false) => Some(Cow::Borrowed(text)),
            (text, true) => match unescape(text) {
                Some(text) => Some(Cow::Owned(text)),
                None => self.fail(),
            },
        }
    }
}

fn read_number(word: &str) -> Option<Scalar<'static>> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(integer) = word.parse()
    {
        return Some(Scalar::Integer(integer));
    }
    word.parse().ok().map(Scalar::Double)
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        // An escape letter is ASCII, so that the next byte begins a character.
        rest = rest.get(at + 2..)?;
        out.push(match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = hex4(&mut rest)?;
                surrogate_pair(unit, &mut rest)
            }
            _ => return None,
        });
    }
    out.push_str(rest);
    Some(out)
}

fn hex4(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    *rest = &rest[4..];
    u32::from_str_radix(digits, 16).ok()
}

/// The character of `unit`, together with the low surrogate that follows a high one.
fn surrogate_pair(unit: u32, rest: &mut &str) -> char {
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    let mut after = rest.strip_prefix("\\u").unwrap_or_default();
    match hex4(&mut after) {
        Some(low @ 0xdc00..0xe000) => {
            *rest = after;
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
#[path = "lenient_json_tests.rs"]
mod tests;
