//! Which rows of one table are to be erased.

use headcount_catalog::KeyedReceipt;

use crate::identity_hash::HashedSet;

/// The receipts to erase, as the rows of one table hold them: each row has the imprint of its receipt.
#[derive(Debug)]
pub struct ErasureFilter(HashedSet);

impl ErasureFilter {
    /// The filter of `table` for `receipts`.
    pub fn new(receipts: &[KeyedReceipt], table: &str) -> Self {
        let imprints = receipts.iter().map(|receipt| receipt.imprint(table));
        Self(
            imprints
                .filter_map(|imprint| number(imprint.as_str()))
                .collect(),
        )
    }

    /// Whether an imprint of a row that is to be erased stands anywhere in `bytes`, which need not be whole records. Where the
    /// imprint itself is damaged, nobody can tell.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        // An imprint is 16 digits in a row, behind its length.
        let windows = bytes.windows(1 + IMPRINT);
        let imprints = windows.filter(|window| usize::from(window[0]) == IMPRINT);
        let texts = imprints.filter_map(|window| std::str::from_utf8(&window[1..]).ok());
        texts.into_iter().any(|text| self.matches(text))
    }

    /// Whether a row with this imprint is to be erased.
    pub fn matches(&self, imprint: &str) -> bool {
        number(imprint).is_some_and(|number| self.0.contains(&number))
    }
}

/// The digits of an imprint.
const IMPRINT: usize = 16;

/// An imprint's 16 hexadecimal digits as a number.
pub(super) fn number(imprint: &str) -> Option<u64> {
    let is_imprint = imprint.len() == IMPRINT;
    u64::from_str_radix(imprint, 16).ok().filter(|_| is_imprint)
}
