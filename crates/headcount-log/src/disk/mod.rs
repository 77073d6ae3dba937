//! The file system, behind one trait: nothing else in this crate or in `headcount-lake` calls `std::fs`.

mod durable_folders;
mod interface;
mod real;

pub use durable_folders::DurableFolders;
pub use interface::{Disk, DiskEntry, DiskFile, DiskMetadata, FolderLock};
pub use real::RealDisk;
