//! The answer as a command writes it, on its own thread: rows of JSON, or a stream of bytes.
//!
//! Asked by every command. A short answer is sent whole, so a command that fails early can still answer 500. Once bytes
//! have left, a failure is told in the trailer `X-Stream-Error` to a client that said `TE: trailers`; for any other
//! client the connection is cut, so that half an answer never looks like a whole one. (hyper sends trailers only to
//! clients that ask; Go's client, which Kubo and Cluster use, does not ask but reads a cut connection as an error.)

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hyper::{HeaderMap, Response, StatusCode, body::Frame, header::HeaderValue};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::body::Body;
use crate::{refusal::Refusal, wait::wait};

/// How long a client may take to accept more of an answer.
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// Rows that come quickly are sent together up to this.
const BUFFER_BYTES: usize = 16 << 10;
/// Rows that come slowly are sent at once.
const PROMPT: Duration = Duration::from_millis(20);
/// Frames on their way to the connection.
const FRAMES: usize = 4;
/// A longer piece is cut, so that a slow client holds little memory.
const FRAME_BYTES: usize = 256 << 10;

const EXPOSED: &str = "X-Stream-Output, X-Chunked-Output, X-Content-Length";

/// Whether the client reads trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trailers {
    Read,
    Ignored,
}

/// What kind of answer it is, which decides its header.
#[derive(Debug, Clone)]
enum Shape {
    /// Nothing was written yet.
    Unknown,
    /// One JSON object.
    Single,
    /// JSON objects, one a line.
    Rows,
    /// Bytes of this type, and how many if that is known.
    Bytes(&'static str, Option<u64>),
}

/// The answer of one call.
#[derive(Debug)]
pub(crate) struct Reply {
    head: Option<oneshot::Sender<Response<Body>>>,
    frames: Option<mpsc::Sender<Result<Frame<Bytes>, Cut>>>,
    shape: Shape,
    buffer: BytesMut,
    sent_at: Instant,
    trailers: Trailers,
}

/// The answer was cut off.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off: {0}")]
pub(crate) struct Cut(String);

impl Cut {
    pub(crate) fn because(refusal: &Refusal) -> Self {
        Self(refusal.message.clone())
    }
}

impl Reply {
    /// An answer to be written; its header arrives at the receiver. To be written on a thread of its own.
    pub(crate) fn new(trailers: Trailers) -> (Self, oneshot::Receiver<Response<Body>>) {
        let (head, receiver) = oneshot::channel();
        let reply = Self {
            head: Some(head),
            frames: None,
            shape: Shape::Unknown,
            buffer: BytesMut::new(),
            sent_at: Instant::now(),
            trailers,
        };
        (reply, receiver)
    }

    /// The only JSON object of the answer.
    pub(crate) fn single(&mut self, value: &impl Serialize) -> Result<(), Refusal> {
        self.shape = Shape::Single;
        self.row_bytes(value)
    }

    /// The next of the JSON objects of the answer.
    pub(crate) fn row(&mut self, value: &impl Serialize) -> Result<(), Refusal> {
        self.rows();
        self.row_bytes(value)
    }

    /// Says that the answer is JSON objects, though there may be none.
    pub(crate) fn rows(&mut self) {
        self.shape = Shape::Rows;
    }

    /// A piece of the only JSON object of the answer, for one that is too large to be held.
    pub(crate) fn text(&mut self, piece: &str) -> Result<(), Refusal> {
        self.shape = Shape::Single;
        self.buffer.extend_from_slice(piece.as_bytes());
        if self.buffer.len() > BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn row_bytes(&mut self, value: &impl Serialize) -> Result<(), Refusal> {
        let text = serde_json::to_vec(value).map_err(|error| Refusal::from_error(&error))?;
        self.buffer.extend_from_slice(&text);
        self.buffer.extend_from_slice(b"\n");
        if self.buffer.len() > BUFFER_BYTES || self.sent_at.elapsed() > PROMPT { self.flush() } else { Ok(()) }
    }

    /// Says that the answer is bytes of this type.
    pub(crate) fn stream(&mut self, content_type: &'static str, content_bytes: Option<u64>) {
        self.shape = Shape::Bytes(content_type, content_bytes);
    }

    /// More bytes of the answer.
    pub(crate) fn bytes(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        if self.buffer.len() + bytes.len() <= BUFFER_BYTES {
            self.buffer.extend_from_slice(&bytes);
            return Ok(());
        }
        self.flush()?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(FRAME_BYTES));
            self.send(Frame::data(piece))?;
        }
        Ok(())
    }

    /// Sends the header now, though nothing may follow for long.
    pub(crate) fn begin_now(&mut self) -> Result<(), Refusal> {
        self.begin();
        self.flush()
    }

    /// Sends what was written until now.
    pub(crate) fn flush(&mut self) -> Result<(), Refusal> {
        self.sent_at = Instant::now();
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = self.buffer.split().freeze();
        self.send(Frame::data(bytes))
    }

    fn send(&mut self, frame: Frame<Bytes>) -> Result<(), Refusal> {
        self.begin();
        let frames = self.frames.as_ref().ok_or_else(gone)?;
        match wait(frames.send(Ok(frame)), CLIENT_WAIT) {
            Some(Ok(())) => Ok(()),
            _ => Err(gone()),
        }
    }

    /// Sends the header of an answer that is not whole yet.
    fn begin(&mut self) {
        let Some(head) = self.head.take() else { return };
        let (frames, receiver) = mpsc::channel(FRAMES);
        self.frames = Some(frames);
        // A client that is gone is noticed with the first frame.
        let _ = head.send(respond(&self.shape, Body::streamed(receiver)));
    }

    /// Ends the answer.
    pub(crate) fn finish(mut self, outcome: Result<(), Refusal>) {
        match (self.head.take(), outcome) {
            (Some(head), Ok(())) => _ = head.send(respond(&self.shape, Body::whole(self.buffer.split().freeze()))),
            // Rows that were written before the failure are told as Kubo tells them, where the client can see both.
            (head, Err(refusal)) if self.trailers == Trailers::Read && !self.buffer.is_empty() => {
                self.head = head;
                self.fail_late(&refusal);
            }
            (Some(head), Err(refusal)) => _ = head.send(refuse(&refusal)),
            (None, Ok(())) => _ = self.flush(),
            (None, Err(refusal)) => self.fail_late(&refusal),
        }
    }

    fn fail_late(&mut self, refusal: &Refusal) {
        let _ = self.flush();
        let Some(frames) = self.frames.take() else { return };
        let text = HeaderValue::from_str(&refusal.message.replace(['\r', '\n'], " "));
        let end = match (self.trailers, text) {
            (Trailers::Read, Ok(text)) => Ok(Frame::trailers(HeaderMap::from_iter([(STREAM_ERROR, text)]))),
            _ => Err(Cut::because(refusal)),
        };
        let _ = wait(frames.send(end), CLIENT_WAIT);
    }
}

const STREAM_ERROR: hyper::header::HeaderName = hyper::header::HeaderName::from_static("x-stream-error");

fn gone() -> Refusal {
    Refusal::failed("the client is gone")
}

/// The answer of a command that failed before it answered anything.
pub(crate) fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut response = Response::new(Body::whole(refusal.body().into()));
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert("Content-Type", HeaderValue::from_static(refusal.content_type()));
    match refusal.content_type() {
        "application/json" => insert_exposed(headers),
        _ => _ = headers.insert("X-Content-Type-Options", HeaderValue::from_static("nosniff")),
    }
    response
}

fn insert_exposed(headers: &mut HeaderMap) {
    headers.insert("Access-Control-Allow-Headers", HeaderValue::from_static(EXPOSED));
    headers.insert("Access-Control-Expose-Headers", HeaderValue::from_static(EXPOSED));
}

fn respond(shape: &Shape, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let is_streamed = response.body().is_streamed();
    let headers = response.headers_mut();
    insert_exposed(headers);
    let one = HeaderValue::from_static("1");
    let content_type = match shape {
        Shape::Bytes(content_type, content_bytes) => {
            headers.insert("X-Stream-Output", one);
            if let Some(bytes) = content_bytes {
                headers.insert("X-Content-Length", HeaderValue::from(*bytes));
            }
            content_type
        }
        Shape::Rows | Shape::Unknown => {
            headers.insert("X-Chunked-Output", one);
            "application/json"
        }
        Shape::Single => "application/json",
    };
    headers.insert("Content-Type", HeaderValue::from_static(content_type));
    if is_streamed {
        headers.insert("Trailer", HeaderValue::from_static("X-Stream-Error"));
    }
    response
}
