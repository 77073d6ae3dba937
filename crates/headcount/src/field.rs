//! The kinds of fields, with their limits. [`crate::fields`] has one constant of these types for each field of the catalog
//! that a client may record.

/// True or false.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boolean {
    pub(crate) key: &'static str,
}

/// A whole number from `min` to `max`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integer {
    pub(crate) key: &'static str,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// A number from `min` to `max`; a duration is one, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Double {
    pub(crate) key: &'static str,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A random id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomId {
    pub(crate) key: &'static str,
}

/// A keyed hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedHash {
    pub(crate) key: &'static str,
}

/// One of a fixed list of values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enum {
    pub(crate) key: &'static str,
    pub(crate) values: &'static [&'static str],
}

/// An identifier: letters, digits and `_ . : + / -`, at most `max_length` of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identifier {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

/// Free text: scrubbed, then cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeText {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

/// At most `max_items` texts, each scrubbed and cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeTexts {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
    pub(crate) max_items: usize,
}

/// Content of a crew that shares, cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedText {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

/// At most `max_items` texts of content, each cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedTexts {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
    pub(crate) max_items: usize,
}

/// One field whose text is scrubbed before it reaches a disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scrubbing {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}
