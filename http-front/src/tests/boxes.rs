//! Stand-ins for `get-worker`, `post-worker` and `ipfs-shim`. Questions and replies pass through the bus's encoding, as in life.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use daemon::bus::AskError;
use proto::{
    Answer, AnsweredBy, AnyId, Asked, Cid, CommentId, Epoch, Interface, LegacyId, Question, RequestId, Seq, Topic,
    blocks::{
        BlockBytes, BlockError, BlockNames, DaemonState, FindDaemon, GetBlock, GetBlocks, NameBlocks, PinRoot,
        PutBlocks, Replicas, Replicate, SomeBlocks, UnpinRoot,
    },
    interface::{decode, encode},
    posts::{Kept, PostComment, PostComments, PostError, Receipt, Receipts},
    threads::{
        ArchivePiece, Change, Changes, CommentBlob, CountComments, Event, FindFolder, FindRoot, FolderFiles,
        ListTopics, News, ReadArchive, ReadChanges, ReadComment, ReadError, ReadFolder, ReadNewest, ReadNews,
        ReadThread, ThreadChange, ThreadPage, TopicList,
    },
};
use tokio::sync::Notify;

use crate::sides::Side;

/// The page that has comments.
pub(super) const TOPIC: Topic = Topic([0x11; 20]);
/// A comment of it.
pub(super) const BLOB: &[u8] = b"User: a\n\nhello";
/// A comment that was deleted.
pub(super) const DELETED: LegacyId = LegacyId([0xdd; 20]);

pub(super) fn folder() -> Cid {
    CommentId::of(b"folder").cid()
}

/// A box that can be told to fail.
pub(super) struct Stand<H> {
    pub(super) handler: H,
    /// What comes instead of an answer.
    pub(super) failure: Mutex<Option<AskError>>,
    /// The request ids that came.
    pub(super) requests: Mutex<Vec<RequestId>>,
    pub(super) live: AtomicUsize,
}

impl<H> Stand<H> {
    pub(super) fn new(handler: H) -> Arc<Self> {
        let (failure, requests) = (Mutex::new(None), Mutex::new(Vec::new()));
        Arc::new(Self { handler, failure, requests, live: AtomicUsize::new(1) })
    }

    pub(super) fn fails_with(&self, error: AskError) {
        *self.failure.lock().unwrap() = Some(error);
    }
}

impl<H: Send + Sync + 'static, I: Interface + AnsweredBy<H>> Side<I> for Arc<Stand<H>> {
    async fn ask<Q: Question<Of = I>>(
        &self,
        question: Q,
        request: RequestId,
        within: Duration,
    ) -> Result<Q::Reply, AskError> {
        self.requests.lock().unwrap().push(request);
        let failure = self.failure.lock().unwrap().clone();
        if let Some(error) = failure {
            return Err(error);
        }
        let asked = Asked { request, left: within };
        let reply = I::dispatch(&self.handler, Q::OP, encode(question), asked).await.unwrap();
        Ok(decode(reply).unwrap())
    }

    fn live(&self) -> usize {
        self.live.load(SeqCst)
    }
}

/// Reads from memory.
#[derive(Default)]
pub(super) struct Reads {
    /// The last page that was asked for.
    pub(super) asked: Mutex<Option<ReadThread>>,
    /// The JSON of a page.
    pub(super) page: Mutex<Bytes>,
    /// What has arrived on [`TOPIC`]: each a comment of its own.
    pub(super) arrivals: Mutex<Vec<Seq>>,
    /// The life of the arrival log.
    pub(super) epoch: Mutex<Epoch>,
    /// So many bytes more has each comment of the news.
    pub(super) padding: AtomicUsize,
    /// How often somebody asked for news.
    pub(super) news_asked: AtomicUsize,
    /// The numbers of comments of topics.
    pub(super) counts: Mutex<HashMap<Topic, u64>>,
    /// The topics whose number was asked for last.
    pub(super) counted: Mutex<Vec<Topic>>,
    /// Held back until this is notified, when there is one.
    pub(super) gate: Option<Arc<Notify>>,
}

impl Answer<ReadThread> for Reads {
    async fn answer(&self, question: ReadThread, _: Asked) -> Result<ThreadPage, ReadError> {
        *self.asked.lock().unwrap() = Some(question);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let json = self.page.lock().unwrap().clone();
        Ok(ThreadPage { folder: None, count: 0, last_seq: Seq(0), next: None, json })
    }
}

impl Answer<ReadNewest> for Reads {
    async fn answer(&self, _: ReadNewest, _: Asked) -> Result<ThreadPage, ReadError> {
        let json = self.page.lock().unwrap().clone();
        Ok(ThreadPage { folder: Some(folder()), count: 1, last_seq: Seq(1), next: None, json })
    }
}

impl Answer<CountComments> for Reads {
    async fn answer(&self, question: CountComments, _: Asked) -> Result<Vec<u64>, ReadError> {
        let counts = self.counts.lock().unwrap();
        let answer = question.topics.iter().map(|topic| counts.get(topic).copied().unwrap_or(0)).collect();
        *self.counted.lock().unwrap() = question.topics;
        Ok(answer)
    }
}

impl Answer<FindFolder> for Reads {
    async fn answer(&self, question: FindFolder, _: Asked) -> Result<Option<Cid>, ReadError> {
        Ok((question.topic == TOPIC).then(folder))
    }
}

impl Answer<FindRoot> for Reads {
    async fn answer(&self, _: FindRoot, _: Asked) -> Result<Cid, ReadError> {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        Ok(folder())
    }
}

impl Answer<ReadComment> for Reads {
    async fn answer(&self, question: ReadComment, _: Asked) -> Result<CommentBlob, ReadError> {
        let id = CommentId::of(BLOB);
        match question.id {
            AnyId::Comment(asked) if asked == id => Ok(CommentBlob { id, blob: BLOB.into() }),
            AnyId::Legacy(asked) if asked == LegacyId::of(BLOB) => Ok(CommentBlob { id, blob: BLOB.into() }),
            AnyId::Legacy(DELETED) => Err(ReadError::Deleted),
            _ => Err(ReadError::UnknownComment),
        }
    }
}

impl Answer<ReadChanges> for Reads {
    async fn answer(&self, question: ReadChanges, _: Asked) -> Result<Changes, ReadError> {
        let change = Change { seq: Seq(question.after.0 + 1), topic: TOPIC, id: CommentId::of(BLOB) };
        let limit = usize::from(question.limit);
        Ok(Changes { epoch: Epoch(9), last_seq: Seq(40), told_seq: change.seq, changes: vec![change; limit] })
    }
}

impl Answer<ReadNews> for Reads {
    async fn answer(&self, question: ReadNews, _: Asked) -> Result<News, ReadError> {
        self.news_asked.fetch_add(1, SeqCst);
        let arrivals = self.arrivals.lock().unwrap().clone();
        let arrivals = if question.topic == TOPIC { arrivals } else { Vec::new() };
        let (epoch, count) = (*self.epoch.lock().unwrap(), arrivals.len() as u64);
        let last_seq = arrivals.last().copied().unwrap_or_default();
        let mut later: Vec<Seq> = arrivals.into_iter().filter(|seq| *seq > question.after).collect();
        let more = later.len() > usize::from(question.limit);
        later.truncate(question.limit.into());
        let padding = "x".repeat(self.padding.load(SeqCst));
        let comment = |seq: &Seq| format!(r#"{{"seq":{seq},"text":"{padding}"}}"#);
        let comments: Vec<String> = later.iter().map(comment).collect();
        let change = |(seq, comment): (&Seq, &String)| ThreadChange {
            seq: *seq,
            event: Event::Comment,
            replaces: None,
            comment_bytes: comment.len().try_into().unwrap(),
        };
        let changes = later.iter().zip(&comments).map(change).collect();
        let next = later.last().copied().filter(|_| more);
        let comments = Bytes::from(comments.concat());
        Ok(News { epoch, last_seq, count, folder: Some(folder()), next, changes, comments })
    }
}

/// Questions that the front does not ask.
macro_rules! never_asked {
    ($whom:ident, $error:expr => $($question:ident -> $reply:ty;)+) => { $(
        impl Answer<$question> for $whom {
            async fn answer(&self, _: $question, _: Asked) -> $reply {
                Err($error("the front should not have asked".to_owned()))
            }
        }
    )+ };
}
never_asked! { Reads, ReadError::Store =>
    ListTopics -> Result<TopicList, ReadError>;
    ReadFolder -> Result<FolderFiles, ReadError>;
    ReadArchive -> Result<Option<ArchivePiece>, ReadError>;
}

/// Keeps comments in memory.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) kept: Mutex<Vec<(Topic, Bytes)>>,
    pub(super) refusal: Mutex<Option<PostError>>,
}

impl Answer<PostComment> for Writes {
    async fn answer(&self, question: PostComment, _: Asked) -> Result<Receipt, PostError> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        let PostComment { topic, blob, .. } = question;
        let (id, legacy_id) = (CommentId::of(&blob), LegacyId::of(&blob));
        let mut all = self.kept.lock().unwrap();
        let known = all.iter().position(|(_, other)| *other == blob);
        let place = known.unwrap_or_else(|| {
            all.push((topic, blob));
            all.len() - 1
        });
        let kept = if known.is_some() { Kept::Known } else { Kept::New };
        Ok(Receipt { id, legacy_id, seq: Seq(place as u64 + 1), epoch: Epoch(9), kept })
    }
}

impl Answer<PostComments> for Writes {
    async fn answer(&self, _: PostComments, _: Asked) -> Result<Receipts, PostError> {
        Err(PostError::Store("the front should not have asked".to_owned()))
    }
}

/// Blocks in memory.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) blocks: Mutex<HashMap<Cid, Bytes>>,
}

impl Answer<GetBlock> for Shelf {
    async fn answer(&self, question: GetBlock, _: Asked) -> Result<BlockBytes, BlockError> {
        let found = self.blocks.lock().unwrap().get(&question.cid).cloned();
        found.map(|bytes| BlockBytes { bytes }).ok_or(BlockError::NotFound)
    }
}

impl Answer<Replicate> for Shelf {
    async fn answer(&self, _: Replicate, _: Asked) -> Result<Replicas, BlockError> {
        unreachable!("the front takes no files in")
    }
}

impl Answer<GetBlocks> for Shelf {
    async fn answer(&self, question: GetBlocks, _: Asked) -> Result<SomeBlocks, BlockError> {
        let blocks = self.blocks.lock().unwrap();
        let found: Vec<_> = question.cids.iter().map(|cid| blocks.get(cid).cloned()).collect();
        let bytes = found.iter().flatten().flatten().copied().collect();
        Ok(SomeBlocks {
            found: found.iter().map(|block| block.as_ref().map(|block| block.len() as u32)).collect(),
            bytes,
        })
    }
}

never_asked! { Shelf, BlockError::Refused =>
    PutBlocks -> Result<(), BlockError>;
    NameBlocks -> Result<BlockNames, BlockError>;
    PinRoot -> Result<(), BlockError>;
    UnpinRoot -> Result<(), BlockError>;
    FindDaemon -> Result<DaemonState, BlockError>;
}
