//! The telling side: hints for whoever listens.
//!
//! Telling costs its caller a place in a queue, and can fail only by being dropped. One task owns the PUB. A listener that
//! does not read would make the socket keep message after message for it, so a connection is good for so many hints and
//! is then cut: whoever reads has come back long before.

use std::{collections::HashMap, fmt, marker::PhantomData, time::Duration};

use bytes::Bytes;
use proto::{
    bus::{Header, Kind},
    hints::Hint,
    interface::{Encoded, encode},
};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval, sleep},
};

use super::{
    binding::{Audience, Binding, Parcel, Peer, Publisher},
    endpoint::Endpoint,
    traffic::CountedHints,
    zmq::ZeroMq,
};
use crate::{
    context::Context,
    tap::{Passing, Side},
};

/// Hints that wait for the socket, which takes them at once: so many come within a moment.
const WAITING: usize = 64;
/// A connection is cut after so many hints. Of hints with 256 topics it is 6 MiB that are kept for one who does not read.
pub(super) const HINTS_PER_CONNECTION: u32 = 1_024;
/// How often to see whether the socket is still there, and how soon to try again when it cannot be made.
const LOOK: Duration = Duration::from_secs(1);

/// Tells hints. Cheap to clone; when the last clone is dropped, its socket goes.
pub struct Teller<H> {
    queue: mpsc::Sender<H>,
    counted: CountedHints,
}

impl<H> Clone for Teller<H> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), counted: self.counted.clone() }
    }
}

impl<H: Hint> fmt::Debug for Teller<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").field("hint", &H::NAME).finish_non_exhaustive()
    }
}

impl<H: Hint> Teller<H> {
    /// Begins to let listeners in. A box that cannot tell still works. Needs a tokio runtime.
    #[must_use]
    pub fn open(context: Context) -> Self {
        let (queue, hints) = mpsc::channel(WAITING);
        let counted = context.traffic.of_hint(H::NAME);
        tokio::spawn(tell_all::<ZeroMq, H>(context, hints, counted.clone()));
        Self { queue, counted }
    }

    /// Tells whoever listens. Never blocks and never fails; what cannot be told is dropped and counted.
    pub fn tell(&self, hint: H) {
        if self.queue.try_send(hint).is_err() {
            self.counted.untold.inc();
        }
    }
}

/// Tells until nobody can give a hint any more.
async fn tell_all<B: Binding, H: Hint>(context: Context, mut hints: mpsc::Receiver<H>, counted: CountedHints) {
    loop {
        let end = match Endpoint::publish::<H, B>(&context).await {
            Ok((endpoint, publisher)) => {
                Telling::<H, _>::new(&context, &counted, endpoint, publisher).tell_from(&mut hints).await
            }
            Err(cause) => {
                tracing::warn!(hint = H::NAME, %cause, "no hints can be told for now; listeners will see it later");
                drop_for_a_while(&mut hints, &counted).await
            }
        };
        if let End::NobodyTells = end {
            return;
        }
    }
}

/// Why telling ended.
enum End {
    /// All tellers are gone.
    NobodyTells,
    /// The socket has to be made anew.
    NoSocket,
}

async fn drop_for_a_while<H>(hints: &mut mpsc::Receiver<H>, counted: &CountedHints) -> End {
    let drop_all = async {
        while hints.recv().await.is_some() {
            counted.untold.inc();
        }
    };
    tokio::select! {
        () = drop_all => End::NobodyTells,
        () = sleep(LOOK) => End::NoSocket,
    }
}

struct Telling<'a, H, P> {
    context: &'a Context,
    counted: &'a CountedHints,
    // Before the endpoint: nobody else may have that before the last connection is cut.
    publisher: P,
    endpoint: Endpoint,
    /// Hints that each connection was told.
    audience: HashMap<Peer, u32>,
    looks: Interval,
    hint: PhantomData<fn() -> H>,
}

impl<'a, H: Hint, P: Publisher> Telling<'a, H, P> {
    fn new(context: &'a Context, counted: &'a CountedHints, endpoint: Endpoint, publisher: P) -> Self {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { context, counted, publisher, endpoint, audience: HashMap::new(), looks, hint: PhantomData }
    }

    async fn tell_from(&mut self, hints: &mut mpsc::Receiver<H>) -> End {
        loop {
            tokio::select! {
                biased;
                change = self.publisher.next() => self.see(change),
                _ = self.looks.tick() => if !self.endpoint.is_there() { return End::NoSocket },
                hint = hints.recv() => match hint {
                    Some(hint) => self.tell(hint).await,
                    None => {
                        self.endpoint.hide();
                        return End::NobodyTells;
                    }
                },
            }
        }
    }

    fn see(&mut self, change: Audience) {
        match change {
            Audience::Came(peer) => drop(self.audience.insert(peer, 0)),
            Audience::Gone(peer) => drop(self.audience.remove(&peer)),
            Audience::NotAccepted(cause) => tracing::debug!(hint = H::NAME, cause, "a listener was not let in"),
        }
    }

    async fn tell(&mut self, hint: H) {
        let header = Header::bare(H::VERSION, Kind::Tell);
        let content = encode(hint);
        self.tap(&header, &content);
        let parcel = Parcel { header: header.encode().into(), body: content.body, attachment: Bytes::new() };
        match self.publisher.send(parcel).await {
            Ok(()) => self.counted.told.inc(),
            Err(_) => self.counted.untold.inc(),
        };
        self.cut_who_does_not_come_back();
    }

    fn cut_who_does_not_come_back(&mut self) {
        let publisher = &mut self.publisher;
        self.audience.retain(|peer, hints| {
            *hints += 1;
            let stays = *hints < HINTS_PER_CONNECTION;
            if !stays {
                tracing::info!(hint = H::NAME, %peer, "listener cut: it did not read what it was told");
                publisher.cut(peer);
            }
            stays
        });
    }

    fn tap(&self, header: &Header, content: &Encoded) {
        let passing = Passing { side: Side::Telling, interface: H::NAME, header, peer: &"everybody", took: None };
        self.context.tap.copy(passing, content);
    }
}
