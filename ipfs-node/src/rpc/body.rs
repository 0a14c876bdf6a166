//! The body of an answer: whole, or frames that arrive as they are made.
//!
//! Asked by `reply` and the gateway; read by hyper.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{mpsc, watch};

use super::reply::Cut;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Whole(Option<Bytes>),
    Streamed(
        mpsc::Receiver<Result<Frame<Bytes>, Cut>>,
        #[expect(dead_code, reason = "dropped with the body, it tells whoever makes the body that its reader is gone")]
        Option<watch::Sender<()>>,
    ),
    /// Cut off, once what was before that has had its time to be sent.
    Ending(Option<Cut>),
}

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }

    pub(crate) fn streamed(frames: mpsc::Receiver<Result<Frame<Bytes>, Cut>>) -> Self {
        Self::Streamed(frames, None)
    }

    /// The body as long as its reader is there; `reader` is dropped with it.
    pub(crate) fn read_by(self, reader: watch::Sender<()>) -> Self {
        match self {
            Self::Streamed(frames, _) => Self::Streamed(frames, Some(reader)),
            other => other,
        }
    }

    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self, Self::Streamed(..) | Self::Ending(_))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Ending(cut) => Poll::Ready(cut.take().map(Err)),
            Self::Streamed(frames, _) => match frames.poll_recv(cx) {
                Poll::Ready(Some(Err(cut))) => {
                    // hyper drops what it has not sent yet when a body fails, the head of the answer too: let it send first.
                    *self = Self::Ending(Some(cut));
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                other => other,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streamed(..) | Self::Ending(_) => SizeHint::default(),
        }
    }
}
