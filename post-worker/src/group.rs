//! One group: the comments that waited, kept in one transaction with the folders that they change.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use comment_store::{Batch, Committed, Incoming, InsertError, StoreError, Writer};
use proto::{
    LegacyId, Seq, Topic,
    posts::{Kept, PostError, Receipt},
};

use crate::folders::{self, FoldersError};

/// What became of each comment of a group, in their order.
pub(crate) type Outcomes = Vec<Result<Receipt, PostError>>;

/// A group that was kept.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) outcomes: Outcomes,
    /// The topics that readers have to look at again.
    pub(crate) topics: BTreeSet<Topic>,
    /// The newest arrival of the whole store.
    pub(crate) last_seq: Seq,
    /// How long the disk took.
    pub(crate) commit_took: Duration,
}

/// Comments that cannot be kept because of what is in their folder already.
#[derive(Debug, Default)]
struct Barred {
    comments: BTreeSet<(Topic, LegacyId)>,
    topics: BTreeSet<Topic>,
}

impl Barred {
    fn refusal(&self, comment: &Incoming) -> Option<PostError> {
        let name = if self.comments.contains(&(comment.topic, comment.legacy_id)) {
            comment.legacy_id.to_string()
        } else if self.topics.contains(&comment.topic) {
            comment.topic.to_string()
        } else {
            return None;
        };
        Some(PostError::Refused {
            what: "a name that cannot be told from another one".to_owned(),
            found: format!("`{name}`, whose hash in folders of IPFS is that of a name that is there"),
            expected: "other bytes; change a letter of the comment, or the page's address".to_owned(),
        })
    }
}

/// Keeps a group. Every comment has its own outcome; an error is one for all, and then nothing was kept.
pub(crate) fn write(store: &mut Writer, comments: &[&Incoming]) -> Result<Written, StoreError> {
    let mut barred = Barred::default();
    // Each round bars a comment or a topic more, so this comes to an end. Nearly always the first round is the last.
    loop {
        let mut batch = store.batch()?;
        let outcomes = insert(&mut batch, comments, &barred)?;
        match folders::update(&mut batch) {
            Ok(()) => return commit(batch, outcomes),
            Err(FoldersError::SameHash(topic, name)) => barred.comments.insert((topic, name)),
            Err(FoldersError::TopicSameHash(topic)) => barred.topics.insert(topic),
            Err(FoldersError::Store(error)) => return Err(error),
        };
    }
}

fn insert(batch: &mut Batch<'_>, comments: &[&Incoming], barred: &Barred) -> Result<Outcomes, StoreError> {
    let insert = |comment: &&Incoming| match barred.refusal(comment) {
        Some(refusal) => Ok(Err(refusal)),
        None => match batch.insert(comment) {
            Err(InsertError::Store(error)) => Err(error),
            Err(refused) => Ok(Err(PostError::from(&refused))),
            Ok(receipt) => Ok(Ok(receipt)),
        },
    };
    comments.iter().map(insert).collect()
}

fn commit(batch: Batch<'_>, outcomes: Outcomes) -> Result<Written, StoreError> {
    let topics = batch.changed_topics();
    let last_seq = outcomes.iter().flatten().map(|receipt| receipt.seq).max().unwrap_or_default();
    let began = Instant::now();
    match batch.commit()? {
        Committed::As(_) => Ok(Written { outcomes, topics, last_seq, commit_took: began.elapsed() }),
        Committed::Nothing => Ok(Written { outcomes, topics: BTreeSet::new(), last_seq, commit_took: Duration::ZERO }),
    }
}

/// How many were new, known and refused.
pub(crate) fn tally(outcomes: &[Result<Receipt, PostError>]) -> BTreeMap<&'static str, u64> {
    let word = |outcome: &Result<Receipt, PostError>| match outcome.as_ref().map(|receipt| receipt.kept) {
        Ok(Kept::New) => "kept",
        Ok(Kept::Known) => "known",
        Err(_) => "refused",
    };
    outcomes.iter().map(word).fold(BTreeMap::new(), |mut tally, word| {
        *tally.entry(word).or_default() += 1;
        tally
    })
}
