//! The body of an archive: pieces that are made while those before are sent, and never many ahead.
//!
//! Written by a task of its own, read by hyper. When the reader is gone, the writer notices at its next piece.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use crate::sending::Cut;

/// Pieces that wait to be sent: of 64 KiB, or of one block.
const WAITING: usize = 2;

/// The reader's end.
#[derive(Debug)]
pub(super) struct Pieces {
    waiting: mpsc::Receiver<Result<Bytes, Cut>>,
    /// Why it is cut off, once what was before that has had its time to be sent.
    cut: Option<Cut>,
}

impl Pieces {
    /// Both ends. A writer that ends without a word has written all.
    pub(super) fn channel() -> (mpsc::Sender<Result<Bytes, Cut>>, Self) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (sender, Self { waiting: receiver, cut: None })
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(cut) = self.cut.take() {
            return Poll::Ready(Some(Err(cut)));
        }
        match self.waiting.poll_recv(cx) {
            Poll::Ready(Some(Err(cut))) => {
                // hyper drops what it has not sent yet when a body fails, the head of the answer too: let it send first.
                self.cut = Some(cut);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other.map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }
}
