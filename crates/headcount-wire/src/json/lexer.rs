//! JSON (RFC 8259), read from front to back over borrowed text.

use std::borrow::Cow;

use super::nesting::Nesting;
use crate::value::MAX_VALUE_DEPTH;

/// How many arrays and objects may be open at once in what is written on: a list of keys and values is four for each of
/// its levels, and an attribute's value begins at the tenth. So whatever is too deep for this is too deep for the reader of
/// protobuf, too. What is passed over may be nested as deep as the text is long.
const MAX_DEPTH: usize = 16 + 4 * MAX_VALUE_DEPTH;

/// What is wrong, and where the reader stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Innermost first; put in order when shown.
    pub(super) path: Vec<Step>,
    pub(super) offset: usize,
    pub(super) text: &'static str,
}

/// One step of the way to a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Member(&'static str),
    Element(usize),
}

impl Problem {
    /// The same problem, seen from the level above.
    #[cold]
    pub(super) fn below(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

/// The kind of the next value, told from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            depth: 0,
        }
    }

    #[cold]
    pub(super) fn problem(&self, text: &'static str) -> Problem {
        Problem {
            path: Vec::new(),
            offset: self.position,
            text,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.position += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), Problem> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.problem(otherwise))
        }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        self.skip_space();
        if self.position == self.text.len() {
            Ok(())
        } else {
            Err(self.problem("more text after the end of the request"))
        }
    }

    pub(super) fn kind(&mut self) -> Result<Kind, Problem> {
        self.skip_space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(self.problem("expected a value")),
            None => Err(self.problem("the text ends where a value is expected")),
        }
    }

    fn enter(&mut self) -> Result<(), Problem> {
        if self.depth == MAX_DEPTH {
            return Err(self.problem("a value is nested deeper than 100 levels"));
        }
        self.depth += 1;
        self.position += 1;
        Ok(())
    }

    /// Reads an object; `member` must read each value. Members that are `null` are absent and not shown to it.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if self.kind()? != Kind::Object {
            return Err(self.problem("expected an object"));
        }
        self.enter()?;
        self.skip_space();
        if !self.take(b'}') {
            loop {
                let key = self.key()?;
                if self.kind()? == Kind::Null {
                    self.word("null")?;
                } else {
                    member(self, &key)?;
                }
                self.skip_space();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',', expected_next(true))?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array; `element` must read each value.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if self.kind()? != Kind::Array {
            return Err(self.problem("expected an array"));
        }
        self.enter()?;
        self.skip_space();
        if !self.take(b']') {
            let mut index = 0;
            loop {
                element(self).map_err(|problem| problem.below(Step::Element(index)))?;
                index += 1;
                self.skip_space();
                if self.take(b']') {
                    break;
                }
                self.expect(b',', expected_next(false))?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes over a value of any kind, checking its syntax; does not recurse, and remembers one bit a level.
    pub(super) fn skip(&mut self) -> Result<(), Problem> {
        let mut open = Nesting::default();
        loop {
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    let is_object = kind == Kind::Object;
                    self.position += 1;
                    self.skip_space();
                    if !self.take(closing(is_object)) {
                        open.push(is_object);
                        self.key_in(is_object)?;
                        continue;
                    }
                }
                Kind::String => drop(self.string()?),
                Kind::Number => {
                    let _digits = self.number()?;
                }
                Kind::Boolean => {
                    let _value = self.boolean()?;
                }
                Kind::Null => self.word("null")?,
            }
            loop {
                let Some(is_object) = open.innermost() else {
                    return Ok(());
                };
                self.skip_space();
                if self.take(b',') {
                    self.key_in(is_object)?;
                    break;
                }
                self.expect(closing(is_object), expected_next(is_object))?;
                open.pop();
            }
        }
    }

    /// The key that stands before a value in an object.
    fn key_in(&mut self, is_object: bool) -> Result<(), Problem> {
        if is_object {
            let _key = self.key()?;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Problem> {
        if self.kind()? != Kind::String {
            return Err(self.problem("expected a key"));
        }
        let key = self.string()?;
        self.skip_space();
        self.expect(b':', "expected ':' after a key")?;
        Ok(key)
    }

    fn word(&mut self, word: &'static str) -> Result<(), Problem> {
        if self.text.as_bytes()[self.position..].starts_with(word.as_bytes()) {
            self.position += word.len();
            Ok(())
        } else {
            Err(self.problem("expected true, false or null"))
        }
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Problem> {
        if self.kind()? != Kind::Boolean {
            return Err(self.problem("expected true or false"));
        }
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// A number as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Problem> {
        if self.kind()? != Kind::Number {
            return Err(self.problem("expected a number"));
        }
        let rest = &self.text[self.position..];
        let Some(length) = number_length(rest.as_bytes()) else {
            return Err(self.problem("a number is not written as JSON prescribes"));
        };
        self.position += length;
        Ok(&rest[..length])
    }

    /// A string without its quotes; borrowed unless it holds escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Problem> {
        if self.kind()? != Kind::String {
            return Err(self.problem("expected a string"));
        }
        self.position += 1;
        let start = self.position;
        self.skip_plain();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..self.position - 1]));
        }
        let mut unescaped = String::from(&self.text[start..self.position]);
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Cow::Owned(unescaped));
                }
                Some(b'\\') => unescaped.push(self.escape()?),
                Some(_) => return Err(self.problem("a control character in a string")),
                None => return Err(self.problem("the text ends inside a string")),
            }
            let start = self.position;
            self.skip_plain();
            unescaped.push_str(&self.text[start..self.position]);
        }
    }

    /// Passes over everything that stands for itself in a string.
    fn skip_plain(&mut self) {
        let rest = &self.text.as_bytes()[self.position..];
        self.position += rest
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)
            .unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, Problem> {
        self.position += 1;
        let Some(byte) = self.byte() else {
            return Err(self.problem("the text ends inside a string"));
        };
        self.position += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(self.problem("an unknown escape in a string")),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Problem> {
        let first = self.four_hex_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            self.expect(b'\\', "half of a surrogate pair in a string")?;
            self.expect(b'u', "half of a surrogate pair in a string")?;
            let second = self.four_hex_digits()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.problem("half of a surrogate pair in a string"));
            }
            0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00))
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.problem("half of a surrogate pair in a string"))
    }

    fn four_hex_digits(&mut self) -> Result<u32, Problem> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.problem("a \\u escape needs four hex digits"));
            };
            value = value << 4 | digit;
            self.position += 1;
        }
        Ok(value)
    }
}

fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}

fn expected_next(is_object: bool) -> &'static str {
    if is_object {
        "expected ',' or '}' in an object"
    } else {
        "expected ',' or ']' in an array"
    }
}

/// How many of the first bytes are a JSON number; `None` if they are none.
pub(super) fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut end = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(end);
    if whole == 0 || (whole > 1 && bytes[end] == b'0') {
        return None;
    }
    end += whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent == 0 {
            return None;
        }
        end += 1 + sign + exponent;
    }
    Some(end)
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
