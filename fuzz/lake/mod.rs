//! The store's readers, compiled here from its own files: the whole crate would bring DataFusion into every fuzz build.
//!
//! A target that includes this brings `error`, `arrow_rows` and `memtable` to its root, where those files look for them.
#![allow(dead_code)]

#[path = "../../crates/headcount-lake/src/arrow_rows.rs"]
pub(crate) mod arrow_rows;
#[path = "../../crates/headcount-lake/src/memtable.rs"]
pub(crate) mod memtable;

pub(crate) mod wal;

pub(crate) mod error {
    use std::io;
    use std::path::{Path, PathBuf};

    use arrow::error::ArrowError;
    use headcount_catalog::CodecError;

    /// Of the store's errors those that reading can meet.
    #[derive(Debug)]
    pub enum LakeError {
        Io(&'static str, PathBuf, io::Error),
        Damaged {
            path: PathBuf,
            offset: u64,
            reason: String,
        },
        Codec(CodecError),
        Arrow(ArrowError),
    }

    impl LakeError {
        pub(crate) fn io(
            action: &'static str,
            path: impl AsRef<Path>,
        ) -> impl FnOnce(io::Error) -> Self {
            let path = path.as_ref().to_path_buf();
            move |source| Self::Io(action, path, source)
        }
    }

    impl From<CodecError> for LakeError {
        fn from(error: CodecError) -> Self {
            Self::Codec(error)
        }
    }

    impl From<ArrowError> for LakeError {
        fn from(error: ArrowError) -> Self {
            Self::Arrow(error)
        }
    }
}
