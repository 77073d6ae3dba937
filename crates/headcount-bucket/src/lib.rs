//! A bucket of an object store, as a place for files: what `s3://`, `gs://` and `az://` addresses name.
//!
//! `object_store` speaks the protocols, and takes credentials and endpoints from the environment variables of each. This crate adds what
//! a caller needs who must not lose a file: [`Bucket::create`] makes an object only where there is none, and recognises its own object where
//! the answer got lost; every operation is repeated over short failures; an object is there as a whole or not at all; and each error
//! names the object and says what to do. It knows no backups and no tables.

mod address;
mod bucket;
mod error;
mod provider;
#[doc(hidden)]
pub mod testing;

pub use address::{AddressError, BucketAddress, Provider, is_address};
pub use bucket::{Bucket, Creation, PART, StoredObject, Tag, Upload};
pub use error::{BucketError, Problem};
