//! The body of a request as a command reads it: part by part, on its own thread, never more than a piece at a time.
//!
//! Asked by the commands that take files. Waits for the client no longer than [`CLIENT_WAIT`].

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use multipart::{Event, Header, Multipart, MultipartError};
use tokio::time::timeout;

use crate::{refusal::Refusal, wait::wait};

/// How long a client may be silent in the middle of its body.
const CLIENT_WAIT: Duration = Duration::from_secs(120);
/// What is read and dropped of a body that nobody wanted, so that the client sees the answer.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN_WAIT: Duration = Duration::from_secs(2);

/// The body of a request, multipart or not wanted.
#[derive(Debug)]
pub(crate) struct Upload {
    body: Incoming,
    multipart: Option<Multipart>,
}

impl Upload {
    /// The body of a request. To be read on a thread of its own.
    pub(crate) fn of(form: Option<Multipart>, body: Incoming) -> Self {
        Self { body, multipart: form }
    }

    fn next_event(&mut self) -> Result<Event, Refusal> {
        match &mut self.multipart {
            None => Ok(Event::End),
            Some(multipart) => multipart.next().map_err(unreadable),
        }
    }

    /// The next part; what is left of the current one is skipped.
    pub(crate) fn next_part(&mut self) -> Result<Option<Header>, Refusal> {
        loop {
            match self.next_event()? {
                Event::Part(header) => return Ok(Some(header)),
                Event::Bytes(_) | Event::PartEnd => {}
                Event::End => return Ok(None),
                Event::More => self.read_piece()?,
            }
        }
    }

    /// The next bytes of the current part; `None` at its end.
    pub(crate) fn next_bytes(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            match self.next_event()? {
                Event::Bytes(bytes) => return Ok(Some(bytes)),
                Event::PartEnd | Event::End => return Ok(None),
                Event::Part(_) => return Err(Refusal::failed("a part of the body was read past its end")),
                Event::More => self.read_piece()?,
            }
        }
    }

    /// All bytes of the current part, which must not be more than `limit_bytes`.
    pub(crate) fn part_bytes(&mut self, limit_bytes: usize) -> Result<Bytes, Refusal> {
        let Some(first) = self.next_bytes()? else { return Ok(Bytes::new()) };
        let mut all = Vec::new();
        let mut last = Some(first);
        while let Some(bytes) = last {
            if all.len() + bytes.len() > limit_bytes {
                return Err(Refusal::client(format!("a part of the body is over {limit_bytes} bytes")));
            }
            all.extend_from_slice(&bytes);
            last = self.next_bytes()?;
        }
        Ok(all.into())
    }

    /// Lets the client finish sending, after it was answered.
    pub(crate) fn drain(&mut self) {
        let _ = wait(drain(&mut self.body), DRAIN_WAIT);
    }

    fn read_piece(&mut self) -> Result<(), Refusal> {
        match wait(self.body.frame(), CLIENT_WAIT) {
            None => Err(Refusal::failed(format!("the body stopped arriving for {} s", CLIENT_WAIT.as_secs()))),
            Some(Some(Err(error))) => Err(Refusal::from_error(&error)),
            Some(Some(Ok(frame))) => {
                let piece = frame.into_data().unwrap_or_default();
                self.multipart.iter_mut().for_each(|multipart| multipart.push(piece.clone()));
                Ok(())
            }
            Some(None) => Err(unreadable(MultipartError::Cut)),
        }
    }
}

/// Reads and drops a body that nobody wanted, within limits: a connection that is closed under a client that is still
/// sending takes the answer with it.
pub(super) async fn drain(body: &mut Incoming) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => break,
        }
    }
}

/// As [`drain`], beside the answer that is on its way.
pub(super) fn drain_beside(mut body: Incoming) {
    tokio::spawn(async move { timeout(DRAIN_WAIT, drain(&mut body)).await });
}

/// The parser for a body of this content type; none for one that is not multipart.
pub(super) fn form(content_type: &str) -> Result<Option<Multipart>, Refusal> {
    let is_multipart = content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data");
    let multipart = is_multipart.then(|| Multipart::new(content_type)).transpose();
    multipart.map_err(|error| Refusal::unreadable(error.to_string()))
}

fn unreadable(error: MultipartError) -> Refusal {
    Refusal::failed(error.to_string())
}
