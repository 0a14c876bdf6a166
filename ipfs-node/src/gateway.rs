//! The trustless gateway: blocks and archives of whole DAGs for clients that check every byte themselves.
//!
//! Asked by anyone. `GET` and `HEAD` of `/ipfs/<cid>` with `format=raw` or `format=car` (or the same by `Accept`).

use std::sync::Arc;

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{self, HeaderValue},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task,
    time::{Duration, timeout},
};
use unixfs::{Cid, car};

use crate::{
    node::{Node, Walk},
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
const IMMUTABLE: &str = "public, max-age=29030400, immutable";

/// What a client wants of a CID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Raw,
    Car,
}

/// The gateway of a node.
#[derive(Debug, Clone)]
pub struct Gateway {
    node: Arc<Node>,
    turns: Arc<Semaphore>,
}

impl Gateway {
    /// The gateway of `node`.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, turns: Arc::new(Semaphore::new(TURNS)) }
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut answer = self.route(&request).await;
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Content-Type, Range, X-Requested-With"),
        );
        answer
    }

    async fn route(&self, request: &Request<Incoming>) -> Response<Body> {
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Response::new(Body::empty()),
            _ => return plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed: a gateway only reads\n"),
        }
        let Some(rest) = request.uri().path().strip_prefix("/ipfs/") else {
            return plain(StatusCode::NOT_FOUND, "404 not found: ask for /ipfs/<cid>?format=raw or format=car\n");
        };
        let (root, path) = rest.split_once('/').unwrap_or((rest, ""));
        let Ok(cid) = root.parse::<Cid>() else {
            return plain(StatusCode::BAD_REQUEST, format!("400 bad request: {root:?} is no CID\n"));
        };
        let query = request.uri().query().unwrap_or_default();
        let Some(format) = format_of(query, request.headers()) else {
            let what = "501 not implemented: this gateway serves blocks (format=raw) and archives (format=car) only\n";
            return plain(StatusCode::NOT_IMPLEMENTED, what);
        };
        if !path.trim_matches('/').is_empty() {
            return plain(
                StatusCode::NOT_IMPLEMENTED,
                "501 not implemented: this gateway does not resolve paths yet\n",
            );
        }
        if let Some(refusal) = unsupported(query) {
            return plain(StatusCode::NOT_IMPLEMENTED, refusal);
        }
        self.serve(cid, format, request).await
    }

    async fn serve(&self, cid: Cid, format: Format, request: &Request<Incoming>) -> Response<Body> {
        let Ok(Ok(turn)) = timeout(TURN_WAIT, Arc::clone(&self.turns).acquire_owned()).await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "503 too busy: try again in a few seconds\n");
        };
        let node = Arc::clone(&self.node);
        let read = task::spawn_blocking(move || node.store.get(&cid)).await;
        let root = match read {
            Ok(Ok(Some(root))) => root,
            Ok(Ok(None)) => return plain(StatusCode::NOT_FOUND, format!("404 not found: {cid} is not here\n")),
            Ok(Err(error)) => return plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            Err(_) => return plain(StatusCode::INTERNAL_SERVER_ERROR, "reading the block ended early\n"),
        };
        let etag = match format {
            Format::Raw => format!("\"{cid}.raw\""),
            Format::Car => format!("W/\"{cid}.car\""),
        };
        if request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        let body = match (format, request.method() == Method::HEAD) {
            (Format::Raw, _) => Body::whole(root),
            (Format::Car, true) => Body::empty(),
            (Format::Car, false) => self.archive(cid, turn),
        };
        let mut answer = Response::new(body);
        describe(&cid, format, &etag, answer.headers_mut());
        answer
    }

    fn archive(&self, root: Cid, turn: OwnedSemaphorePermit) -> Body {
        let (frames, receiver) = mpsc::channel(FRAMES);
        let node = Arc::clone(&self.node);
        task::spawn_blocking(move || {
            let send = |piece: Result<Bytes, Cut>| {
                let sent = wait(frames.send(piece.map(Frame::data)), CLIENT_WAIT);
                matches!(sent, Some(Ok(()))).then_some(()).ok_or_else(|| Refusal::failed("the client is gone"))
            };
            // The status has been sent: an archive that is cut off says that a block is missing.
            if let Err(refusal) = write_archive(&node, root, &mut |bytes| send(Ok(bytes))) {
                let _ = send(Err(Cut::because(&refusal)));
            }
            drop(turn);
        });
        Body::streamed(receiver)
    }
}

/// Writes all blocks below a root, parents first, each once.
pub(crate) fn write_archive(
    node: &Node,
    root: Cid,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    send(car::header(&[root]))?;
    let mut walk = Walk::new(root);
    while let Some(block) = walk.next_block(node)? {
        if unixfs::inline_block(&block.cid).is_some() {
            continue;
        }
        send(car::section_head(&block.cid, block.bytes.len()))?;
        send(block.bytes)?;
    }
    Ok(())
}

fn describe(cid: &Cid, format: Format, etag: &str, headers: &mut HeaderMap) {
    let (content_type, ending) = match format {
        Format::Raw => ("application/vnd.ipld.raw", "bin"),
        Format::Car => ("application/vnd.ipld.car; version=1; order=dfs; dups=n", "car"),
    };
    let rows = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{cid}.{ending}\"")),
        (header::ETAG, etag.to_owned()),
        (header::CACHE_CONTROL, IMMUTABLE.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::HeaderName::from_static("x-ipfs-path"), format!("/ipfs/{cid}")),
        (header::HeaderName::from_static("x-ipfs-roots"), cid.to_string()),
    ];
    for (name, value) in rows {
        headers.insert(name, HeaderValue::try_from(value).expect("CIDs and these texts are ASCII"));
    }
}

/// `format` counts more than `Accept`.
fn format_of(query: &str, headers: &HeaderMap) -> Option<Format> {
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "format");
    if let Some((_, format)) = asked {
        return match &*format {
            "raw" => Some(Format::Raw),
            "car" => Some(Format::Car),
            _ => None,
        };
    }
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|value| value.split(',')).find_map(|kind| match kind.split(';').next()?.trim() {
        "application/vnd.ipld.raw" => Some(Format::Raw),
        "application/vnd.ipld.car" => Some(Format::Car),
        _ => None,
    })
}

/// Parts of the specification that this gateway does not have.
fn unsupported(query: &str) -> Option<String> {
    let mut asked = form_urlencoded::parse(query.as_bytes());
    asked.find_map(|(name, value)| match (&*name, &*value) {
        ("dag-scope", "all") | ("car-version", "1") | ("car-order", "dfs" | "unk") | ("car-dups", "n") => None,
        ("dag-scope" | "car-version" | "car-order" | "car-dups" | "entity-bytes", _) => Some(format!(
            "501 not implemented: {name}={value}; this gateway writes whole DAGs in the order of a walk\n"
        )),
        _ => None,
    })
}
