//! Who may remove files of a repository in a bucket, where no lock outlives a process that was killed.
//!
//! ```text
//! remover                                         adder
//! makes the object REMOVING (if there is none)    lists the content, and adds what is missing
//! lists the points                                makes the point
//! removes points, and content that none names     waits until REMOVING is gone
//! removes REMOVING                                lists the content again: begins anew where something is missing
//! ```
//!
//! A point that is made before the points are listed is named there, and keeps its content. One that is made later meets REMOVING, or it is
//! gone already; either way the content is listed when everything was removed. So no point stays whose content was removed meanwhile.
//!
//! A remover writes the object anew before it removes more, where it did so last half a minute ago; removals that are not answered within a
//! minute are given up. Whoever sees the object unchanged for three minutes therefore knows that its writer removes nothing now, and
//! writes it anew: the old writer cannot do so any more, because it names the state that it wrote, and ends. No clock is compared with
//! another's.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headcount_bucket::{Creation, Tag};

use crate::blocking_bucket::BlockingBucket;
use crate::storage::{Lock, LockError};

/// The object.
pub(crate) const NAME: &str = "REMOVING";

/// How long a removal is trusted, and waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long the object is taken for fresh by its writer.
    pub(crate) fresh: Duration,
    /// How long its writer may take to write it anew, and count on it then.
    pub(crate) latest: Duration,
    /// How long it stays unchanged before others take its writer for dead: `latest`, the minute of a removal, and half a minute more.
    pub(crate) dead: Duration,
    /// The time between two looks at another's object.
    pub(crate) look: Duration,
}

impl Patience {
    /// What every command has that writes to one repository: they have to agree.
    pub(crate) const USUAL: Self = Self {
        fresh: Duration::from_secs(30),
        latest: Duration::from_secs(90),
        dead: Duration::from_secs(180),
        look: Duration::from_secs(2),
    };
}

/// The object, written by this process.
#[derive(Debug)]
pub(crate) struct RemovalLease<'s> {
    bucket: &'s BlockingBucket,
    patience: Patience,
    tag: Tag,
    /// Before it was written last.
    written: Instant,
}

/// The state in which another's object was left.
enum Left {
    /// It is gone: its writer has ended.
    Gone,
    /// It was written anew: its writer is alive.
    Alive,
    /// It stays as it is.
    Dead(Tag),
}

impl<'s> RemovalLease<'s> {
    /// Makes the object, or takes over one whose writer is dead.
    pub(crate) fn take(bucket: &'s BlockingBucket, patience: Patience) -> Result<Self, LockError> {
        loop {
            let (written, text) = (Instant::now(), text());
            let bytes = text.clone();
            let created = bucket.wait(|bucket| async move { bucket.create(NAME, bytes).await })?;
            if created == Creation::Created {
                let found = read(bucket)?;
                if let Some((_, tag)) = found.filter(|(found, _)| *found == text) {
                    return Ok(Self {
                        bucket,
                        patience,
                        tag,
                        written,
                    });
                }
                continue;
            }
            match look(bucket, patience)? {
                Left::Gone => {}
                Left::Alive => return Err(LockError::Held),
                Left::Dead(tag) => {
                    let written = Instant::now();
                    if let Some(tag) = write(bucket, tag)? {
                        return Ok(Self {
                            bucket,
                            patience,
                            tag,
                            written,
                        });
                    }
                }
            }
        }
    }
}

impl Lock for RemovalLease<'_> {
    fn renew(&mut self) -> io::Result<()> {
        if self.written.elapsed() < self.patience.fresh {
            return Ok(());
        }
        let written = Instant::now();
        let tag = write(self.bucket, self.tag.clone())?;
        match tag.filter(|_| written.elapsed() < self.patience.latest) {
            Some(tag) => {
                (self.tag, self.written) = (tag, written);
                Ok(())
            }
            None => Err(io::Error::other(
                "another command has taken over the removal, because this one did not answer for minutes; run it again",
            )),
        }
    }
}

impl Drop for RemovalLease<'_> {
    fn drop(&mut self) {
        // Later it may be another's.
        if self.written.elapsed() > self.patience.latest {
            return;
        }
        let names = vec![NAME.to_owned()];
        let removed = { self.bucket }.wait(|bucket| async move { bucket.remove(&names).await });
        if let Err(error) = removed {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the object REMOVING could not be removed: the next command that writes to this repository waits three minutes for it"
            );
        }
    }
}

/// Returns when no removal is under way that began before the call.
pub(crate) fn await_end(bucket: &BlockingBucket, patience: Patience) -> io::Result<()> {
    let mut was_told = false;
    while read(bucket)?.is_some() {
        if !was_told {
            tracing::info!(
                "files are being removed from the repository; waiting until that has ended"
            );
            was_told = true;
        }
        match look(bucket, patience)? {
            Left::Gone => return Ok(()),
            Left::Alive => {}
            Left::Dead(tag) => {
                // Its writer cannot go on from here, however late it wakes up.
                if write(bucket, tag)?.is_some() {
                    let names = vec![NAME.to_owned()];
                    return bucket.wait(|bucket| async move { bucket.remove(&names).await });
                }
            }
        }
    }
    Ok(())
}

/// Looks at another's object until its state is known.
fn look(bucket: &BlockingBucket, patience: Patience) -> io::Result<Left> {
    let Some((_, first)) = read(bucket)? else {
        return Ok(Left::Gone);
    };
    let seen = Instant::now();
    while seen.elapsed() < patience.dead {
        thread::sleep(patience.look);
        match read(bucket)? {
            None => return Ok(Left::Gone),
            Some((_, tag)) if tag != first => return Ok(Left::Alive),
            Some(_) => {}
        }
    }
    Ok(Left::Dead(first))
}

fn read(bucket: &BlockingBucket) -> io::Result<Option<(Bytes, Tag)>> {
    bucket.wait(|bucket| async move { bucket.read_tagged(NAME).await })
}

fn write(bucket: &BlockingBucket, tag: Tag) -> io::Result<Option<Tag>> {
    let text = text();
    bucket.wait(|bucket| async move { bucket.update(NAME, text, &tag).await })
}

/// What no other object has, so that each writing changes the object's state.
fn text() -> Bytes {
    let random = uuid::Uuid::new_v4();
    Bytes::from(format!("{{\"removal\":\"{random}\"}}\n"))
}
