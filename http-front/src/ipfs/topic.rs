//! `GET /<topic>` as an archive: the folder of the topic with all comments, straight from the store.
//!
//! Asks `get-worker`. A short one is kept like any other answer; a long one is read while it is sent.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::Body as _,
    header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue},
};
use proto::{
    Cid, RequestId, Topic,
    threads::{ArchivePiece, ArchivePlace, ReadArchive},
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{ARCHIVE_WAIT, Pieces, turn};
use crate::{
    answer::{Answered, REVALIDATE},
    cache::{Made, Subject, Tag},
    comments::READERS,
    etag,
    front::{Front, Visit, settle},
    problem::Problem,
    sending::{Body, Cut},
    sides::{Side as _, Sides},
};

const CAR: HeaderValue = HeaderValue::from_static("application/vnd.ipld.car; version=1; order=dfs; dups=n");
const X_IPFS_PATH: HeaderName = HeaderName::from_static("x-ipfs-path");
const X_IPFS_ROOTS: HeaderName = HeaderName::from_static("x-ipfs-roots");

impl<S: Sides> Front<S> {
    /// `GET /<topic>` as an archive: who checks it against the folder's CID need not trust this server.
    pub(crate) async fn topic_archive(self: &Arc<Self>, topic: Topic, visit: &Visit) -> Answered {
        let make = async {
            let piece = self.first_piece(topic, visit.id).await?;
            let tag = Tag::Exact(tag(&piece.folder));
            // A long one is kept without its content: that it is long, and its tag, is worth knowing.
            let body = if piece.next.is_none() { piece.car } else { Bytes::new() };
            Ok(Made::text(tag, body).of_kind(CAR).with(about(&piece.folder)))
        };
        let answer = self.kept(Subject::archive(topic), &uncoded(visit), make).await?;
        let is_long = answer.status() == StatusCode::OK && answer.body().is_end_stream();
        match is_long && visit.method == Method::GET {
            true => self.long_archive(topic, visit.id).await,
            false => Ok(answer),
        }
    }

    async fn first_piece(&self, topic: Topic, request: RequestId) -> Result<ArchivePiece, Problem> {
        let reply = self.reads.ask(ReadArchive { topic, from: None }, request, self.limits.answer_wait).await;
        settle(reply, READERS)?.ok_or_else(|| Problem::no_comments(topic))
    }

    async fn long_archive(self: &Arc<Self>, topic: Topic, request: RequestId) -> Answered {
        let turn = turn(&self.turns.archives).await?;
        let first = self.first_piece(topic, request).await?;
        let mut answer = Response::new(());
        let headers = answer.headers_mut();
        headers.extend([(CONTENT_TYPE, CAR), (CACHE_CONTROL, REVALIDATE), (ETAG, etag::of(tag(&first.folder)))]);
        headers.extend(about(&first.folder));
        let (pieces, body) = Pieces::channel();
        let front = Arc::clone(self);
        tokio::spawn(async move {
            let sent = timeout(ARCHIVE_WAIT, send(front, topic, request, first, &pieces)).await;
            if let Err(cut) = sent.unwrap_or_else(|_| Err(Cut("the archive took too long".to_owned()))) {
                tracing::debug!(%cut, "archive cut off");
                let _ = pieces.send(Err(cut)).await;
            }
            drop(turn);
        });
        Ok(answer.map(|()| Body::streamed(body)))
    }
}

/// Sends an archive piece by piece; the next one is read while this one is sent.
async fn send<S: Sides>(
    front: Arc<Front<S>>,
    topic: Topic,
    request: RequestId,
    first: ArchivePiece,
    pieces: &mpsc::Sender<Result<Bytes, Cut>>,
) -> Result<(), Cut> {
    let mut piece = first;
    loop {
        let coming = piece.next.map(|place| Coming(tokio::spawn(next(Arc::clone(&front), topic, request, place))));
        pieces.send(Ok(piece.car)).await.map_err(|_| Cut("the client is gone".to_owned()))?;
        let Some(mut coming) = coming else { return Ok(()) };
        let read = (&mut coming.0).await.map_err(|_| Cut("the front is being restarted".to_owned()))?;
        piece = read.map_err(|problem| Cut(problem.detail().to_owned()))?;
    }
}

async fn next<S: Sides>(
    front: Arc<Front<S>>,
    topic: Topic,
    request: RequestId,
    place: ArchivePlace,
) -> Result<ArchivePiece, Problem> {
    let question = ReadArchive { topic, from: Some(place) };
    let reply = front.reads.ask(question, request, front.limits.answer_wait).await;
    settle(reply, READERS)?.ok_or_else(|| Problem::no_comments(topic))
}

/// A piece on its way; nobody reads it for a client that is gone.
struct Coming(JoinHandle<Result<ArchivePiece, Problem>>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn tag(folder: &Cid) -> String {
    format!("{folder}.car")
}

/// What the same archive bears at `/ipfs/<folder>?format=car`.
fn about(folder: &Cid) -> HeaderMap {
    let value = |text: String| HeaderValue::try_from(text).expect("a CID has only letters and digits");
    HeaderMap::from_iter([
        (CONTENT_DISPOSITION, value(format!("attachment; filename=\"{folder}.car\"; filename*=UTF-8''{folder}.car"))),
        (X_IPFS_PATH, value(format!("/ipfs/{folder}"))),
        (X_IPFS_ROOTS, value(folder.to_string())),
    ])
}

/// An archive is sent as it is: most of it is hashes.
fn uncoded(visit: &Visit) -> Visit {
    let mut headers = visit.headers.clone();
    headers.remove(ACCEPT_ENCODING);
    Visit { id: visit.id, method: visit.method.clone(), uri: visit.uri.clone(), headers, origin: visit.origin.clone() }
}
