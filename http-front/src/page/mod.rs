//! What is read without JavaScript: a thread as an HTML page, and its newest comments as an Atom feed.
//!
//! Both are made of the JSON document that `get-worker` gives ([`document`]), so that there is one description of what a
//! page holds. Their tags are the hashes of what is sent, whatever version of the front made it.

mod document;
mod feed;
mod text;
mod tree;
mod view;

use bytes::Bytes;
use hyper::header::HeaderValue;
use proto::{
    AnyId, CommentId, RequestId, Topic,
    record::{Limits, Record},
    threads::{ReadComment, ReadError, ReadNewest, ReadThread},
};

use self::document::{Comment, Document};
use crate::{
    answer::{self, Answer, Answered, REVALIDATE},
    comments::READERS,
    etag,
    front::{Front, Visit, settle},
    html::{self, Framing, HTML},
    origin,
    problem::Problem,
    request::query::PageQuery,
    sides::{Side as _, Sides},
};

/// So many comments are in a feed.
const FEED_LIMIT: u16 = 50;
const ATOM: HeaderValue = HeaderValue::from_static("application/atom+xml; charset=utf-8");

impl<S: Sides> Front<S> {
    /// `GET /t/<topic>`: the thread as a page for people.
    pub(crate) async fn thread_page(&self, topic: Topic, visit: &Visit) -> Answered {
        let page = PageQuery::parse(visit.uri.query())?;
        let question = ReadThread { topic, after: page.after, limit: page.limit };
        let reply = self.reads.ask(question, visit.id, self.limits.answer_wait).await;
        let document = read(&settle(reply, READERS)?.json)?;
        let base = origin::base_url(visit);
        let mut answer = hashed(visit, HTML, view::thread(&document, page, &base).into_string());
        html::guard(answer.headers_mut(), Framing::Nobody);
        Ok(answer)
    }

    /// `GET /<topic>/feed`: the newest comments, Atom.
    pub(crate) async fn feed(&self, topic: Topic, visit: &Visit) -> Answered {
        let question = ReadNewest { topic, limit: FEED_LIMIT };
        let reply = self.reads.ask(question, visit.id, self.limits.answer_wait).await;
        let document = read(&settle(reply, READERS)?.json)?;
        let mut entries = Vec::with_capacity(document.comments.len());
        for comment in document.comments.iter().filter(|comment| comment.text.is_some()) {
            entries.push(feed::Entry { comment, edited: self.edited(topic, comment, visit.id).await? });
        }
        Ok(hashed(visit, ATOM, feed::write(topic, &entries, &origin::base_url(visit))))
    }

    /// When a comment was edited, which only the edit itself says.
    async fn edited(&self, topic: Topic, comment: &Comment, request: RequestId) -> Result<Option<String>, Problem> {
        let Some(edit) = comment.edited_by else { return Ok(None) };
        let question = ReadComment { topic, id: AnyId::Comment(edit) };
        let reply = self.reads.ask(question, request, self.limits.answer_wait).await;
        // It may have been deleted since the page was made; then it is as if there had been none.
        let Ok(edit) = reply.map_err(|error| Problem::unanswered(&error, READERS))? else { return Ok(None) };
        let date = Record::parse(&edit.blob, Limits::NONE).ok();
        let date = date.and_then(|record| record.header("Date").map(str::to_owned));
        Ok(date.filter(|date| document::is_date(date)))
    }
}

fn read(json: &[u8]) -> Result<Document, Problem> {
    Document::read(json)
        .map_err(|error| ReadError::Store(format!("the page of a thread is not as it should be: {error}")).into())
}

/// An answer that bears its own hash, without the content if the visitor has it.
fn hashed(visit: &Visit, kind: HeaderValue, content: String) -> Answer {
    // Hashed as a comment is: any IPFS software gives it the same CID.
    let tag = etag::of(CommentId::of(content.as_bytes()));
    answer::tagged(&visit.headers, tag, answer::ok(kind, REVALIDATE, Bytes::from(content)))
}
