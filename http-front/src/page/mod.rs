//! What is read without JavaScript: a thread as an HTML page, and its newest comments as an Atom feed.
//!
//! Both are made of the JSON document that `get-worker` gives ([`document`]), so that there is one description of what a
//! page holds. Both are kept as answers of other kinds are, by what is on the version board.

mod document;
mod feed;
mod text;
mod tree;
mod view;

use hyper::{HeaderMap, header::HeaderValue};
use proto::{
    AnyId, RequestId, Topic,
    record::{Limits, Record},
    threads::{ReadComment, ReadError, ReadNewest, ReadThread, ThreadPage},
};

use self::document::{Comment, Document};
use crate::{
    answer::Answered,
    cache::{Made, Subject, Tag},
    comments::READERS,
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
        let base = origin::base_url(visit);
        let make = async {
            let question = ReadThread { topic, after: page.after, limit: page.limit };
            let reply = self.reads.ask(question, visit.id, self.limits.answer_wait).await;
            let ThreadPage { folder, json, .. } = settle(reply, READERS)?;
            let html = view::thread(&read(&json)?, page, &base).into_string();
            let mut guards = HeaderMap::new();
            html::guard(&mut guards, Framing::Nobody);
            Ok(Made::text(Tag::of_topic(folder.as_ref(), "html"), html).of_kind(HTML).with(guards))
        };
        self.kept(Subject::thread(topic, page, &base), visit, make).await
    }

    /// `GET /<topic>/feed`: the newest comments, Atom.
    pub(crate) async fn feed(&self, topic: Topic, visit: &Visit) -> Answered {
        let base = origin::base_url(visit);
        let make = async {
            let question = ReadNewest { topic, limit: FEED_LIMIT };
            let reply = self.reads.ask(question, visit.id, self.limits.answer_wait).await;
            let ThreadPage { folder, json, .. } = settle(reply, READERS)?;
            let document = read(&json)?;
            let mut entries = Vec::with_capacity(document.comments.len());
            for comment in document.comments.iter().filter(|comment| comment.text.is_some()) {
                entries.push(feed::Entry { comment, edited: self.edited(topic, comment, visit.id).await? });
            }
            let atom = feed::write(topic, &entries, &base);
            Ok(Made::text(Tag::of_topic(folder.as_ref(), "atom"), atom).of_kind(ATOM))
        };
        self.kept(Subject::feed(topic, &base), visit, make).await
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
