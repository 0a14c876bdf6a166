//! Our own side: what is known here, and keeping what is not.

use bytes::{Bytes, BytesMut};
use daemon::bus::{AskError, Asker};
use proto::{
    AnyId, CommentId, Posts, RequestId, Threads, Topic,
    posts::{Origin, PostComments, PostError},
    threads::{ReadComment, ReadError},
};

/// The boxes of this server that are asked.
#[derive(Debug, Clone)]
pub struct Home {
    /// Who reads.
    pub threads: Asker<Threads>,
    /// Who writes.
    pub posts: Asker<Posts>,
}

/// Why our own side could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No answer.
    #[error("no answer from a box of this server")]
    Ask(#[from] AskError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Writing failed.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl Home {
    /// Whether a comment is on our disk, or was deleted here.
    ///
    /// # Errors
    ///
    /// When no worker answers, or the store is damaged.
    pub async fn knows(&self, topic: Topic, id: CommentId, request: RequestId) -> Result<bool, HomeError> {
        let question = ReadComment { topic, id: AnyId::Comment(id) };
        match self.threads.ask(question, request).await? {
            Ok(_) | Err(ReadError::Deleted) => Ok(true),
            Err(ReadError::UnknownComment) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Keeps comments of one topic; tells how many were refused for what they are.
    ///
    /// # Errors
    ///
    /// When they could not be kept for a reason that may pass: nothing is to be taken for kept.
    pub async fn keep(&self, topic: Topic, blobs: &[Bytes], request: RequestId) -> Result<usize, HomeError> {
        let question = batch(topic, blobs);
        let receipts = self.posts.ask(question, request).await??;
        let mut refused = 0;
        for receipt in receipts.each {
            match receipt {
                Ok(_) => {}
                Err(error @ (PostError::Refused { .. } | PostError::TooLarge { .. })) => {
                    tracing::info!(%topic, %error, "another server's comment refused");
                    refused += 1;
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(refused)
    }
}

fn batch(topic: Topic, blobs: &[Bytes]) -> PostComments {
    let mut bytes = BytesMut::with_capacity(blobs.iter().map(Bytes::len).sum());
    blobs.iter().for_each(|blob| bytes.extend_from_slice(blob));
    let lengths = blobs.iter().map(|blob| u32::try_from(blob.len()).unwrap_or(u32::MAX)).collect();
    PostComments { topic, origin: Origin::Server, lengths, blobs: bytes.freeze() }
}
