//! Reads what a caller hands over, which may be anything.
//!
//! A value is taken as it is stored: a `str` as its characters, a number as its digits, a list or a tuple as its items. Nothing
//! of the host's code is run for it, no `__str__`, `__iter__`, `__bool__` or `__index__`; so there is nothing that could
//! raise, block or run for ever. What is not of the right type is left out and counted ([`Reader::refused`]).

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headcount::Content;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// A longer text is nobody's role, goal or output but a mistake, and to copy it would cost the caller milliseconds.
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
    /// For a call that was given these arguments beyond those that it has.
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

    /// Counts values that something else refused.
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

    /// A text without which something is missing.
    pub(crate) fn needed_text<'a>(&mut self, given: Given<'a, '_>) -> Option<&'a str> {
        self.refused += u64::from(given.is_none());
        self.text(given)
    }

    /// A text to be kept.
    pub(crate) fn kept_text(&mut self, given: Given<'_, '_>) -> Option<Arc<str>> {
        self.text(given).map(Arc::from)
    }

    /// A crew's content.
    pub(crate) fn content(&mut self, given: Given<'_, '_>) -> Option<Content> {
        self.text(given).map(Content::from)
    }

    /// One of the catalog's words.
    pub(crate) fn word<W: FromStr>(&mut self, given: Given<'_, '_>) -> Option<W> {
        let word = self.text(given)?.parse().ok();
        self.refused += u64::from(word.is_none());
        word
    }

    /// `True` or `False`, and no number.
    pub(crate) fn boolean(&mut self, given: Given<'_, '_>) -> Option<bool> {
        let value = given?.cast::<PyBool>().ok().map(|value| value.is_true());
        self.refused += u64::from(value.is_none());
        value
    }

    /// A whole number, and no boolean.
    pub(crate) fn integer(&mut self, given: Given<'_, '_>) -> Option<i64> {
        let value = integer_of(given?);
        self.refused += u64::from(value.is_none());
        value
    }

    /// A number, and no boolean.
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

    /// A folder: a `str`, or an object with `__fspath__` such as those of `pathlib`. The only value for which the host's code
    /// is run, and that once in a program's life.
    ///
    /// # Errors
    /// That code raised something that is no `Exception`: the host's wish to end, such as `KeyboardInterrupt`, which is not
    /// ours to swallow.
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

    /// The items of a list or a tuple, as far as `limit`; each that `item` does not take is refused.
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

/// The characters; `None` for anything but a text, and for one that is no Unicode (a lone surrogate) or too long.
pub(crate) fn text_of<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    let text = value.cast::<PyString>().ok()?;
    // Asked before it is encoded: the interpreter keeps the encoded form beside the text.
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
