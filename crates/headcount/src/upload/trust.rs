//! Certificate authorities that the framework adds.

use std::path::Path;

use super::certificates::certificates_in;
use super::endpoint::EndpointError;
use crate::platform::files;

/// Certificate authorities beyond the Mozilla roots, which the framework adds (DER).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trust(pub(crate) Vec<Vec<u8>>);

impl Trust {
    /// Reads certificates as the framework has them: each value is one in DER, or one or several in PEM. Within a bundle,
    /// certificates that cannot be read are left out.
    ///
    /// # Errors
    /// A value holds no certificate that can be read.
    pub(crate) fn read(given: &[Vec<u8>]) -> Result<Self, EndpointError> {
        let mut certificates = Vec::new();
        for value in given {
            let before = certificates.len();
            certificates.extend(certificates_in(value));
            if certificates.len() == before {
                return Err(EndpointError::Certificate);
            }
        }
        Ok(Self(certificates))
    }

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
