//! What an answer sends: bytes that are all there, or a stream of pieces.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::{connection::link::Serving, crowd::Place};

/// The body of an answer.
pub(crate) enum Body {
    /// All there.
    Whole(Full<Bytes>),
    /// Made while it is sent.
    Streamed(Pin<Box<dyn HttpBody<Data = Bytes, Error = Cut> + Send>>),
    /// Sent to somebody who is counted until he has all of it.
    Counted { body: Box<Self>, _place: Place },
    /// Still being made, so that nobody takes the client for idle.
    Served { body: Box<Self>, _serving: Serving },
}

/// Why a stream ended before its end: its connection is cut, so that the client knows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Cut(pub(crate) String);

impl Body {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self::Whole(Full::default())
    }

    /// These bytes.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Full::new(bytes.into()))
    }

    /// Whatever this makes.
    pub(crate) fn streamed(source: impl HttpBody<Data = Bytes, Error = Cut> + Send + 'static) -> Self {
        Self::Streamed(Box::pin(source))
    }

    /// The same, which gives the place back when it is sent or dropped.
    pub(crate) fn holding(self, place: Place) -> Self {
        if place.is_counted() { Self::Counted { body: Box::new(self), _place: place } } else { self }
    }

    /// The same, and its request is served until all of it is made.
    pub(crate) fn served_with(self, serving: Serving) -> Self {
        if self.is_streamed() { Self::Served { body: Box::new(self), _serving: serving } } else { self }
    }

    fn is_streamed(&self) -> bool {
        match self {
            Self::Whole(_) => false,
            Self::Streamed(_) => true,
            Self::Counted { body, .. } | Self::Served { body, .. } => body.is_streamed(),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            Self::Streamed(source) => source.as_mut().poll_frame(cx),
            Self::Counted { body, .. } | Self::Served { body, .. } => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Streamed(source) => source.is_end_stream(),
            Self::Counted { body, .. } | Self::Served { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Streamed(source) => source.size_hint(),
            Self::Counted { body, .. } | Self::Served { body, .. } => body.size_hint(),
        }
    }
}
