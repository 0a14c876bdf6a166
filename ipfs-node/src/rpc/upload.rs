//! The body of a request as a command reads it: part by part, on its own thread, never more than a piece at a time.
//!
//! Asked by the commands that take files. Waits for the client no longer than [`CLIENT_WAIT`].

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{
    call::Files,
    multipart::{Event, Header, Multipart, MultipartError},
};
use crate::{refusal::Refusal, wait::wait};

/// How long a client may be silent in the middle of its body.
const CLIENT_WAIT: Duration = Duration::from_secs(120);
/// What is read and dropped of a body that nobody wanted, so that the client sees the answer.
const DRAIN_BYTES: usize = 8 << 20;
const DRAIN_WAIT: Duration = Duration::from_secs(2);

/// The body of a request, multipart or not wanted.
#[derive(Debug)]
pub(crate) struct Upload {
    body: Incoming,
    multipart: Option<Multipart>,
}

impl Upload {
    /// The body of a request. To be read on a thread of its own.
    pub(crate) fn of(content_type: &str, body: Incoming) -> Result<Self, Refusal> {
        let is_multipart = content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data");
        let multipart = is_multipart.then(|| Multipart::new(content_type)).transpose();
        let multipart = multipart.map_err(|error| Refusal::unreadable(error.to_string()))?;
        Ok(Self { body, multipart })
    }

    /// Whether it is multipart.
    pub(crate) const fn files(&self) -> Files {
        if self.multipart.is_some() { Files::Sent } else { Files::None }
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

    /// Reads and drops what is left, within limits: a client that is still sending would not see the answer.
    pub(crate) fn drain(&mut self) {
        let drain = async {
            let mut left = DRAIN_BYTES;
            while let Some(Ok(frame)) = self.body.frame().await {
                left = match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(left) => left,
                    None => break,
                };
            }
        };
        // Too slow or too much: then the connection is closed under the client, as Kubo does it.
        let _ = wait(drain, DRAIN_WAIT);
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

fn unreadable(error: MultipartError) -> Refusal {
    Refusal::failed(error.to_string())
}
