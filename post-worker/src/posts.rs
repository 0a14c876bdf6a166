//! The answers to the questions of `posts`: a comment is read and its signature checked here, in parallel with others;
//! then it waits for the writer.

use bytes::Bytes;
use comment_store::Incoming;
use proto::{
    Answer, Asked, Topic,
    config::{self, Unsigned},
    posts::{Origin, PostComment, PostComments, PostError, Receipt, Receipts},
    record::Limits,
};
use tokio::time::sleep;

use crate::writing::{WriterEnded, Writing};

/// The most comments of one question.
const COMMENTS_LIMIT: usize = 1_024;
/// A signature takes about 40 µs: after so many of them whoever waits goes first.
const CHECKS_IN_A_ROW: usize = 16;

/// Keeps comments.
#[derive(Debug)]
pub(crate) struct Keeper {
    writing: Writing,
    limits: Limits,
    unsigned: Unsigned,
}

impl Keeper {
    pub(crate) fn new(writing: Writing, config: &config::PostWorker) -> Self {
        Self { writing, limits: Limits::from(config), unsigned: config.unsigned }
    }

    #[cfg(test)]
    pub(crate) fn writing(&self) -> &Writing {
        &self.writing
    }

    fn read(&self, topic: Topic, origin: Origin, blob: Bytes) -> Result<Incoming, PostError> {
        let comment = Incoming::read(topic, origin, blob, self.limits)?;
        if self.unsigned == Unsigned::Refuse && !comment.is_signed() {
            return Err(PostError::Refused {
                what: "a comment without a signature".to_owned(),
                found: "no Signature line".to_owned(),
                expected: "a Signature and a Public-Key line: this server keeps signed comments only".to_owned(),
            });
        }
        Ok(comment)
    }

    async fn keep(&self, comments: Vec<Incoming>, asked: Asked) -> Result<Vec<Result<Receipt, PostError>>, PostError> {
        match self.writing.keep(comments).await {
            Ok(outcomes) => outcomes,
            Err(WriterEnded) => {
                // The process is about to end, and the question is asked again of its successor. An answer now would be
                // told to the visitor instead.
                sleep(asked.left).await;
                Err(PostError::Busy)
            }
        }
    }
}

impl Answer<PostComment> for Keeper {
    async fn answer(&self, question: PostComment, asked: Asked) -> Result<Receipt, PostError> {
        let comment = self.read(question.topic, question.origin, question.blob)?;
        let outcome = self.keep(vec![comment], asked).await?.pop();
        tracing::debug!(request = %asked.request, "answered");
        outcome.expect("the writer answers with an outcome for each comment")
    }
}

impl Answer<PostComments> for Keeper {
    async fn answer(&self, question: PostComments, asked: Asked) -> Result<Receipts, PostError> {
        let PostComments { topic, origin, .. } = question;
        let mut each = Vec::with_capacity(question.lengths.len());
        let mut read = Vec::with_capacity(question.lengths.len());
        for (place, blob) in split(question)?.into_iter().enumerate() {
            if place % CHECKS_IN_A_ROW == CHECKS_IN_A_ROW - 1 {
                tokio::task::yield_now().await;
            }
            match self.read(topic, origin, blob) {
                Ok(comment) => {
                    read.push(comment);
                    each.push(None);
                }
                Err(refusal) => each.push(Some(Err(refusal))),
            }
        }
        let mut kept = self.keep(read, asked).await?.into_iter();
        let mut outcome = |refused: Option<_>| refused.or_else(|| kept.next());
        let each = each.into_iter().map(|refused| outcome(refused).expect("the writer answers for each comment"));
        Ok(Receipts { each: each.collect() })
    }
}

/// The comments of a question, uncopied.
fn split(question: PostComments) -> Result<Vec<Bytes>, PostError> {
    let refused = |what: &str, found: String, expected: String| {
        Err(PostError::Refused { what: what.to_owned(), found, expected })
    };
    let PostComments { lengths, mut blobs, .. } = question;
    if lengths.len() > COMMENTS_LIMIT {
        return refused("too many comments", lengths.len().to_string(), format!("at most {COMMENTS_LIMIT}"));
    }
    let told: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
    if told != blobs.len() as u64 {
        return refused("lengths that do not fit", format!("{told} bytes in all"), format!("{} bytes", blobs.len()));
    }
    Ok(lengths.into_iter().map(|length| blobs.split_to(length as usize)).collect())
}
