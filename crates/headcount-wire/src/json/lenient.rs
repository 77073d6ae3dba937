//! The lenient reader: JSON that a sender put into a string, also where the string was cut in the middle.
//!
//! A length limit in the sender's SDK cuts such strings without a mark. So everything complete before the cut is
//! read, and the broken tail is reported once ([`JsonReader::is_broken`]); after that the reader returns nothing more.
//! It is a pull parser: the caller reads the members that it knows and skips the others, which are not decoded. Nothing
//! recurses, and nesting deeper than [`MAX_DEPTH`] breaks the text. Python's `NaN` and `Infinity` are numbers here.

use std::borrow::Cow;

use super::nesting::Nesting;
use super::scanner::Scanner;

/// How deep a value that is passed over may be nested.
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
    #[inline]
    pub fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            broken: false,
        }
    }

    /// Whether the text ended too early, or is not JSON, where the reader looked.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// What comes next; `None` at the end of the text, which breaks it.
    #[inline]
    pub fn shape(&mut self) -> Option<Shape> {
        match self.peek()? {
            b'{' => Some(Shape::Object),
            b'[' => Some(Shape::Array),
            _ => Some(Shape::Scalar),
        }
    }

    /// Enters the array or object that comes next.
    #[inline]
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

    /// Moves to the next element of an array; false at its end and where the text is broken.
    #[inline]
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

    /// Moves to the next member of an object and reads its key; `None` at its end and where the text is broken.
    #[inline]
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

    /// Reads the scalar that comes next. A number or word at the very end of the text may have lost its tail: broken.
    #[inline]
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
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        if self.broken {
            return None;
        }
        match self.scanner.peek_token() {
            None => self.fail(),
            next => next,
        }
    }

    /// A run of the bytes that numbers and words are made of, and something after it.
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
