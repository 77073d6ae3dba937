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

    /// Whether a row with this imprint is to be erased.
    pub fn matches(&self, imprint: &str) -> bool {
        number(imprint).is_some_and(|number| self.0.contains(&number))
    }
}

/// An imprint's 16 hexadecimal digits as a number.
fn number(imprint: &str) -> Option<u64> {
    u64::from_str_radix(imprint, 16).ok()
}
