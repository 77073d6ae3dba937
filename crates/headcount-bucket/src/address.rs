//! The address of a bucket, and of the objects below a prefix in it.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;

/// Who runs the bucket, and so which protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3, and every store with its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

impl Provider {
    const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    /// The scheme of its addresses.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

/// `s3://BUCKET/PREFIX`; the prefix may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketAddress {
    /// Who runs it.
    pub provider: Provider,
    /// The bucket's name; Azure calls it a container.
    pub bucket: String,
    /// What the names of all objects begin with; may be empty.
    pub prefix: Path,
}

/// Why a text is no address of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another scheme.
    #[error("{text} is no address of a bucket; write s3://BUCKET/PREFIX (also gs:// or az://)")]
    Scheme {
        /// The text.
        text: String,
    },
    /// It names no bucket.
    #[error("{text} names no bucket; write {scheme}://BUCKET/PREFIX")]
    NoBucket {
        /// The text.
        text: String,
        /// Its scheme.
        scheme: &'static str,
    },
    /// The bucket's name has other characters than such names may have.
    #[error(
        "{bucket} in {text} is no name of a bucket: those have letters, digits, '.', '-' and '_' alone; options and credentials come from the environment"
    )]
    Name {
        /// The text.
        text: String,
        /// The part that was taken for the name.
        bucket: String,
    },
    /// An object's name cannot begin with this prefix.
    #[error("{text} has a prefix that no object can have: {source}")]
    Prefix {
        /// The text.
        text: String,
        /// Why not.
        source: PrefixError,
    },
}

/// Why a text is no prefix of objects' names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PrefixError(String);

/// Whether a text is meant as an address, and not as the path of a folder: it begins with a scheme.
pub fn is_address(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else {
        return false;
    };
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    !scheme.is_empty() && scheme.bytes().all(is_of_scheme)
}

impl FromStr for BucketAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parts = text.split_once("://");
        let known = parts.and_then(|(scheme, rest)| {
            let mut all = Provider::ALL.into_iter();
            let provider = all.find(|known| known.scheme().eq_ignore_ascii_case(scheme))?;
            Some((provider, rest))
        });
        let Some((provider, rest)) = known else {
            return Err(AddressError::Scheme {
                text: text.to_owned(),
            });
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(AddressError::NoBucket {
                text: text.to_owned(),
                scheme: provider.scheme(),
            });
        }
        // No user, port, query or fragment is taken for a part of the name.
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_$".contains(&byte);
        if !bucket.bytes().all(is_of_name) {
            return Err(AddressError::Name {
                text: text.to_owned(),
                bucket: bucket.to_owned(),
            });
        }
        let prefix = Path::parse(prefix.trim_matches('/'));
        Ok(Self {
            provider,
            bucket: bucket.to_owned(),
            prefix: prefix.map_err(|error| AddressError::Prefix {
                text: text.to_owned(),
                source: PrefixError(error.to_string()),
            })?,
        })
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.provider.scheme(), self.bucket)?;
        match self.prefix.as_ref() {
            "" => Ok(()),
            prefix => write!(formatter, "/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for (text, written, bucket, prefix) in [
            ("s3://backups", "s3://backups", "backups", ""),
            ("s3://backups/", "s3://backups", "backups", ""),
            ("S3://b.a-c_k/x/y/", "s3://b.a-c_k/x/y", "b.a-c_k", "x/y"),
            ("gs://backups//x", "gs://backups/x", "backups", "x"),
            (
                "az://container/x y",
                "az://container/x y",
                "container",
                "x y",
            ),
        ] {
            let address: BucketAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(
                (address.bucket.as_str(), address.prefix.as_ref()),
                (bucket, prefix)
            );
            assert_eq!(written.parse(), Ok(address));
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_form_that_is_expected() {
        for text in ["http://host/x", "s3:/x", "backups", "ftp://x", "://"] {
            let error = text.parse::<BucketAddress>().unwrap_err();
            assert!(matches!(error, AddressError::Scheme { .. }), "{text}");
        }
        for text in ["s3://", "s3:///x", "gs:///"] {
            let error = text.parse::<BucketAddress>().unwrap_err();
            assert!(matches!(error, AddressError::NoBucket { .. }), "{text}");
        }
        for text in ["s3://user:secret@host/x", "s3://b?region=eu", "az://ä/x"] {
            let error = text.parse::<BucketAddress>().unwrap_err();
            assert!(matches!(error, AddressError::Name { .. }), "{text}");
        }
        for text in ["s3://b/x//y", "s3://b/../x", "s3://b/./x"] {
            let error = text.parse::<BucketAddress>().unwrap_err();
            assert!(matches!(error, AddressError::Prefix { .. }), "{text}");
        }
    }

    #[test]
    fn a_path_is_not_taken_for_an_address() {
        for text in ["/mnt/backup", "./s3:/x", "backup", "C:/x", "a/b://c", ""] {
            assert!(!is_address(text), "{text}");
        }
        for text in ["s3://b", "https://x", "file:///x", "s3a://b/x"] {
            assert!(is_address(text), "{text}");
        }
    }
}
