//! The files of a scan, verified as DataFusion reads them.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};

use crate::checksum::BlockChecksums;
use crate::error::{LakeError, is_bad_medium};
use crate::unreadable_files::UnreadableFiles;
use crate::verified_file::damaged_block;

/// A file of a scan.
#[derive(Debug)]
pub(crate) struct ScannedFile {
    pub(crate) path: PathBuf,
    /// Bytes, by the table's log.
    pub(crate) size: u64,
    pub(crate) checksums: BlockChecksums,
}

/// An object store to read from, which fails where a file is not as it was written, and notes that file as unreadable. Files
/// that are not among its own pass through.
#[derive(Debug)]
pub(crate) struct VerifiedStore {
    inner: Arc<dyn ObjectStore>,
    files: HashMap<Path, ScannedFile>,
    unreadable: Arc<UnreadableFiles>,
}

impl VerifiedStore {
    pub(crate) fn new(
        inner: Arc<dyn ObjectStore>,
        files: HashMap<Path, ScannedFile>,
        unreadable: Arc<UnreadableFiles>,
    ) -> Self {
        Self {
            inner,
            files,
            unreadable,
        }
    }

    /// Reads `parts`, each of whole blocks.
    async fn read_blocks(
        &self,
        location: &Path,
        file: &ScannedFile,
        parts: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let read = match self.inner.get_ranges(location, parts).await {
            Ok(read) => read,
            Err(error) if has_bad_medium(&error) => {
                return Err(self.damaged(file, "the medium cannot be read".to_owned()));
            }
            Err(error) => return Err(self.cut_off(location, file).await.unwrap_or(error)),
        };
        for (part, bytes) in parts.iter().zip(&read) {
            if let Some(offset) = file.checksums.first_damage(part.start, bytes) {
                return Err(self.damaged(file, damaged_block(offset)));
            }
        }
        Ok(read)
    }

    /// The error for a file that is shorter or longer than its log says.
    async fn cut_off(&self, location: &Path, file: &ScannedFile) -> Option<Error> {
        let length = self.inner.head(location).await.ok()?.size;
        let reason = || {
            format!(
                "it is {length} bytes long, and was written with {} bytes",
                file.size
            )
        };
        (length != file.size).then(|| self.damaged(file, reason()))
    }

    fn damaged(&self, file: &ScannedFile, reason: String) -> Error {
        let text = format!("{}: {reason}", file.path.display());
        self.unreadable.note(&LakeError::UnreadableFile {
            path: file.path.clone(),
            source: reason.into(),
        });
        Error::Generic {
            store: "verified file",
            source: text.into(),
        }
    }
}

/// Whether one of the causes is that the medium cannot be read.
fn has_bad_medium(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(is_bad_medium) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl fmt::Display for VerifiedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "verified {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for VerifiedStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let Some(file) = self.files.get(location).filter(|_| !options.head) else {
            return self.inner.get_opts(location, options).await;
        };
        let range = match &options.range {
            Some(range) => range.as_range(file.size).map_err(|error| Error::Generic {
                store: "verified file",
                source: Box::new(error),
            })?,
            None => 0..file.size,
        };
        let bytes = self
            .get_ranges(location, std::slice::from_ref(&range))
            .await?;
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(bytes.into_iter().map(Ok)).boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: chrono::DateTime::UNIX_EPOCH,
                size: file.size,
                e_tag: None,
                version: None,
            },
            range,
            attributes: Attributes::default(),
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let Some(file) = self.files.get(location) else {
            return self.inner.get_ranges(location, ranges).await;
        };
        let blocks = ranges
            .iter()
            .map(|range| file.checksums.blocks_of(range, file.size));
        let parts = joined(blocks.collect());
        let read = self.read_blocks(location, file, &parts).await?;
        let slice = |range: &Range<u64>| {
            let index = parts.partition_point(|part| part.end < range.end);
            let (Some(part), Some(bytes)) = (parts.get(index), read.get(index)) else {
                return Err(self.behind_end(file, range));
            };
            let within = range
                .start
                .checked_sub(part.start)
                .zip(range.end.checked_sub(part.start));
            match within.filter(|(start, end)| start <= end && *end <= bytes.len() as u64) {
                // Both are within the bytes.
                Some((start, end)) => Ok(bytes.slice(start as usize..end as usize)),
                None => Err(self.behind_end(file, range)),
            }
        };
        ranges.iter().map(slice).collect()
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(Error::NotImplemented {
            operation: "put".to_owned(),
            implementer: self.to_string(),
        })
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented {
            operation: "put".to_owned(),
            implementer: self.to_string(),
        })
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let refused = Error::NotImplemented {
            operation: "delete".to_owned(),
            implementer: self.to_string(),
        };
        stream::iter([Err(refused)]).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented {
            operation: "copy".to_owned(),
            implementer: self.to_string(),
        })
    }
}

impl VerifiedStore {
    fn behind_end(&self, file: &ScannedFile, range: &Range<u64>) -> Error {
        Error::Generic {
            store: "verified file",
            source: format!(
                "bytes {}..{} are behind the end of a file of {} bytes",
                range.start, range.end, file.size
            )
            .into(),
        }
    }
}

/// The ranges in order, those that touch joined.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
