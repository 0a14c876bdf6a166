//! The trustless gateway: blocks and archives for clients that check every byte themselves.
//!
//! Asked by anyone. What a request means and what the answer is, is the crate `gateway`'s to know; here are the blocks, the
//! turns and the clients.

use std::sync::Arc;

use bytes::Bytes;
use gateway::{Answer, Ask, Exchange, Frames, Next, Refusal as No, Walk};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{self, HeaderName, HeaderValue},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task,
    time::{Duration, timeout},
};
use unixfs::{Cid, Step, car};

use crate::{
    node::{self, Node},
    refusal::Refusal,
    rpc::{Cut, body::Body, plain},
    wait::wait,
};

/// Requests that are answered at a time; more wait for their turn.
const TURNS: usize = 32;
const FRAMES: usize = 4;
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(30);
/// All archives together keep so many names of blocks: about 100 MiB. One that would need more is cut off.
const NAMES: usize = 1 << 20;
/// Names are granted by so many at a time.
const GRANT: usize = 1 << 12;
const READABLE: HeaderValue =
    HeaderValue::from_static("Content-Length, Content-Range, Content-Location, Etag, X-Ipfs-Path, X-Ipfs-Roots");

/// The gateway of a node.
#[derive(Debug, Clone)]
pub struct Gateway {
    node: Arc<Node>,
    turns: Arc<Semaphore>,
    names: Arc<Semaphore>,
}

/// What a request came to.
enum Outcome {
    Answer(Answer),
    No(Box<No>),
    Broken(Refusal),
}

impl From<No> for Outcome {
    fn from(no: No) -> Self {
        Self::No(Box::new(no))
    }
}

impl Gateway {
    /// The gateway of `node`.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        let (turns, names) = (Arc::new(Semaphore::new(TURNS)), Arc::new(Semaphore::new(NAMES / GRANT)));
        Self { node, turns, names }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut answer = self.route(&request).await;
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

    async fn route(&self, request: &Request<Incoming>) -> Response<Body> {
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Response::new(Body::empty()),
            _ => return not_allowed(),
        }
        if !request.uri().path().starts_with("/ipfs/") {
            return plain(StatusCode::NOT_FOUND, "404 not found: ask for /ipfs/<cid>?format=raw or format=car\n");
        }
        match Ask::read(request.method(), request.uri(), request.headers()) {
            Ok(ask) => self.serve(ask).await,
            Err(no) => refuse(&no, None),
        }
    }

    async fn serve(&self, ask: Ask) -> Response<Body> {
        let Ok(Ok(turn)) = timeout(TURN_WAIT, Arc::clone(&self.turns).acquire_owned()).await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "503 too busy: try again in a few seconds\n");
        };
        let (node, path) = (Arc::clone(&self.node), ask.path_header());
        match task::spawn_blocking(move || exchange(&node, ask)).await {
            Ok(Outcome::Answer(Answer::Whole(answer))) => whole(answer),
            Ok(Outcome::Answer(Answer::Archive(head, walk))) => head.map(|()| self.archive(*walk, turn)),
            Ok(Outcome::No(no)) => refuse(&no, Some(path)),
            Ok(Outcome::Broken(error)) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "reading blocks ended early\n"),
        }
    }

    fn archive(&self, walk: Walk, turn: OwnedSemaphorePermit) -> Body {
        let (frames, receiver) = mpsc::channel(FRAMES);
        let (node, names) = (Arc::clone(&self.node), Arc::clone(&self.names));
        task::spawn_blocking(move || {
            let send = |piece: Result<Bytes, Cut>| {
                let sent = wait(frames.send(piece.map(Frame::data)), CLIENT_WAIT);
                matches!(sent, Some(Ok(()))).then_some(()).ok_or_else(|| Refusal::failed("the client is gone"))
            };
            // The status has been sent: an archive that is cut off says that a block is missing.
            if let Err(refusal) = write_walk(&node, walk, &names, &mut |bytes| send(Ok(bytes))) {
                let _ = send(Err(Cut::because(&refusal)));
            }
            drop(turn);
        });
        Body::streamed(receiver)
    }
}

fn exchange(node: &Node, ask: Ask) -> Outcome {
    let mut exchange = Exchange::new(ask);
    loop {
        let need = match exchange.step() {
            Ok(Next::Need(cid)) => cid,
            Ok(Next::Answer(answer)) => return Outcome::Answer(answer),
            Err(no) => return no.into(),
        };
        let brought = match node.store.get(&need) {
            Ok(Some(bytes)) => exchange.supply(&need, bytes),
            Ok(None) => exchange.missing(),
            Err(error) => return Outcome::Broken(error.into()),
        };
        if let Err(no) = brought {
            return no.into();
        }
    }
}

/// Writes an archive as a request of the gateway has it.
fn write_walk(
    node: &Node,
    mut walk: Walk,
    names: &Arc<Semaphore>,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut frames = Frames::new(&walk.header());
    let walked = write_frames(node, &mut walk, names, &mut frames, send);
    // Also of a walk that failed: what was found is sent.
    send(frames.take())?;
    walked
}

fn write_frames(
    node: &Node,
    walk: &mut Walk,
    names: &Arc<Semaphore>,
    frames: &mut Frames,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut granted = Vec::new();
    loop {
        match walk.step().map_err(|error| Refusal::from_error(&error))? {
            Step::Done => return Ok(()),
            Step::Need(cid) => supply(node, walk, &cid)?,
            Step::Give(block) => {
                grant(walk, names, &mut granted)?;
                frames.push(&block).map_or(Ok(()), &mut *send)?;
            }
        }
    }
}

fn supply(node: &Node, walk: &mut Walk, cid: &Cid) -> Result<(), Refusal> {
    walk.supply(cid, node.block(cid)?).map_err(|error| Refusal::from_error(&error))
}

/// A walk over many blocks keeps many names: it may, as long as there is room for them.
fn grant(walk: &Walk, names: &Arc<Semaphore>, granted: &mut Vec<OwnedSemaphorePermit>) -> Result<(), Refusal> {
    while walk.names_kept() > (granted.len() + 1) * GRANT {
        let more = Arc::clone(names).try_acquire_owned();
        granted.push(more.map_err(|_| Refusal::failed("too many large archives are being written"))?);
    }
    Ok(())
}

/// Writes all blocks below a root, parents first, each once.
pub(crate) fn write_archive(
    node: &Node,
    root: Cid,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    send(car::header(&[root]))?;
    let mut walk = node::Walk::new(root);
    while let Some(block) = walk.next_block(node)? {
        if unixfs::inline_block(&block.cid).is_some() {
            continue;
        }
        send(car::section_head(&block.cid, block.bytes.len()))?;
        send(block.bytes)?;
    }
    Ok(())
}

fn whole(answer: Response<Bytes>) -> Response<Body> {
    answer.map(Body::whole)
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
