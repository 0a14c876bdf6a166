//! An answer on its way in: its pieces, its lines, and the trailer that says whether it is whole.

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{
    Response, StatusCode,
    body::{Frame, Incoming},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    connection::{Connection, Pool},
    error::{Awaited, RpcError},
    wait::Deadline,
};
use crate::metrics::Metrics;

/// The trailer with which Kubo says that it failed after the head of the answer was sent.
const STREAM_ERROR: &str = "x-stream-error";
/// No line of an answer that we ask for is longer.
const LINE_BYTES: usize = 64 * 1024;
/// No error message is longer.
const ERROR_BYTES: usize = 16 * 1024;

/// Kubo's error, as a body or as a line between others.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KuboError {
    message: String,
    #[serde(rename = "Type")]
    kind: String,
}

impl KuboError {
    fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(text).ok().filter(|error| error.kind == "error")
    }
}

/// Where an answer comes from.
enum Source {
    /// The API.
    Api(Incoming),
    /// The command line, which has said all of it; none when it was read.
    Said(Option<Bytes>),
}

/// An answer that is no refusal, not read yet.
pub(super) struct Answer {
    endpoint: &'static str,
    connection: Option<Connection>,
    pool: Arc<Pool>,
    body: Source,
    deadline: Deadline,
    unread: BytesMut,
    metrics: Metrics,
}

impl Answer {
    /// Takes the answer's head: a status that tells of no success is a refusal.
    pub(super) async fn begin(
        endpoint: &'static str,
        response: Response<Incoming>,
        connection: Connection,
        pool: Arc<Pool>,
        deadline: Deadline,
        metrics: Metrics,
    ) -> Result<Self, RpcError> {
        let (head, body) = response.into_parts();
        let body = Source::Api(body);
        let unread = BytesMut::new();
        let answer = Self { endpoint, connection: Some(connection), pool, body, deadline, unread, metrics };
        if head.status.is_success() { Ok(answer) } else { Err(answer.refusal(head.status).await) }
    }

    /// An answer that the command line has given.
    pub(super) fn said(
        endpoint: &'static str,
        bytes: Bytes,
        pool: Arc<Pool>,
        deadline: Deadline,
        metrics: Metrics,
    ) -> Self {
        let body = Source::Said(Some(bytes));
        Self { endpoint, connection: None, pool, body, deadline, unread: BytesMut::new(), metrics }
    }

    async fn refusal(self, status: StatusCode) -> RpcError {
        let endpoint = self.endpoint;
        match self.bytes(ERROR_BYTES).await {
            Ok(body) => {
                let message = KuboError::read(&body).map_or_else(|| printable(&body), |error| error.message);
                RpcError::Refused { endpoint, status: status.as_u16(), message }
            }
            Err(error) => error,
        }
    }

    pub(super) fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    async fn frame(&mut self) -> Result<Option<Frame<Bytes>>, RpcError> {
        match &mut self.body {
            Source::Said(bytes) => Ok(bytes.take().map(Frame::data)),
            Source::Api(body) => {
                let frame = self.deadline.bound(Awaited::NextByte, body.frame()).await?;
                frame.transpose().map_err(|cause| RpcError::Broken { endpoint: self.endpoint, cause })
            }
        }
    }

    /// The next bytes; `None` once the answer is whole and the daemon has not said otherwise.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, RpcError> {
        loop {
            let Some(frame) = self.frame().await? else {
                self.release();
                return Ok(None);
            };
            match frame.into_data() {
                Ok(piece) => {
                    self.metrics.received(piece.len() as u64);
                    return Ok(Some(piece));
                }
                Err(trailers) => self.check(&trailers)?,
            }
        }
    }

    fn check(&self, trailers: &Frame<Bytes>) -> Result<(), RpcError> {
        match trailers.trailers_ref().and_then(|trailers| trailers.get(STREAM_ERROR)) {
            None => Ok(()),
            Some(message) => Err(self.midway(printable(message.as_bytes()))),
        }
    }

    /// Only an answer that was read to its end leaves the connection fit for another call.
    fn release(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.give_back(connection);
        }
    }

    /// All of the answer, of at most `limit` bytes.
    pub(super) async fn bytes(mut self, limit: usize) -> Result<Bytes, RpcError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            if all.len() + piece.len() > limit {
                return Err(self.nonsense(format!("more than {limit} bytes")));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// Reads to the end, for the sake of the trailer.
    pub(super) async fn end(mut self) -> Result<(), RpcError> {
        while self.piece().await?.is_some() {}
        Ok(())
    }

    /// The next of the JSON lines; `None` when the answer is whole.
    pub(super) async fn line<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        loop {
            if let Some(line) = self.take_line() {
                match line.trim_ascii() {
                    [] => continue,
                    line => return self.parse(line).map(Some),
                }
            }
            let Some(piece) = self.piece().await? else { return self.last_line() };
            self.unread.extend_from_slice(&piece);
            if self.unread.len() > LINE_BYTES && !self.unread.contains(&b'\n') {
                return Err(self.nonsense(format!("a line of more than {LINE_BYTES} bytes")));
            }
        }
    }

    fn take_line(&mut self) -> Option<BytesMut> {
        let end = self.unread.iter().position(|&byte| byte == b'\n')?;
        let line = self.unread.split_to(end);
        self.unread.advance(1);
        Some(line)
    }

    /// What stands behind the last line end.
    fn last_line<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        let rest = self.unread.split();
        match rest.trim_ascii() {
            [] => Ok(None),
            line => self.parse(line).map(Some),
        }
    }

    /// The one JSON object that the answer consists of.
    pub(super) async fn only<T: DeserializeOwned>(mut self) -> Result<T, RpcError> {
        let object = self.line().await?.ok_or_else(|| self.nonsense("empty".to_owned()))?;
        self.end().await?;
        Ok(object)
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, RpcError> {
        if let Some(error) = KuboError::read(line) {
            return Err(self.midway(error.message));
        }
        serde_json::from_slice(line).map_err(|cause| self.nonsense(format!("{cause}: {}", printable(line))))
    }

    fn midway(&self, message: String) -> RpcError {
        RpcError::Midway { endpoint: self.endpoint, message }
    }

    pub(super) fn nonsense(&self, found: String) -> RpcError {
        RpcError::Nonsense { endpoint: self.endpoint, found }
    }
}

/// A stranger's text for a log: short, and one line.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}
