//! The strict reader: JSON as RFC 8259 defines it, from front to back over borrowed text.
//!
//! It is more tolerant in three points. A lone surrogate is U+FFFD. `NaN`, `Infinity` and `-Infinity` are numbers, as Python
//! writes them. A string that is skipped is not decoded: its end is known whatever is in it, so that it costs nothing that is
//! read.

use std::borrow::Cow;

use super::nesting::Nesting;
use super::scanner::Scanner;
use crate::value::MAX_VALUE_DEPTH;

/// The maximum nesting of transcoded JSON: a list of keys and values has four levels of JSON for each level of protobuf,
/// and an attribute's value begins at the tenth. So JSON beyond this limit is also too deep for the protobuf reader.
/// Skipped values have no limit.
const MAX_DEPTH: usize = 16 + 4 * MAX_VALUE_DEPTH;

/// A problem, and its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Innermost first; reversed when shown.
    pub(super) path: Vec<Step>,
    pub(super) offset: usize,
    pub(super) text: &'static str,
    /// The syntax is invalid: nobody can tell where the next value begins.
    pub(super) is_fatal: bool,
}

/// One step of the path to a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Member(&'static str),
    Element(usize),
}

impl Problem {
    /// The same problem, of syntax.
    #[cold]
    pub(super) fn fatal(mut self) -> Self {
        self.is_fatal = true;
        self
    }

    /// The same problem, seen from the level above.
    #[cold]
    pub(super) fn below(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }
}

/// The kind of the next value, determined by its first byte.
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
pub(super) struct StrictReader<'a> {
    scanner: Scanner<'a>,
    depth: usize,
}

impl<'a> StrictReader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            depth: 0,
        }
    }

    #[cold]
    pub(super) fn problem(&self, text: &'static str) -> Problem {
        Problem {
            path: Vec::new(),
            offset: self.scanner.position(),
            text,
            is_fatal: false,
        }
    }

    /// Skips white space, and `byte` if it follows.
    fn take_token(&mut self, byte: u8) -> bool {
        self.scanner.peek_token() == Some(byte) && self.scanner.take(byte)
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), Problem> {
        if self.scanner.take(byte) {
            Ok(())
        } else {
            Err(self.problem(otherwise))
        }
    }

    /// Only white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        match self.scanner.peek_token() {
            None => Ok(()),
            Some(_) => Err(self.problem("more text after the end of the request")),
        }
    }

    pub(super) fn kind(&mut self) -> Result<Kind, Problem> {
        match self.scanner.peek_token() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => Ok(Kind::Number),
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
        self.scanner.advance(1);
        Ok(())
    }

    /// Reads an object; `member` must read each value. Members that are `null` count as absent: it is not called for them.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if self.kind()? != Kind::Object {
            return Err(self.problem("expected an object"));
        }
        self.enter()?;
        if !self.take_token(b'}') {
            loop {
                let key = self.key()?;
                if !self.take_null()? {
                    member(self, &key)?;
                }
                if self.take_token(b'}') {
                    break;
                }
                self.expect(b',', expected_next(true))?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array; `element` must read each value, also `null`.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if self.kind()? != Kind::Array {
            return Err(self.problem("expected an array"));
        }
        self.enter()?;
        if !self.take_token(b']') {
            let mut index = 0;
            loop {
                element(self).map_err(|problem| problem.below(Step::Element(index)))?;
                index += 1;
                if self.take_token(b']') {
                    break;
                }
                self.expect(b',', expected_next(false))?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Skips a value of any kind and checks its syntax. Does not recurse; uses one bit of memory for each level.
    pub(super) fn skip(&mut self) -> Result<(), Problem> {
        let mut open = Nesting::default();
        loop {
            match self.kind()? {
                kind @ (Kind::Object | Kind::Array) => {
                    let is_object = kind == Kind::Object;
                    self.scanner.advance(1);
                    if !self.take_token(closing(is_object)) {
                        open.push(is_object);
                        self.key_in(is_object)?;
                        continue;
                    }
                }
                Kind::String => self.skip_string()?,
                Kind::Number => {
                    self.number()?;
                }
                Kind::Boolean => {
                    self.boolean()?;
                }
                Kind::Null => self.word("null")?,
            }
            loop {
                let Some(is_object) = open.innermost() else {
                    return Ok(());
                };
                if self.take_token(b',') {
                    self.key_in(is_object)?;
                    break;
                }
                self.expect(closing(is_object), expected_next(is_object))?;
                open.pop();
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), Problem> {
        if self.scanner.skip_string() {
            Ok(())
        } else {
            Err(self.problem("the text ends inside a string"))
        }
    }

    /// Skips the key before a value, if the value is in an object.
    fn key_in(&mut self, is_object: bool) -> Result<(), Problem> {
        if is_object {
            self.at_key()?;
            self.skip_string()?;
            self.colon()?;
        }
        Ok(())
    }

    /// A key; empty if it cannot be decoded, because no known key is like that.
    fn key(&mut self) -> Result<Cow<'a, str>, Problem> {
        self.at_key()?;
        let start = self.scanner.clone();
        let key = match self.scanner.string::<false>() {
            Ok(key) => key,
            Err(_) => {
                self.scanner = start;
                self.skip_string()?;
                Cow::Borrowed("")
            }
        };
        self.colon()?;
        Ok(key)
    }

    fn at_key(&mut self) -> Result<(), Problem> {
        match self.kind()? {
            Kind::String => Ok(()),
            _ => Err(self.problem("expected a key")),
        }
    }

    fn colon(&mut self) -> Result<(), Problem> {
        self.scanner.peek_token();
        self.expect(b':', "expected ':' after a key")
    }

    /// Skips `null`; false if the next value is another.
    pub(super) fn take_null(&mut self) -> Result<bool, Problem> {
        let is_null = self.kind()? == Kind::Null;
        if is_null {
            self.word("null")?;
        }
        Ok(is_null)
    }

    fn word(&mut self, word: &'static str) -> Result<(), Problem> {
        if self.scanner.rest().starts_with(word) {
            self.scanner.advance(word.len());
            Ok(())
        } else {
            Err(self.problem("expected true, false or null"))
        }
    }

    /// `true` or `false`, also as a string.
    pub(super) fn boolean(&mut self) -> Result<bool, Problem> {
        if self.kind()? == Kind::String {
            return match &*self.string()? {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(self.problem("expected true or false")),
            };
        }
        if self.kind()? != Kind::Boolean {
            return Err(self.problem("expected true or false"));
        }
        let value = self.scanner.peek() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// A number, unparsed; also `NaN` and the infinities.
    pub(super) fn number(&mut self) -> Result<&'a str, Problem> {
        if self.kind()? != Kind::Number {
            return Err(self.problem("expected a number"));
        }
        let rest = self.scanner.rest();
        let Some(length) = literal_or_number_length(rest.as_bytes()) else {
            return Err(self.problem("a number is not written as JSON prescribes"));
        };
        self.scanner.advance(length);
        Ok(&rest[..length])
    }

    /// A string without its quotes; borrowed unless it has escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Problem> {
        if self.kind()? != Kind::String {
            return Err(self.problem("expected a string"));
        }
        let read = self.scanner.string::<false>();
        read.map_err(|error| self.problem(error.text()))
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

/// The length of the number at the start of `bytes`; `None` if there is none.
fn literal_or_number_length(bytes: &[u8]) -> Option<usize> {
    let literals = ["NaN", "Infinity", "-Infinity"];
    let literal = literals
        .iter()
        .find(|word| bytes.starts_with(word.as_bytes()));
    literal
        .map(|word| word.len())
        .or_else(|| number_length(bytes))
}

/// The length of the JSON number at the start of `bytes`; `None` if there is none.
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
#[path = "strict_tests.rs"]
mod tests;
