//! What changed in a thread since a place, each change with the comment that it concerns as it stands in a page.

use bytes::Bytes;
use comment_store::{Reader, Summary};
use proto::{
    CommentId, Seq,
    threads::{Event, News, PAGE_BYTES, PAGE_LIMIT, ReadNews, ThreadChange},
};

use crate::{
    page::{Entry, push_entry},
    reads::{Refused, entry},
};

/// Answers the question.
pub(crate) fn read_news(store: &Reader, question: &ReadNews) -> Result<News, Refused> {
    let snapshot = store.snapshot()?;
    let Summary { last_seq, count, folder, .. } = snapshot.topic(&question.topic)?.unwrap_or_default();
    let limit = usize::from(question.limit.clamp(1, PAGE_LIMIT));
    let found = snapshot.news(&question.topic, question.after, limit, PAGE_BYTES)?;
    let mut told = Told { next: found.next, ..Told::default() };
    for news in &found.news {
        let change = (news.seq, event(news.event), news.replaces);
        if told.add(change, &entry(&news.comment)?) == Added::IsFull {
            break;
        }
    }
    let (epoch, comments) = (snapshot.epoch(), Bytes::from(told.comments));
    Ok(News { epoch, last_seq, count, folder, next: told.next, changes: told.changes, comments })
}

fn event(event: comment_store::Event) -> Event {
    match event {
        comment_store::Event::Comment => Event::Comment,
        comment_store::Event::Edit => Event::Edit,
        comment_store::Event::Deletion => Event::Deletion,
    }
}

/// What is told so far.
#[derive(Debug, Default)]
struct Told {
    changes: Vec<ThreadChange>,
    comments: Vec<u8>,
    next: Option<Seq>,
}

#[derive(Debug, PartialEq, Eq)]
enum Added {
    Yes,
    IsFull,
}

impl Told {
    /// Adds a change, unless there is too much already; then its whole arrival waits for the next answer.
    fn add(&mut self, (seq, event, replaces): (Seq, Event, Option<CommentId>), comment: &Entry<'_>) -> Added {
        let before = self.comments.len();
        push_entry(&mut self.comments, comment);
        let comment_bytes = u32::try_from(self.comments.len() - before).unwrap_or(u32::MAX);
        self.changes.push(ThreadChange { seq, event, replaces, comment_bytes });
        if self.comments.len() <= PAGE_BYTES || self.changes[0].seq == seq {
            return Added::Yes;
        }
        while let Some(last) = self.changes.pop_if(|last| last.seq == seq) {
            self.comments.truncate(self.comments.len() - last.comment_bytes as usize);
        }
        self.next = Some(Seq(seq.0 - 1));
        Added::IsFull
    }
}
