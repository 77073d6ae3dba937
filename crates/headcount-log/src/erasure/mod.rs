//! Orders to erase, and which rows they concern. `headcount-lake` carries them out.

mod filter;
mod orders;

pub use filter::ErasureFilter;
pub use orders::{ErasedReceipts, Orders, Pending};
