//! Reading and writing comments over HTTP. Asks `get-worker` and `post-worker`; keeps nothing.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{
    StatusCode,
    body::Incoming,
    header::{HeaderValue, LOCATION},
};
use proto::{
    AnyId, Cid, CommentId, Epoch, LegacyId, Seq, Topic,
    posts::{Kept, Origin, PostComment, Receipt},
    threads::{FindFolder, FindRoot, ReadChanges, ReadComment, ReadThread, ThreadPage},
};
use serde::Serialize;

use crate::{
    answer::{self, Answer, Answered, IMMUTABLE, JSON},
    cache::{Made, Subject, Tag},
    connection::link::Link,
    front::{Front, Visit, settle},
    problem::Problem,
    request::{
        accept::{self, Form},
        body,
        query::PageQuery,
    },
    sides::{Side as _, Sides},
    site::Place,
};

pub(crate) const READERS: &str = "get-worker";
const WRITER: &str = "post-worker";

/// What a visitor gets for a comment.
#[derive(Serialize)]
struct ReceiptJson {
    id: CommentId,
    legacy_id: LegacyId,
    seq: Seq,
    epoch: Epoch,
}

impl<S: Sides> Front<S> {
    /// `GET /`: the site for people, the CID of all comments of all topics for everybody else.
    pub(crate) async fn root(&self, visit: &Visit) -> Answered {
        if accept::prefers_html(&visit.headers) {
            return Place::index().answer(&visit.headers).await;
        }
        let reply = self.reads.ask(FindRoot {}, visit.id, self.limits.answer_wait).await;
        let cid = settle(reply, READERS)?;
        self.fresh(visit, cid_line(&cid)).await
    }

    /// `GET /<topic>`: the folder's CID, the comments, or the folder itself, as the visitor likes it.
    pub(crate) async fn thread(self: &Arc<Self>, topic: Topic, visit: &Visit) -> Answered {
        let page = PageQuery::parse(visit.uri.query())?;
        match accept::choose(&visit.headers) {
            Form::Text => self.folder(topic, visit).await,
            Form::Json => self.page(topic, page, visit).await,
            Form::Car => Box::pin(self.topic_archive(topic, visit)).await,
        }
    }

    async fn folder(&self, topic: Topic, visit: &Visit) -> Answered {
        let make = async {
            let reply = self.reads.ask(FindFolder { topic }, visit.id, self.limits.answer_wait).await;
            let cid = settle(reply, READERS)?.ok_or_else(|| Problem::no_comments(topic))?;
            Ok(cid_line(&cid))
        };
        self.kept(Subject::folder(topic), visit, make).await
    }

    async fn page(&self, topic: Topic, page: PageQuery, visit: &Visit) -> Answered {
        let make = async {
            let question = ReadThread { topic, after: page.after, limit: page.limit };
            let reply = self.reads.ask(question, visit.id, self.limits.answer_wait).await;
            let ThreadPage { folder, json, .. } = settle(reply, READERS)?;
            Ok(Made::json(Tag::of_topic(folder.as_ref(), "json"), json))
        };
        self.kept(Subject::page(topic, page), visit, make).await
    }

    /// `GET /<topic>/<id>`: the comment as it was received.
    pub(crate) async fn comment(&self, topic: Topic, id: AnyId, visit: &Visit) -> Answered {
        let reply = self.reads.ask(ReadComment { topic, id }, visit.id, self.limits.answer_wait).await;
        let comment = settle(reply, READERS)?;
        let tag = Tag::Exact(comment.id.to_string());
        self.fresh(visit, Made::text(tag, comment.blob).cached(IMMUTABLE)).await
    }

    /// `GET /changes`: the arrival log, which other servers follow.
    pub(crate) async fn changes(&self, visit: &Visit) -> Answered {
        let page = PageQuery::parse(visit.uri.query())?;
        let question = ReadChanges { after: page.after.unwrap_or_default(), limit: page.limit };
        let reply = self.reads.ask(question, visit.id, self.limits.answer_wait).await;
        let json = serde_json::to_vec(&settle(reply, READERS)?).expect("changes have only ids and numbers");
        self.fresh(visit, Made::json(Tag::None, json)).await
    }

    /// `POST /<topic>`: keeps a comment; safe to repeat.
    pub(crate) async fn post(&self, topic: Topic, visit: &Visit, body: Incoming, link: &Link) -> Answered {
        let blob = body::read(body, self.limits.body).await?;
        // All of the request is read: nothing is lost when the connection ends.
        link.set_linger(false);
        let question = PostComment { topic, origin: Origin::Visitor, blob };
        let reply = self.writes.ask(question, visit.id, self.limits.answer_wait).await;
        Ok(receipt(topic, &settle(reply, WRITER)?))
    }
}

/// A CID and a line feed.
fn cid_line(cid: &Cid) -> Made {
    Made::text(Tag::Exact(format!("{cid}-text")), format!("{cid}\n"))
}

fn receipt(topic: Topic, receipt: &Receipt) -> Answer {
    let Receipt { id, legacy_id, seq, epoch, kept } = *receipt;
    let json = serde_json::to_vec(&ReceiptJson { id, legacy_id, seq, epoch }).expect("a receipt has only ids");
    let mut answer = answer::ok(JSON, HeaderValue::from_static("no-store"), Bytes::from(json));
    *answer.status_mut() = match kept {
        Kept::New => StatusCode::CREATED,
        Kept::Known => StatusCode::OK,
    };
    let place = HeaderValue::try_from(format!("/{topic}/{id}")).expect("ids have only letters and digits");
    answer.headers_mut().insert(LOCATION, place);
    answer
}
