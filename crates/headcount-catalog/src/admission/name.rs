//! The names under which refusals are counted.

/// Position in [`super::program::Programs::names`]: a span and a key as our own files name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NameId(pub(super) u16);
