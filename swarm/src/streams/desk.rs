//! Who accepts which streams, and which are open. Shared by the behaviour, its handlers, the streams and the handle.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::{PeerId, StreamProtocol, futures::channel::mpsc};

use super::Stream;
use crate::views::Direction;

/// Streams of a protocol that wait to be taken, beside one for each connection.
const WAITING: usize = 16;

/// What behaviour, handlers and streams share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    accepted: HashMap<StreamProtocol, mpsc::Sender<Stream>>,
    open: HashMap<u64, (PeerId, StreamProtocol, Direction)>,
    next: u64,
}

impl Desk {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a protocol's inbound streams; none when somebody has it already.
    pub(crate) fn accept(&self, protocol: StreamProtocol) -> Option<mpsc::Receiver<Stream>> {
        let mut books = self.books();
        if books.accepted.get(&protocol).is_some_and(|taken| !taken.is_closed()) {
            return None;
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        books.accepted.insert(protocol, sender);
        Some(receiver)
    }

    /// The protocols that somebody accepts now.
    pub(crate) fn protocols(&self) -> Vec<StreamProtocol> {
        let mut books = self.books();
        books.accepted.retain(|_, sender| !sender.is_closed());
        books.accepted.keys().cloned().collect()
    }

    /// Where inbound streams of the protocol go.
    pub(super) fn taker(&self, protocol: &StreamProtocol) -> Option<mpsc::Sender<Stream>> {
        self.books().accepted.get(protocol).filter(|taker| !taker.is_closed()).cloned()
    }

    /// Notes an open stream and gives it a number.
    pub(super) fn opened(&self, peer: PeerId, protocol: StreamProtocol, direction: Direction) -> u64 {
        let mut books = self.books();
        books.next += 1;
        let number = books.next;
        books.open.insert(number, (peer, protocol, direction));
        number
    }

    pub(super) fn closed(&self, number: u64) {
        self.books().open.remove(&number);
    }

    /// The protocols of the open streams with each peer.
    pub(crate) fn open(&self) -> HashMap<PeerId, Vec<String>> {
        let mut all: HashMap<PeerId, Vec<String>> = HashMap::new();
        for (peer, protocol, _) in self.books().open.values() {
            all.entry(*peer).or_default().push(protocol.to_string());
        }
        all
    }
}
