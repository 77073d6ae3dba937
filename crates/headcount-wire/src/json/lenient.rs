//! The lenient reader: JSON inside a string, even if the string is truncated.
//!
//! A length limit in the sender's SDK truncates such strings without a mark. The reader returns the values that are
//! complete, then reports the broken tail ([`JsonReader::is_broken`]) and returns nothing more. It is a pull parser: the
//! caller reads known members and skips the others, which are not decoded. It does not recurse, and nesting deeper than
//! [`MAX_DEPTH`] breaks the text. Python's `NaN` and `Infinity` are numbers here.

use std::borrow::Cow;

use super::nesting::Nesting;
use super::scanner::Scanner;

/// The maximum nesting of a skipped value.
pub const MAX_DEPTH: usize = 64;

/// One value that is neither an array nor an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction or exponent that fits into 64 bits.
    Integer(i64),
    /// Any other number, including NaN and infinities.
    Double(f64),
    /// A string, borrowed if it has no escapes. A lone surrogate becomes U+FFFD.
    Text(Cow<'a, str>),
}

/// The kind of the next value.
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
    scanner: Scanner<'a>,
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
            scanner: Scanner::new(text),
            broken: false,
        }
    }

    /// Whether the text read so far is truncated or not JSON.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The kind of the next value; `None` at the end of the text, which is then broken.
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
        self.scanner.advance(1);
        Some(Inside {
            close,
            first: true,
            done: false,
        })
    }

    /// Moves to the next element of an array; false at its end or if the text is broken.
    pub fn next_element(&mut self, inside: &mut Inside) -> bool {
        if inside.done {
            return false;
        }
        let Some(next) = self.peek() else {
            return false;
        };
        if next == inside.close {
            self.scanner.advance(1);
            inside.done = true;
            return false;
        }
        if !std::mem::take(&mut inside.first) {
            if next != b',' {
                return self.refuse();
            }
            self.scanner.advance(1);
            return self.peek().is_some();
        }
        true
    }

    /// Moves to the next member of an object and reads its key; `None` at its end or if the text is broken.
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
        self.scanner.advance(1);
        Some(key)
    }

    /// Reads the next scalar. A number or literal at the very end of the text may be truncated, so it counts as broken.
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

    /// Skips the next value without decoding it; false if the text is broken.
    pub fn skip(&mut self) -> bool {
        let mut open = Nesting::default();
        loop {
            let Some(next) = self.peek() else {
                return false;
            };
            let is_read = match next {
                b'"' => self.skip_string(),
                b'{' | b'[' if open.depth() == MAX_DEPTH => self.refuse(),
                b'{' | b'[' => {
                    open.push(next == b'{');
                    self.scanner.advance(1);
                    continue;
                }
                b'}' | b']' if open.innermost() == Some(next == b'}') => {
                    open.pop();
                    self.scanner.advance(1);
                    true
                }
                b'}' | b']' => self.refuse(),
                b',' | b':' if open.innermost().is_some() => {
                    self.scanner.advance(1);
                    continue;
                }
                _ => self.word().is_some(),
            };
            if !is_read {
                return false;
            }
            if open.innermost().is_none() {
                return true;
            }
        }
    }

    fn skip_string(&mut self) -> bool {
        self.scanner.skip_string() || self.refuse()
    }

    fn refuse(&mut self) -> bool {
        self.fail::<()>().is_some()
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
        match self.scanner.peek_token() {
            None => self.fail(),
            next => next,
        }
    }

    /// The characters of a number or literal, which must be followed by another character.
    fn word(&mut self) -> Option<&'a str> {
        let rest = self.scanner.rest();
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        match rest.bytes().position(|byte| !is_part(byte)) {
            None | Some(0) => self.fail(),
            Some(length) => {
                self.scanner.advance(length);
                Some(&rest[..length])
            }
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        match self.scanner.string::<true>() {
            Ok(text) => Some(text),
            Err(_) => self.fail(),
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

#[cfg(test)]
#[path = "lenient_tests.rs"]
mod tests;
