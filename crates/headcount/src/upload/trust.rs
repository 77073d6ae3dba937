//! Certificate authorities that the framework adds.

use std::path::Path;

use crate::platform::files;

/// Certificate authorities beyond the Mozilla roots, which the framework adds (DER).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trust(pub(crate) Vec<Vec<u8>>);

impl Trust {
    /// The name of the file in a framework's folder.
    pub(crate) const FILE: &str = "trust";

    /// Saves the certificates for `headcount forget`, which runs in another program: each after its length.
    fn save(&self, folder: &Path) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for certificate in &self.0 {
            let length = u32::try_from(certificate.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(certificate);
        }
        files::replace_durably(&folder.join(Self::FILE), &bytes)
    }

    /// The saved certificates, as far as they can be read.
    pub(crate) fn saved(folder: &Path) -> Self {
        let bytes = files::read(&folder.join(Self::FILE), 1 << 20).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut certificates = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some((certificate, after)) = after.split_at_checked(length) else {
                break;
            };
            certificates.push(certificate.to_vec());
            rest = after;
        }
        Self(certificates)
    }

    /// Saves the certificates unless the file holds them already.
    pub(crate) fn save_if_changed(&self, folder: &Path) -> std::io::Result<()> {
        if self.0.is_empty() || Self::saved(folder) == *self {
            return Ok(());
        }
        self.save(folder)
    }
}
