//! `import`: brings the comments of a plain folder tree to `post-worker`, topic by topic, the oldest first.
//!
//! Safe to repeat and to interrupt: the store knows what it has.

mod folder;

use std::{path::Path, time::Duration};

use bytes::{Bytes, BytesMut};
use daemon::{bus::Asker, config::Loaded};
use indicatif::ProgressBar;
use proto::{
    Posts, Topic,
    posts::{Kept, Origin, PostComments, PostError},
    supervision::exit,
};
use tokio::time::sleep;

use super::{
    Refusal, export,
    operator::{Desk, ask, ask_boxes},
    show,
};
use folder::{Found, Tree};

/// The limits of one [`PostComments`].
const BATCH_COMMENTS: usize = 1_024;
const BATCH_BYTES: usize = 1024 * 1024;
/// The writer is full: it is asked again for so long.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
const BUSY_TRIES: u32 = 600;

/// What came of it.
#[derive(Debug, Default)]
struct Counted {
    new: u64,
    known: u64,
    refused: u64,
}

/// Keeps every comment of a folder in the running tree.
///
/// # Errors
///
/// Exit code 65 when files were refused; each is named on stderr with the reason, and all others are kept.
pub fn import(loaded: &Loaded, folder: &Path) -> Result<(), Refusal> {
    let tree = Tree::read(folder).map_err(|error| unreadable(folder, &error))?;
    let bar = export::progress();
    bar.set_length(tree.files);
    let mut counted = Counted::default();
    for stranger in &tree.strangers {
        counted.refuse(&bar, stranger, "not part of the tree; expected <2 hex>/<2 hex>/<36 hex>/<40 hex>");
    }
    ask_boxes(loaded, async |desk| all(desk, &tree, &mut counted, &bar).await)?;
    bar.finish_and_clear();
    let Counted { new, known, refused } = counted;
    show::text(&format!("{new} comments kept, {known} were known, {refused} files refused\n"))?;
    match refused {
        0 => Ok(()),
        _ => Err(Refusal { code: exit::DAMAGED, text: format!("{refused} files were refused; all others are kept") }),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::failed(format!("cannot read {}: {error}", path.display()))
}

impl Counted {
    fn refuse(&mut self, bar: &ProgressBar, path: &Path, why: &str) {
        self.refused += 1;
        // Above the bar, if there is one.
        bar.suspend(|| eprintln!("{}: {why}", path.display()));
    }
}

async fn all(desk: &Desk, tree: &Tree, counted: &mut Counted, bar: &ProgressBar) -> Result<(), Refusal> {
    let posts = desk.asker()?;
    for (topic, place) in &tree.topics {
        let mut batch = Batch::default();
        for found in folder::comments(place).map_err(|error| unreadable(place, &error))? {
            bar.inc(1);
            let Some(blob) = found.read(counted, bar) else { continue };
            if !batch.has_room(blob.len()) {
                batch.send(&posts, *topic, counted, bar).await?;
            }
            batch.add(found, &blob);
        }
        batch.send(&posts, *topic, counted, bar).await?;
    }
    Ok(())
}

impl Found {
    /// Its bytes, or a word about why it has none that can be a comment of this name.
    fn read(&self, counted: &mut Counted, bar: &ProgressBar) -> Option<Vec<u8>> {
        match self.bytes() {
            Ok(blob) => Some(blob),
            Err(why) => {
                counted.refuse(bar, &self.path, &why);
                None
            }
        }
    }
}

/// Comments of one topic that go out together.
#[derive(Debug, Default)]
struct Batch {
    files: Vec<(Found, Bytes)>,
    bytes: usize,
}

impl Batch {
    fn has_room(&self, bytes: usize) -> bool {
        self.files.len() < BATCH_COMMENTS && self.bytes + bytes <= BATCH_BYTES
    }

    fn add(&mut self, file: Found, blob: &[u8]) {
        self.bytes += blob.len();
        self.files.push((file, Bytes::copy_from_slice(blob)));
    }

    fn question(&self, topic: Topic) -> PostComments {
        let mut blobs = BytesMut::with_capacity(self.bytes);
        self.files.iter().for_each(|(_, blob)| blobs.extend_from_slice(blob));
        let lengths = self.files.iter().map(|(_, blob)| u32::try_from(blob.len()).unwrap_or(u32::MAX)).collect();
        PostComments { topic, origin: Origin::Server, lengths, blobs: blobs.freeze() }
    }

    /// Sends what there is, and again what the writer was too full for.
    async fn send(
        &mut self,
        posts: &Asker<Posts>,
        topic: Topic,
        counted: &mut Counted,
        bar: &ProgressBar,
    ) -> Result<(), Refusal> {
        for _ in 0..BUSY_TRIES {
            if self.files.is_empty() {
                return Ok(());
            }
            match ask(posts, &self.question(topic)).await? {
                Ok(receipts) => self.account(receipts.each, counted, bar)?,
                Err(PostError::Busy) => {}
                Err(error) => return Err(Refusal::failed(error.to_string())),
            }
            if !self.files.is_empty() {
                sleep(BUSY_PAUSE).await;
            }
        }
        Err(Refusal::failed("the writer is busy all the time; import again later: what is kept stays kept"))
    }

    /// Counts what is decided; what remains goes out again.
    fn account(
        &mut self,
        each: Vec<Result<proto::posts::Receipt, PostError>>,
        counted: &mut Counted,
        bar: &ProgressBar,
    ) -> Result<(), Refusal> {
        if each.len() != self.files.len() {
            return Err(Refusal::failed(
                "the writer answered for other comments than it was sent; run boxes of one build",
            ));
        }
        self.bytes = 0;
        for ((file, blob), outcome) in std::mem::take(&mut self.files).into_iter().zip(each) {
            match outcome {
                Ok(receipt) if receipt.kept == Kept::New => counted.new += 1,
                Ok(_) => counted.known += 1,
                Err(PostError::Busy) => self.add(file, &blob),
                Err(error @ (PostError::DiskFull | PostError::Store(_))) => {
                    return Err(Refusal::failed(error.to_string()));
                }
                Err(error) => counted.refuse(bar, &file.path, &error.to_string()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proto::{CommentId, Epoch, LegacyId, Seq, posts::Receipt};

    use super::*;

    fn found(name: &str) -> Found {
        Found { path: name.into(), name: LegacyId::of(name.as_bytes()), date_s: 0 }
    }

    fn receipt(kept: Kept) -> Receipt {
        Receipt { id: CommentId::of(b"x"), legacy_id: LegacyId::of(b"x"), seq: Seq(1), epoch: Epoch(1), kept }
    }

    #[test]
    fn a_batch_stays_within_the_limits_of_a_question() {
        let mut batch = Batch::default();
        assert!(batch.has_room(BATCH_BYTES) && !batch.has_room(BATCH_BYTES + 1));
        (0..BATCH_COMMENTS).for_each(|n| batch.add(found(&n.to_string()), b"x"));
        assert!(!batch.has_room(1));
        let question = batch.question(Topic([0; 20]));
        assert_eq!((question.lengths.len(), question.blobs.len()), (BATCH_COMMENTS, BATCH_COMMENTS));
    }

    #[test]
    fn what_the_writer_was_too_full_for_goes_out_again() {
        let (mut batch, mut counted, bar) = (Batch::default(), Counted::default(), ProgressBar::hidden());
        ["new", "known", "busy", "bad"].iter().for_each(|name| batch.add(found(name), name.as_bytes()));
        let bad = PostError::TooLarge { bytes: 2, limit_bytes: 1 };
        let each = vec![Ok(receipt(Kept::New)), Ok(receipt(Kept::Known)), Err(PostError::Busy), Err(bad)];
        batch.account(each, &mut counted, &bar).unwrap();
        assert_eq!((counted.new, counted.known, counted.refused), (1, 1, 1));
        assert_eq!((batch.files.len(), batch.bytes), (1, 4));
        assert!(batch.account(vec![Err(PostError::DiskFull)], &mut counted, &bar).is_err());
    }
}
