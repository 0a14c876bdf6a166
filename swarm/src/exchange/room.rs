//! What a session waits for and what it holds: the meeting point of those who get blocks and the driver that has them.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bitswap::{SessionId, Urgency};
use bytes::Bytes;
use cid::Cid;
use tokio::sync::oneshot;

use super::session::{Desk, FetchError, Request};

/// The driver is told when so much less is held than it believes: each telling wakes it.
const WORTH_TELLING: u64 = 512 * 1024;
/// The most blocks that a session expects; more are not fetched ahead.
const MAX_SLOTS: usize = 16_384;

type Answer = Result<Bytes, FetchError>;

/// One session's blocks.
#[derive(Debug)]
pub(super) struct Room {
    id: SessionId,
    desk: Arc<Desk>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    of: HashMap<Cid, Slot>,
    held_bytes: u64,
    /// What the driver believes is held.
    told_bytes: u64,
}

/// One block.
#[derive(Debug)]
enum Slot {
    /// It is wanted: by these, and whether it is kept if they leave.
    Wanted { takers: Vec<oneshot::Sender<Answer>>, ahead: bool },
    /// It is here, and nobody has taken it yet.
    Held(Bytes),
}

/// What somebody who asks for a block gets.
pub(super) enum Seat {
    Served(Bytes),
    Waiting(Waiting),
    Closed,
}

/// A place in the queue for one block; dropping it takes the wish back.
pub(super) struct Waiting {
    room: Arc<Room>,
    cid: Cid,
    answer: oneshot::Receiver<Answer>,
}

impl Room {
    pub(super) fn new(id: SessionId, desk: Arc<Desk>) -> Self {
        Self { id, desk, slots: Mutex::default() }
    }

    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    /// Takes a block that is here, or waits for it.
    pub(super) fn sit_down(self: &Arc<Self>, cid: Cid) -> Seat {
        let (taker, answer) = oneshot::channel();
        {
            let mut slots = self.slots();
            match slots.of.remove(&cid) {
                Some(Slot::Held(bytes)) => {
                    let tell = slots.take(bytes.len());
                    drop(slots);
                    if tell {
                        let _ = self.desk.ask(Request::Taken(self.id));
                    }
                    return Seat::Served(bytes);
                }
                Some(Slot::Wanted { mut takers, ahead }) => {
                    takers.push(taker);
                    slots.of.insert(cid, Slot::Wanted { takers, ahead });
                }
                None => {
                    slots.of.insert(cid, Slot::Wanted { takers: vec![taker], ahead: false });
                }
            }
        }
        let waiting = Waiting { room: self.clone(), cid, answer };
        match self.desk.ask(Request::Want(self.id, vec![cid], Urgency::Now)) {
            Ok(()) => Seat::Waiting(waiting),
            Err(_) => Seat::Closed,
        }
    }

    pub(super) fn expect(&self, cids: impl Iterator<Item = Cid>) {
        let mut new = Vec::new();
        {
            let mut slots = self.slots();
            for cid in cids {
                if slots.of.len() >= MAX_SLOTS {
                    break;
                }
                slots.of.entry(cid).or_insert_with(|| {
                    new.push(cid);
                    Slot::Wanted { takers: Vec::new(), ahead: true }
                });
            }
        }
        if !new.is_empty() {
            let _ = self.desk.ask(Request::Want(self.id, new, Urgency::Ahead));
        }
    }

    pub(super) fn forget(&self, cid: &Cid) {
        let request = {
            let mut slots = self.slots();
            match slots.of.get_mut(cid) {
                Some(Slot::Wanted { takers, ahead }) => {
                    *ahead = false;
                    takers.retain(|taker| !taker.is_closed());
                    if !takers.is_empty() {
                        return;
                    }
                    slots.of.remove(cid);
                    Request::Forget(self.id, *cid)
                }
                Some(Slot::Held(bytes)) => {
                    let bytes = bytes.len();
                    slots.of.remove(cid);
                    if !slots.take(bytes) {
                        return;
                    }
                    Request::Taken(self.id)
                }
                None => return,
            }
        };
        let _ = self.desk.ask(request);
    }

    /// Hands a block, or the news that it does not come, to those who wait; holds it when it was wanted ahead.
    pub(super) fn deliver(&self, cid: &Cid, answer: &Answer) {
        let mut slots = self.slots();
        let Some(Slot::Wanted { takers, ahead }) = slots.of.remove(cid) else { return };
        let mut served = false;
        for taker in takers {
            served |= taker.send(answer.clone()).is_ok();
        }
        if let (Ok(bytes), true, false) = (answer, ahead, served) {
            slots.held_bytes += bytes.len() as u64;
            slots.of.insert(*cid, Slot::Held(bytes.clone()));
        }
    }

    /// Whether a block is yet to come.
    pub(super) fn waits_for(&self, cid: &Cid) -> bool {
        matches!(self.slots().of.get(cid), Some(Slot::Wanted { .. }))
    }

    /// What is held, for the driver.
    pub(super) fn held_bytes(&self) -> u64 {
        let mut slots = self.slots();
        slots.told_bytes = slots.held_bytes;
        slots.held_bytes
    }

    /// Tells all who wait that nothing comes any more.
    pub(super) fn close(&self) {
        self.slots().of.clear();
    }

    /// Whoever waited for this has left: it is wanted no longer, unless others wait or it was wanted ahead.
    fn left(&self, cid: &Cid) {
        {
            let mut slots = self.slots();
            let Some(Slot::Wanted { takers, ahead }) = slots.of.get_mut(cid) else { return };
            takers.retain(|taker| !taker.is_closed());
            if *ahead || !takers.is_empty() {
                return;
            }
            slots.of.remove(cid);
        }
        let _ = self.desk.ask(Request::Forget(self.id, *cid));
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    /// Bytes that were held have gone. Says whether the driver should be told.
    fn take(&mut self, bytes: usize) -> bool {
        self.held_bytes -= bytes as u64;
        self.told_bytes.saturating_sub(self.held_bytes) >= WORTH_TELLING
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.desk.ask(Request::Close(self.id));
    }
}

impl Future for Waiting {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.unwrap_or(Err(FetchError::Stopped)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.answer.close();
        self.room.left(&self.cid);
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::open;
    use super::*;
    use unixfs::cid_raw;

    #[test]
    fn what_was_wanted_ahead_is_held_until_it_is_taken_and_the_driver_hears_of_much_only() {
        let (fetcher, desk) = open();
        let session = fetcher.session(None);
        let Some(Request::Open(room, None)) = desk.take().pop() else { panic!("no session was begun") };
        let blocks: Vec<Bytes> = (0..4u8).map(|at| vec![at; 200 * 1024].into()).collect();
        let cids: Vec<Cid> = blocks.iter().map(|bytes| cid_raw(bytes)).collect();
        session.ahead(cids.iter().copied());
        assert!(matches!(&desk.take()[..], [Request::Want(_, wanted, Urgency::Ahead)] if *wanted == cids));
        for (cid, bytes) in cids.iter().zip(&blocks) {
            room.deliver(cid, &Ok(bytes.clone()));
        }
        assert_eq!(room.held_bytes(), 800 * 1024);
        for (at, cid) in cids.iter().enumerate() {
            assert!(matches!(room.sit_down(*cid), Seat::Served(bytes) if bytes == blocks[at]));
            assert_eq!(desk.take().len(), usize::from(at >= 2), "after {} blocks", at + 1);
        }
        assert_eq!(room.held_bytes(), 0);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_taken_back() {
        let (fetcher, desk) = open();
        let session = fetcher.session(None);
        let Some(Request::Open(room, None)) = desk.take().pop() else { panic!("no session was begun") };
        let cid = cid_raw(b"x");
        let (one, two) = (room.sit_down(cid), room.sit_down(cid));
        drop(one);
        assert!(!desk.take().iter().any(|request| matches!(request, Request::Forget(..))));
        drop(two);
        assert!(matches!(&desk.take()[..], [Request::Forget(_, left)] if *left == cid));
        drop((room, session));
        assert!(matches!(&desk.take()[..], [Request::Close(_)]));
    }
}
