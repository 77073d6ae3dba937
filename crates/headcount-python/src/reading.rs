//! Reads the arguments of a call, which may be of any type.
//!
//! A value is read as it is stored: the characters of a `str`, the digits of a number, the items of a list or a tuple. None of
//! the host's code runs, no `__str__`, `__iter__`, `__bool__` or `__index__`, so nothing can raise, block or run for ever. A
//! value of a wrong type is left out and counted ([`Reader::refused`]).

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headcount::Content;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// A longer text is a mistake and no role, goal or output; copying it would take milliseconds.
const LONGEST_TEXT: usize = 1_048_576;

/// Keyword arguments that a call does not have.
pub(crate) type Unknown<'a, 'py> = &'a Bound<'py, PyDict>;
/// A parameter that may be left out.
pub(crate) type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// Reads the values of one call and counts those that it refuses.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    refused: u64,
}

impl Reader {
    /// A reader for a call with these unexpected arguments.
    pub(crate) fn new(extra: &Bound<'_, PyTuple>, unknown: Option<Unknown<'_, '_>>) -> Self {
        let unknown = unknown.map_or(0, |unknown| unknown.len());
        Self {
            refused: (extra.len() + unknown) as u64,
        }
    }

    /// How many values were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts values that were refused elsewhere.
    pub(crate) fn refuse(&mut self, values: u64) {
        self.refused += values;
    }

    /// A text: a `str`, or an instance of a class derived from it, as its characters.
    pub(crate) fn text<'a>(&mut self, given: Given<'a, '_>) -> Option<&'a str> {
        let given = given?;
        let text = text_of(given);
        self.refused += u64::from(text.is_none());
        text
    }

    /// A text that is required.
    pub(crate) fn needed_text<'a>(&mut self, given: Given<'a, '_>) -> Option<&'a str> {
        self.refused += u64::from(given.is_none());
        self.text(given)
    }

    /// A text that is stored.
    pub(crate) fn kept_text(&mut self, given: Given<'_, '_>) -> Option<Arc<str>> {
        self.text(given).map(Arc::from)
    }

    /// A crew's content.
    pub(crate) fn content(&mut self, given: Given<'_, '_>) -> Option<Content> {
        self.text(given).map(Content::from)
    }

    /// A value of one of the catalog's enumerations.
    pub(crate) fn word<W: FromStr>(&mut self, given: Given<'_, '_>) -> Option<W> {
        let word = self.text(given)?.parse().ok();
        self.refused += u64::from(word.is_none());
        word
    }

    /// `True` or `False`. Numbers are refused.
    pub(crate) fn boolean(&mut self, given: Given<'_, '_>) -> Option<bool> {
        let value = given?.cast::<PyBool>().ok().map(|value| value.is_true());
        self.refused += u64::from(value.is_none());
        value
    }

    /// An integer. Booleans are refused.
    pub(crate) fn integer(&mut self, given: Given<'_, '_>) -> Option<i64> {
        let value = integer_of(given?);
        self.refused += u64::from(value.is_none());
        value
    }

    /// A number. Booleans are refused.
    pub(crate) fn number(&mut self, given: Given<'_, '_>) -> Option<f64> {
        let given = given?;
        let value = match given.cast::<PyFloat>() {
            Ok(number) => Some(number.value()),
            Err(_) => integer_of(given).map(|integer| integer as f64),
        };
        self.refused += u64::from(value.is_none());
        value
    }

    /// A moment, in seconds since 1970 as `time.time()` gives them.
    pub(crate) fn moment(&mut self, given: Given<'_, '_>) -> Option<SystemTime> {
        let seconds = self.number(given)?;
        let since = Duration::try_from_secs_f64(seconds).ok();
        let moment = since.and_then(|since| UNIX_EPOCH.checked_add(since));
        self.refused += u64::from(moment.is_none());
        moment
    }

    /// A folder: a `str`, or an object with `__fspath__`, such as those of `pathlib`. This is the only value for which the
    /// host's code runs, once in a program's life.
    ///
    /// # Errors
    /// That code raised an exception that is no `Exception`, such as `KeyboardInterrupt`, which must be passed on.
    pub(crate) fn path(&mut self, given: Given<'_, '_>) -> PyResult<Option<PathBuf>> {
        let Some(given) = given else {
            return Ok(None);
        };
        let path = match text_of(given) {
            Some(text) => Some(PathBuf::from(text)),
            None => match given.call_method0("__fspath__") {
                Ok(path) => text_of(&path).map(PathBuf::from),
                Err(error) if error.is_instance_of::<PyException>(given.py()) => None,
                Err(end) => return Err(end),
            },
        };
        self.refused += u64::from(path.is_none());
        Ok(path)
    }

    /// The items of a list or a tuple, at most `limit`; items that `item` does not accept are refused.
    pub(crate) fn items<'py, T>(
        &mut self,
        given: Given<'_, 'py>,
        limit: usize,
        mut item: impl FnMut(&mut Self, &Bound<'py, PyAny>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let given = given?;
        let count = match (given.cast::<PyList>(), given.cast::<PyTuple>()) {
            (Ok(list), _) => list.len(),
            (_, Ok(tuple)) => tuple.len(),
            _ => {
                self.refused += 1;
                return None;
            }
        };
        self.refused += u64::from(count > limit);
        let mut taken = Vec::with_capacity(count.min(limit));
        for index in 0..count.min(limit) {
            let found = match given.cast::<PyList>() {
                Ok(list) => list.get_item(index).ok(),
                Err(_) => given
                    .cast::<PyTuple>()
                    .ok()
                    .and_then(|tuple| tuple.get_item(index).ok()),
            };
            match found.and_then(|found| item(self, &found)) {
                Some(value) => taken.push(value),
                None => self.refused += 1,
            }
        }
        Some(taken)
    }

    /// Texts.
    pub(crate) fn texts(&mut self, given: Given<'_, '_>, limit: usize) -> Option<Vec<String>> {
        self.items(given, limit, |_, item| text_of(item).map(str::to_owned))
    }

    /// Blocks of bytes.
    pub(crate) fn blocks(&mut self, given: Given<'_, '_>, limit: usize) -> Option<Vec<Vec<u8>>> {
        self.items(given, limit, |_, item| {
            Some(item.cast::<PyBytes>().ok()?.as_bytes().to_vec())
        })
    }
}

/// The characters; `None` if it is not a text, not Unicode (a lone surrogate), or too long.
pub(crate) fn text_of<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    let text = value.cast::<PyString>().ok()?;
    // Checked before it is encoded: the interpreter keeps the encoded form with the text.
    if text.code_point_len().ok()? > LONGEST_TEXT {
        return None;
    }
    text.to_str().ok()
}

fn integer_of(value: &Bound<'_, PyAny>) -> Option<i64> {
    if value.is_instance_of::<PyBool>() {
        return None;
    }
    value.cast::<PyInt>().ok()?.extract().ok()
}
