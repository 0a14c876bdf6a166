//! The hearing side: the hints of all instances that tell them, in one bounded queue.
//!
//! A listener connects to every instance that there is, and again when one was restarted. Nothing that it hears is
//! needed: who waits for hints must also look for itself now and then.

use std::{fmt, io, marker::PhantomData, path::Path, sync::Arc};

use proto::{
    bus::{Header, Kind, hint_socket_name, instance_of_hint_socket},
    hints::Hint,
    interface::{Encoded, decode},
};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{
    binding::{Binding, Parcel, Subscriber},
    links::{self, CONNECT_WAIT, Tie, Whereabouts, fresh_name},
    teller::HINTS_PER_CONNECTION,
    traffic::CountedHints,
    zmq::ZeroMq,
};
use crate::{
    context::Context,
    tap::{Passing, Side},
};

/// Hints that were not taken yet; of more the oldest are dropped.
const WAITING: usize = 256;
/// After so many hints a second connection is made, long before the first is cut.
const COME_BACK: u32 = HINTS_PER_CONNECTION / 2;

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<H> {
    /// A hint.
    Hint(H),
    /// So many were lost, because they were not taken in time.
    Lost(u64),
}

/// Hears hints. When it is dropped, its connections end.
pub struct Listener<H> {
    hints: broadcast::Receiver<H>,
    pub(super) counted: CountedHints,
    _alive: watch::Sender<()>,
}

impl<H: Hint> fmt::Debug for Listener<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("hint", &H::NAME).finish_non_exhaustive()
    }
}

impl<H: Hint> Listener<H> {
    /// Begins to look for instances that tell `H`, and to listen to each. Needs a tokio runtime.
    #[must_use]
    pub fn open(context: Context) -> Self {
        let (inbox, hints) = broadcast::channel(WAITING);
        let counted = context.traffic.of_hint(H::NAME);
        let (alive, closed) = watch::channel(());
        let ear = Ear::<ZeroMq, H>(Arc::new(Inner { context, inbox, counted: counted.clone() }), PhantomData);
        let whereabouts = Whereabouts { instance_of: instance_of_hint_socket::<H>, socket_name: hint_socket_name::<H> };
        tokio::spawn(links::keep(ear, closed, whereabouts));
        Self { hints, counted, _alive: alive }
    }

    /// Waits for the next hint. Giving up loses nothing.
    pub async fn next(&mut self) -> Heard<H> {
        match self.hints.recv().await {
            Ok(hint) => Heard::Hint(hint),
            Err(RecvError::Lagged(hints)) => {
                self.counted.unheard.inc_by(hints);
                Heard::Lost(hints)
            }
            // The task that fills the queue ends after us, or with the runtime.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// What the ties to all instances share.
struct Inner<H> {
    context: Context,
    inbox: broadcast::Sender<H>,
    counted: CountedHints,
}

struct Ear<B, H>(Arc<Inner<H>>, PhantomData<fn() -> B>);

impl<B, H> Clone for Ear<B, H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<B: Binding, H: Hint> Tie for Ear<B, H> {
    type Connection = B::Subscriber;

    fn context(&self) -> &Context {
        &self.0.context
    }

    async fn connect(&self, path: &Path) -> io::Result<B::Subscriber> {
        B::subscribe(path, &fresh_name(&self.0.context), CONNECT_WAIT).await
    }

    async fn hold(&self, instance: u16, path: &Path, mut connection: B::Subscriber) {
        // Ends with a connection that is lost before the next one was made.
        loop {
            for _ in 0..COME_BACK {
                let Some(parcel) = connection.next().await else { return };
                self.hear(instance, parcel);
            }
            let Ok(next) = self.connect(path).await else { return };
            connection = self.change_over(instance, connection, next).await;
        }
    }
}

impl<B: Binding, H: Hint> Ear<B, H> {
    /// Listens to both until the next one is heard, so that nothing is missed in between. What is heard twice is harmless.
    async fn change_over(&self, instance: u16, mut last: B::Subscriber, mut next: B::Subscriber) -> B::Subscriber {
        loop {
            tokio::select! {
                biased;
                parcel = last.next() => match parcel {
                    Some(parcel) => self.hear(instance, parcel),
                    None => return next,
                },
                parcel = next.next() => {
                    if let Some(parcel) = parcel {
                        self.hear(instance, parcel);
                    }
                    return next;
                }
            }
        }
    }

    fn hear(&self, instance: u16, Parcel { header, body, attachment }: Parcel) {
        let content = Encoded { body, attachment };
        let header =
            Header::decode(&header).ok().filter(|header| header.kind == Kind::Tell && header.version == H::VERSION);
        let hint = header.and_then(|header| {
            self.tap(instance, &header, &content);
            decode::<H>(content).ok()
        });
        let Some(hint) = hint else {
            tracing::warn!(hint = H::NAME, instance, "hint not understood; run boxes of one build");
            self.0.counted.unheard.inc();
            return;
        };
        self.0.counted.heard.inc();
        // An error says that the listener is gone; this task will see it too.
        let _ = self.0.inbox.send(hint);
    }

    fn tap(&self, instance: u16, header: &Header, content: &Encoded) {
        let peer = format_args!("instance {instance}");
        let passing = Passing { side: Side::Hearing, interface: H::NAME, header, peer: &peer, took: None };
        self.0.context.tap.copy(passing, content);
    }
}
