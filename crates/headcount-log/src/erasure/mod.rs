//! Orders to erase, and which rows they concern. `headcount-lake` carries them out.

mod erased;
mod filter;
mod orders;
mod seen;

pub use erased::{Erased, ErasedReceipts};
pub use filter::ErasureFilter;
pub use orders::{Orders, Pending};
pub use seen::SeenReceipts;
