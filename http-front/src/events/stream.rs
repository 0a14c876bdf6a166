//! The stream of one reader: first what he has missed, at his own pace, then what all are told.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use proto::Threads;
use tokio::sync::mpsc;

use super::{
    channel::{Entry, WAITING},
    hub::Seat,
    place::Place,
    text::{Batch, State},
};
use crate::{sending::Cut, sides::Side};

/// The body of the answer.
pub(super) struct Stream<R: Side<Threads>> {
    seat: Arc<Seat<R>>,
    /// To be sent before anything else.
    first: Bytes,
    stage: Stage,
}

enum Stage {
    /// Asks for what the reader missed, piece by piece.
    Behind(Pin<Box<dyn Future<Output = Result<Step, Cut>> + Send>>),
    /// Is told what all are told.
    In(mpsc::Receiver<Bytes>),
    /// The box ends: the reader will come back.
    Over,
}

/// A piece of what a reader missed, and what comes after it.
enum Step {
    Behind(Bytes, Place),
    In(Bytes, mpsc::Receiver<Bytes>),
    Over,
}

impl<R: Side<Threads>> Stream<R> {
    /// Begins behind `from`, or now.
    pub(super) fn begin(seat: Seat<R>, state: &State, from: Option<Place>) -> Self {
        let seat = Arc::new(seat);
        let (queue, pieces) = mpsc::channel(WAITING);
        let (first, stage) = match seat.channel.enter(seat.number, from, queue) {
            Entry::In(first) => (first, Stage::In(pieces)),
            Entry::Behind(from) => (state.first(from), Stage::behind(Arc::clone(&seat), from)),
            Entry::Over => (Vec::new(), Stage::Over),
        };
        Self { seat, first: first.into(), stage }
    }
}

impl Stage {
    fn behind<R: Side<Threads>>(seat: Arc<Seat<R>>, from: Place) -> Self {
        Self::Behind(Box::pin(step(seat, from)))
    }
}

/// Asks for the next piece of what a reader missed behind `from`; lets him in when that was all.
async fn step<R: Side<Threads>>(seat: Arc<Seat<R>>, from: Place) -> Result<Step, Cut> {
    if seat.hub.is_closed() {
        return Ok(Step::Over);
    }
    let news =
        seat.hub.catch_up(seat.channel.topic, from.seq).await.map_err(|problem| Cut(problem.detail().to_owned()))?;
    let (queue, pieces) = mpsc::channel(WAITING);
    if news.epoch != from.epoch || news.last_seq < from.seq {
        return Ok(match seat.channel.restart(seat.number, queue) {
            Entry::In(reset) => Step::In(reset.into(), pieces),
            Entry::Behind(_) | Entry::Over => Step::Over,
        });
    }
    let (missed, place) = (Batch::of(&news).bytes, State::of(seat.channel.topic, &news).place);
    if news.next.is_some() {
        return Ok(Step::Behind(missed, place));
    }
    Ok(match seat.channel.rejoin(seat.number, place, queue) {
        Entry::In(rest) if rest.is_empty() => Step::In(missed, pieces),
        Entry::In(rest) => Step::In([&missed[..], &rest].concat().into(), pieces),
        // The others were told so much in the meantime that he is behind again.
        Entry::Behind(place) => Step::Behind(missed, place),
        Entry::Over => Step::Over,
    })
}

impl<R: Side<Threads>> HttpBody for Stream<R> {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        loop {
            if !this.first.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.first)))));
            }
            match &mut this.stage {
                Stage::In(pieces) => {
                    return Poll::Ready(ready!(pieces.poll_recv(cx)).map(|piece| Ok(Frame::data(piece))));
                }
                Stage::Over => return Poll::Ready(None),
                Stage::Behind(next) => match ready!(next.as_mut().poll(cx)) {
                    Err(cut) => return Poll::Ready(Some(Err(cut))),
                    Ok(Step::Behind(missed, place)) => {
                        (this.first, this.stage) = (missed, Stage::behind(Arc::clone(&this.seat), place));
                    }
                    Ok(Step::In(missed, pieces)) => (this.first, this.stage) = (missed, Stage::In(pieces)),
                    Ok(Step::Over) => this.stage = Stage::Over,
                },
            }
        }
    }
}
