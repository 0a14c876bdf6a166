//! The answers to all questions of `threads`.
//!
//! A read is a few microseconds of a memory map, so it is done where the question arrives. What takes longer than others
//! should wait for lets them go first afterwards.

use bytes::Bytes;
use comment_store::{Found, Reader, Shown, Snapshot, StoreError, Summary};
use proto::{
    Answer, Asked, Cid, Question, RequestId, Seq, Topic,
    threads::{
        ArchivePiece, Change, Changes, CommentBlob, CountComments, FindFolder, FindRoot, FolderFiles, ListTopics, News,
        PAGE_BYTES, PAGE_LIMIT, ReadArchive, ReadChanges, ReadComment, ReadError, ReadFolder, ReadNewest, ReadNews,
        ReadThread, ThreadPage, TopicList,
    },
};

use crate::{
    archive,
    measures::Measures,
    news::read_news,
    page::{Added, Content, Entry, Page, Thread},
};

/// After an answer of more than this, whoever waits goes first.
const LONG_BYTES: usize = 64 * 1024;
/// A list of so many topics still fits well into a message.
const TOPICS_LIMIT: u16 = 10_000;

/// Reads the comment store.
#[derive(Debug)]
pub(crate) struct Reads {
    store: Reader,
    measures: Measures,
    empty_folder: Cid,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Refused {
    /// That is the answer.
    Answer(ReadError),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Reads {
    pub(crate) fn new(store: Reader, measures: Measures) -> Self {
        let empty_folder = Cid(unixfs::dir::empty(&unixfs::Profile::V1_2025.options()).1.cid);
        Self { store, measures, empty_folder }
    }

    /// Answers one question, and counts its time.
    fn answer<Q: Question, T>(
        &self,
        asked: Asked,
        read: impl FnOnce(&Reader) -> Result<T, Refused>,
    ) -> Result<T, ReadError> {
        let answer = self.measures.timed(Q::NAME, || read(&self.store));
        tracing::debug!(request = %asked.request, question = Q::NAME, refused = answer.is_err(), "answered");
        answer.map_err(|refused| refused.told(asked.request))
    }
}

impl Refused {
    fn told(self, request: RequestId) -> ReadError {
        match self {
            Self::Answer(answer) => answer,
            Self::Store(error) => {
                let told = with_causes(&error);
                tracing::error!(%request, cause = told, "store could not be read");
                ReadError::Store(told)
            }
        }
    }
}

impl Answer<ReadThread> for Reads {
    async fn answer(&self, question: ReadThread, asked: Asked) -> Result<ThreadPage, ReadError> {
        let page = self.answer::<ReadThread, _>(asked, |store| read_thread(store, &question))?;
        self.measures.page(page.json.len());
        let_others_go_first(page.json.len()).await;
        Ok(page)
    }
}

impl Answer<ReadNewest> for Reads {
    async fn answer(&self, question: ReadNewest, asked: Asked) -> Result<ThreadPage, ReadError> {
        let page = self.answer::<ReadNewest, _>(asked, |store| read_newest(store, &question))?;
        self.measures.page(page.json.len());
        let_others_go_first(page.json.len()).await;
        Ok(page)
    }
}

impl Answer<CountComments> for Reads {
    async fn answer(&self, question: CountComments, asked: Asked) -> Result<Vec<u64>, ReadError> {
        let counts = self.answer::<CountComments, _>(asked, |store| {
            let snapshot = store.snapshot()?;
            let count = |topic| Ok(snapshot.topic(topic)?.map_or(0, |summary| summary.count));
            question.topics.iter().map(count).collect()
        })?;
        let_others_go_first(question.topics.len() * size_of::<Topic>()).await;
        Ok(counts)
    }
}

impl Answer<FindFolder> for Reads {
    async fn answer(&self, question: FindFolder, asked: Asked) -> Result<Option<Cid>, ReadError> {
        self.answer::<FindFolder, _>(asked, |store| {
            Ok(store.snapshot()?.topic(&question.topic)?.and_then(|summary| summary.folder))
        })
    }
}

impl Answer<FindRoot> for Reads {
    async fn answer(&self, _: FindRoot, asked: Asked) -> Result<Cid, ReadError> {
        self.answer::<FindRoot, _>(asked, |store| Ok(store.snapshot()?.root().unwrap_or(self.empty_folder)))
    }
}

impl Answer<ReadComment> for Reads {
    async fn answer(&self, question: ReadComment, asked: Asked) -> Result<CommentBlob, ReadError> {
        self.answer::<ReadComment, _>(asked, |store| match store.snapshot()?.find(&question.topic, &question.id)? {
            Found::Comment(file) => Ok(CommentBlob { id: file.id, blob: Bytes::copy_from_slice(file.blob) }),
            Found::Deleted => Err(Refused::Answer(ReadError::Deleted)),
            Found::Unknown => Err(Refused::Answer(ReadError::UnknownComment)),
        })
    }
}

impl Answer<ListTopics> for Reads {
    async fn answer(&self, question: ListTopics, asked: Asked) -> Result<TopicList, ReadError> {
        let limit = usize::from(question.limit.min(TOPICS_LIMIT));
        let list = self.answer::<ListTopics, _>(asked, |store| {
            let snapshot = store.snapshot()?;
            Ok(TopicList { topics: snapshot.topics(question.after, limit)?, stored: snapshot.stored() })
        })?;
        let_others_go_first(list.topics.len() * size_of::<Topic>()).await;
        Ok(list)
    }
}

impl Answer<ReadFolder> for Reads {
    async fn answer(&self, question: ReadFolder, asked: Asked) -> Result<FolderFiles, ReadError> {
        let files = self.answer::<ReadFolder, _>(asked, |store| read_folder(store, &question))?;
        let_others_go_first(files.blobs.len()).await;
        Ok(files)
    }
}

impl Answer<ReadArchive> for Reads {
    async fn answer(&self, question: ReadArchive, asked: Asked) -> Result<Option<ArchivePiece>, ReadError> {
        let piece = self.answer::<ReadArchive, _>(asked, |store| archive::read(store, &question))?;
        let_others_go_first(piece.as_ref().map_or(0, |piece| piece.car.len())).await;
        Ok(piece)
    }
}

impl Answer<ReadChanges> for Reads {
    async fn answer(&self, question: ReadChanges, asked: Asked) -> Result<Changes, ReadError> {
        let changes = self.answer::<ReadChanges, _>(asked, |store| read_changes(store, &question))?;
        let_others_go_first(changes.changes.len() * size_of::<Change>()).await;
        Ok(changes)
    }
}

impl Answer<ReadNews> for Reads {
    async fn answer(&self, question: ReadNews, asked: Asked) -> Result<News, ReadError> {
        let news = self.answer::<ReadNews, _>(asked, |store| read_news(store, &question))?;
        let_others_go_first(news.comments.len()).await;
        Ok(news)
    }
}

fn read_thread(store: &Reader, question: &ReadThread) -> Result<ThreadPage, Refused> {
    let snapshot = store.snapshot()?;
    let limit = usize::from(question.limit.clamp(1, PAGE_LIMIT));
    let found = snapshot.page(&question.topic, question.after, limit, PAGE_BYTES)?;
    let (mut page, mut next) = (Page::new(found.comments.len()), found.next);
    for comment in &found.comments {
        if page.add(&entry(comment)?) == Added::PageIsFull {
            next = page.last();
            break;
        }
    }
    finish(page, question.topic, &snapshot, next)
}

fn read_newest(store: &Reader, question: &ReadNewest) -> Result<ThreadPage, Refused> {
    let snapshot = store.snapshot()?;
    let found = snapshot.newest(&question.topic, usize::from(question.limit.clamp(1, PAGE_LIMIT)), PAGE_BYTES)?;
    let mut page = Page::new(found.len());
    for comment in &found {
        if page.add(&entry(comment)?) == Added::PageIsFull {
            break;
        }
    }
    finish(page, question.topic, &snapshot, None)
}

fn finish(page: Page, topic: Topic, snapshot: &Snapshot<'_>, next: Option<Seq>) -> Result<ThreadPage, Refused> {
    let Summary { folder, count, last_seq, .. } = snapshot.topic(&topic)?.unwrap_or_default();
    let thread = Thread { topic, folder, count, last_seq, epoch: snapshot.epoch() };
    let json = page.finish(&thread, next);
    Ok(ThreadPage { folder, count, last_seq, next, json })
}

pub(crate) fn entry<'a>(comment: &Shown<'a>) -> Result<Entry<'a>, Refused> {
    let content = match (comment.blob, comment.edit) {
        (None, _) => Content::Deleted,
        (Some(blob), None) => Content::Original(text(blob, comment.seq)?),
        (Some(blob), Some(edit)) => {
            let (original, edit_text) = (text(blob, comment.seq)?, text(edit.blob, comment.seq)?);
            Content::Edited { original, edit: edit_text, by: edit.id }
        }
    };
    Ok(Entry { id: comment.id, legacy_id: comment.legacy_id, seq: comment.seq, content })
}

/// A blob as text, which it was when it was kept.
fn text(blob: &[u8], seq: Seq) -> Result<&str, Refused> {
    let damaged = |_| Refused::Answer(ReadError::Store(format!("comment {seq} is not text")));
    str::from_utf8(blob).map_err(damaged)
}

fn read_folder(store: &Reader, question: &ReadFolder) -> Result<FolderFiles, Refused> {
    let snapshot = store.snapshot()?;
    let page = snapshot.files(&question.topic, question.after, PAGE_BYTES)?;
    let mut blobs = Vec::with_capacity(page.files.iter().map(|file| file.blob.len()).sum());
    let mut files = Vec::with_capacity(page.files.len());
    for file in page.files {
        blobs.extend_from_slice(file.blob);
        files.push((file.legacy_id, u32::try_from(file.blob.len()).unwrap_or(u32::MAX)));
    }
    Ok(FolderFiles { files, next: page.next, blobs: blobs.into() })
}

fn read_changes(store: &Reader, question: &ReadChanges) -> Result<Changes, Refused> {
    let snapshot = store.snapshot()?;
    let limit = usize::from(question.limit.clamp(1, PAGE_LIMIT));
    let arrivals = snapshot.arrivals(question.after, limit)?;
    let told_seq = arrivals.last().map_or(question.after, |last| last.seq);
    let kept = arrivals.into_iter().filter(|arrival| arrival.blob.is_some());
    let changes = kept.map(|arrival| Change { seq: arrival.seq, topic: arrival.topic, id: arrival.id }).collect();
    Ok(Changes { epoch: snapshot.epoch(), last_seq: snapshot.last_seq(), told_seq, changes })
}

async fn let_others_go_first(answer_bytes: usize) {
    if answer_bytes > LONG_BYTES {
        tokio::task::yield_now().await;
    }
}

/// An error and what lies behind it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
