//! The file of a sender's order to erase (`docs/formats/wal.md`).

use std::path::Path;

use headcount_catalog::KeyedReceipt;

use crate::disk::Disk;
use crate::error::LogError;

const MAGIC: &[u8; 8] = b"HEADCERA";
/// Magic, checksum, time of acceptance.
const HEADER: usize = 20;

/// One request's order.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) number: u64,
    /// Seconds since 1970 UTC.
    pub(super) accepted: u64,
    pub(super) is_done: bool,
    pub(super) receipts: Vec<KeyedReceipt>,
}

/// The bytes of its file.
pub(super) fn bytes(order: &Order) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + order.receipts.len() * 16);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&order.accepted.to_le_bytes());
    for receipt in &order.receipts {
        bytes.extend_from_slice(receipt.as_bytes());
    }
    let checksum = crc32fast::hash(&bytes[12..]);
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The order in a file; [`LogError::Damaged`] where that is not as it was written.
pub(super) fn read(
    disk: &dyn Disk,
    path: &Path,
    number: u64,
    is_done: bool,
) -> Result<Order, LogError> {
    let bytes = disk.read(path).map_err(LogError::io("read", path))?;
    decoded(number, is_done, &bytes).ok_or_else(|| LogError::Damaged {
        path: path.to_path_buf(),
        offset: 0,
        reason: "the checksum differs".to_owned(),
    })
}

/// The order in the bytes of its file; `None` where they are not as they were written.
pub(super) fn decoded(number: u64, is_done: bool, bytes: &[u8]) -> Option<Order> {
    let accepted = bytes.get(12..HEADER)?.try_into().ok()?;
    let is_whole =
        bytes.starts_with(MAGIC) && crc32fast::hash(&bytes[12..]).to_le_bytes() == bytes[8..12];
    let receipts = bytes[HEADER..].chunks_exact(16);
    is_whole.then(|| Order {
        number,
        accepted: u64::from_le_bytes(accepted),
        is_done,
        receipts: receipts
            .map(|sixteen| KeyedReceipt::new(sixteen.try_into().unwrap_or_default()))
            .collect(),
    })
}

/// Tells of an order that is set aside.
pub(super) fn report_damaged(path: &Path) {
    tracing::error!(
        path = %path.display(),
        "an order to erase is damaged, and was set aside: the rows that it names are not erased until it is restored from a \
         backup (under the ending `.order`) or their senders order it again; remove the file to end this report"
    );
}
