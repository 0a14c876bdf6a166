//! The gateway: blocks and archives for clients that check every byte themselves, and beside them, where the configuration
//! says so, files and pages for those who trust this node.
//!
//! Asked by anyone. What a request means and what the answer is, is the crate `gateway`'s to know; here are the blocks, the
//! turns and the clients.

mod archive;
mod long;
mod source;

use std::sync::Arc;

use bytes::Bytes;
use gateway::{
    Answer, Ask, Exchange, Next, Refusal as No, Walk,
    web::{self, Hosts, Look, Reply},
};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use proto::config::IpfsNode;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task,
    time::{Duration, timeout},
};

pub(crate) use archive::write_archive;
pub use source::Reach;

use crate::{
    node::Node,
    refusal::Refusal,
    rpc::{Cut, body::Body, plain},
    wait::wait,
};
use long::Out;
use source::{Fault, Source};

/// Requests that are answered at a time; more wait for their turn.
const TURNS: usize = 32;
const FRAMES: usize = 4;
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(30);
const READABLE: HeaderValue =
    HeaderValue::from_static("Content-Length, Content-Range, Content-Location, Etag, X-Ipfs-Path, X-Ipfs-Roots");

/// The gateway of a node.
#[derive(Debug, Clone)]
pub struct Gateway {
    node: Arc<Node>,
    reach: Reach,
    /// The hosts below which each root has a name of its own; none where only what proves itself is given.
    hosts: Option<Arc<Hosts>>,
    turns: Arc<Semaphore>,
    names: Arc<Semaphore>,
}

/// What a request came to.
enum Outcome {
    Reply(Box<(Source, Reply)>),
    No(Box<No>),
    Broken(Fault),
}

impl From<No> for Outcome {
    fn from(no: No) -> Self {
        Self::No(Box::new(no))
    }
}

impl Gateway {
    /// The gateway of `node`, which gives what is here and proves itself.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        let (turns, names) = (Arc::new(Semaphore::new(TURNS)), Arc::new(archive::names()));
        Self { node, reach: Reach::Here, hosts: None, turns, names }
    }

    /// The same gateway, as the configuration has it.
    #[must_use]
    pub fn configured(self, config: &IpfsNode) -> Self {
        let reach = if config.gateway_fetch { Reach::Peers } else { Reach::Here };
        // Pages of strangers under the operator's name are for the operator to allow.
        let gives_paths = config.gateway_paths.unwrap_or_else(|| config.gateway_listen.ip().is_loopback());
        let hosts = gives_paths.then(|| Arc::new(Hosts::new(config.gateway_subdomains.clone())));
        Self { reach, hosts, ..self }
    }

    /// The same gateway, which reaches so far.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The same gateway, which gives files and pages too.
    #[must_use]
    pub fn with_paths(self, hosts: Hosts) -> Self {
        Self { hosts: Some(Arc::new(hosts)), ..self }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, _) = request.into_parts();
        let mut answer = self.route(head).await;
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Content-Type, Range, User-Agent, X-Requested-With"),
        );
        answer
    }

    async fn route(&self, head: Parts) -> Response<Body> {
        match head.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Response::new(Body::empty()),
            _ => return not_allowed(),
        }
        if let Some(hosts) = self.hosts.clone() {
            return self.serve(None, move |source| page(source, &hosts, &head)).await;
        }
        if !head.uri.path().starts_with("/ipfs/") {
            return plain(StatusCode::NOT_FOUND, "404 not found: ask for /ipfs/<cid>?format=raw or format=car\n");
        }
        match Ask::read(&head.method, &head.uri, &head.headers) {
            Ok(ask) => self.serve(Some(ask.path_header()), move |source| exchange(source, ask)).await,
            Err(no) => refuse(&no, None),
        }
    }

    /// Answers on a thread that may wait, when it is the request's turn.
    async fn serve(
        &self,
        path: Option<(HeaderName, HeaderValue)>,
        answer: impl FnOnce(Source) -> Outcome + Send + 'static,
    ) -> Response<Body> {
        let Ok(Ok(turn)) = timeout(TURN_WAIT, Arc::clone(&self.turns).acquire_owned()).await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "503 too busy: try again in a few seconds\n");
        };
        let (client, gone) = watch::channel(());
        let source = Source::new(&self.node, self.reach, gone);
        match task::spawn_blocking(move || answer(source)).await {
            Ok(Outcome::Reply(reply)) => {
                let (source, reply) = *reply;
                self.reply(source, reply, turn).map(|body| body.read_by(client))
            }
            Ok(Outcome::No(no)) => refuse(&no, path),
            Ok(Outcome::Broken(fault)) => broken(&fault),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "reading blocks ended early\n"),
        }
    }

    fn reply(&self, source: Source, reply: Reply, turn: OwnedSemaphorePermit) -> Response<Body> {
        match reply {
            Reply::Whole(answer) => answer.map(Body::whole),
            Reply::Archive(head, walk) => head.map(|()| self.archive(source, *walk, turn)),
            Reply::File(head, mut reader) => {
                head.map(|()| long(turn, move |send| Out::to(send).file(&source.node, &mut reader)))
            }
            Reply::Folder(head, list, mut reader) => {
                head.map(|()| long(turn, move |send| Out::to(send).listing(&source.node, &list, &mut reader)))
            }
            Reply::Tar(head, root) => head.map(|()| long(turn, move |send| Out::to(send).tar(&source.node, root))),
        }
    }

    fn archive(&self, source: Source, walk: Walk, turn: OwnedSemaphorePermit) -> Body {
        let names = Arc::clone(&self.names);
        long(turn, move |mut send| archive::write_walk(&source.node, walk, &names, &mut send))
    }
}

/// A body that is written on a thread of its own. One that cannot be finished is cut off, for its status has been sent.
fn long(turn: OwnedSemaphorePermit, write: impl FnOnce(Taker<'_>) -> Result<(), Refusal> + Send + 'static) -> Body {
    let (frames, receiver) = mpsc::channel(FRAMES);
    task::spawn_blocking(move || {
        let send = |piece: Result<Bytes, Cut>| {
            let sent = wait(frames.send(piece.map(Frame::data)), CLIENT_WAIT);
            matches!(sent, Some(Ok(()))).then_some(()).ok_or_else(|| Refusal::failed("the client is gone"))
        };
        if let Err(refusal) = write(Box::new(|bytes| send(Ok(bytes)))) {
            let _ = send(Err(Cut::because(&refusal)));
        }
        drop(turn);
    });
    Body::streamed(receiver)
}

/// Takes a piece of a body.
type Taker<'s> = Box<dyn FnMut(Bytes) -> Result<(), Refusal> + 's>;

/// Files, folders and pages.
fn page(source: Source, hosts: &Hosts, head: &Parts) -> Outcome {
    match web::answer(hosts, &source, head) {
        Ok(reply) => Outcome::Reply(Box::new((source, reply))),
        Err(fault) => Outcome::Broken(fault),
    }
}

/// What proves itself.
fn exchange(source: Source, ask: Ask) -> Outcome {
    let look = if ask.is_only_if_cached() { Look::Here } else { Look::Everywhere };
    let mut exchange = Exchange::new(ask);
    loop {
        let need = match exchange.step() {
            Ok(Next::Need(cid)) => cid,
            Ok(Next::Answer(Answer::Whole(answer))) => return Outcome::Reply(Box::new((source, Reply::Whole(answer)))),
            Ok(Next::Answer(Answer::Archive(head, walk))) => {
                return Outcome::Reply(Box::new((source, Reply::Archive(head, walk))));
            }
            Err(no) => return no.into(),
        };
        let brought = match source.look_for(&need, look) {
            Ok(Some(bytes)) => exchange.supply(&need, bytes),
            Ok(None) => exchange.missing(),
            Err(fault) => return Outcome::Broken(fault),
        };
        if let Err(no) = brought {
            return no.into();
        }
    }
}

fn broken(fault: &Fault) -> Response<Body> {
    let status = fault.status();
    let reason = status.canonical_reason().unwrap_or_default().to_ascii_lowercase();
    plain(status, format!("{} {reason}: {}\n", status.as_u16(), fault.0))
}

fn not_allowed() -> Response<Body> {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed: a gateway only reads\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    answer
}

fn refuse(no: &No, path: Option<(HeaderName, HeaderValue)>) -> Response<Body> {
    let status = no.status();
    let reason = status.canonical_reason().unwrap_or_default().to_ascii_lowercase();
    let mut answer = plain(status, format!("{} {reason}: {no}\n", status.as_u16()));
    answer.headers_mut().extend(path);
    answer.headers_mut().extend(no.content_range().map(|value| (header::CONTENT_RANGE, value)));
    answer
}
