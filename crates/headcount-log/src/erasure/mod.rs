//! Orders to erase, and which rows they concern. `headcount-lake` carries them out.
//!
//! [`Orders`] are those of senders, by receipts; [`CrewOrders`] those of whoever runs the collector, by crews.

mod crew_names;
mod crew_orders;
mod crew_selection;
mod erased;
mod filter;
mod order_file;
mod orders;
mod seen;

pub use crew_names::{CrewNames, CrewOfRow, Run};
pub use crew_orders::{CrewOrder, CrewOrderState, CrewOrders, ReadOrders};
pub use crew_selection::{CrewSelection, MAX_SELECTED, SelectionError};
pub use erased::{Erased, ErasedReceipts};
pub use filter::ErasureFilter;
pub use orders::{Orders, Pending};
pub use seen::SeenReceipts;
