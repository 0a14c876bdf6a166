//! Keeps one connection to every instance of an interface, or to every instance that tells a hint: finds it, connects,
//! connects again, forgets it.

use std::{
    collections::HashMap,
    future::Future,
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    binding::{Binding, Peer},
    conversation,
    lookout::{Lookout, Stamp},
    pool::Pool,
};
use crate::context::Context;

/// An instance that has not greeted us by then is hung or starting; it is tried again.
pub const CONNECT_WAIT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A connection that lasted so long was a good one: the next pause is a short one again.
const GOOD: Duration = Duration::from_secs(1);

/// What is done with one instance.
pub trait Tie: Clone + Send + 'static {
    /// A connection to it.
    type Connection: Send;

    /// The box that connects.
    fn context(&self) -> &Context;

    /// Connects, or gives up after [`CONNECT_WAIT`].
    fn connect(&self, path: &Path) -> impl Future<Output = io::Result<Self::Connection>> + Send;

    /// Uses the connection until it ends.
    fn hold(&self, instance: u16, path: &Path, connection: Self::Connection) -> impl Future<Output = ()> + Send;
}

/// Where the instances are.
#[derive(Debug, Clone, Copy)]
pub struct Whereabouts {
    /// Which instance has a socket of this name.
    pub instance_of: fn(&str) -> Option<u16>,
    /// Which name the socket of an instance has.
    pub socket_name: fn(u16) -> String,
}

/// Keeps the ties to all instances until `closed` says that nobody needs them any more.
pub async fn keep<T: Tie>(tie: T, mut closed: watch::Receiver<()>, whereabouts: Whereabouts) {
    let folder = tie.context().runtime_dir.clone();
    let mut lookout = Lookout::new(folder.clone(), whereabouts.instance_of);
    let mut known: HashMap<u16, watch::Sender<Option<Stamp>>> = HashMap::new();
    // Dropped together with this task: all ties end with it.
    let mut ties = JoinSet::new();
    loop {
        let found = lookout.look();
        known.retain(|_, tie| !tie.is_closed());
        for (instance, tie) in &known {
            tie.send_if_modified(|seen| std::mem::replace(seen, found.get(instance).copied()) != *seen);
        }
        for (instance, stamp) in found {
            known.entry(instance).or_insert_with(|| {
                let (sender, seen) = watch::channel(Some(stamp));
                let path = folder.join((whereabouts.socket_name)(instance));
                ties.spawn(keep_one(tie.clone(), instance, path, seen));
                sender
            });
        }
        tokio::select! {
            () = lookout.changed() => {}
            Some(_) = ties.join_next() => {}
            _ = closed.changed() => return,
        }
    }
}

/// Keeps the tie to one instance until its socket is gone.
async fn keep_one<T: Tie>(tie: T, instance: u16, path: PathBuf, mut seen: watch::Receiver<Option<Stamp>>) {
    let mut pause = Pause::new();
    while seen.borrow_and_update().is_some() {
        let connection = tokio::select! {
            connection = tie.connect(&path) => connection,
            // Another file of that name: what we were connecting to is the past.
            _ = seen.changed() => { pause = Pause::new(); continue }
        };
        match connection {
            Ok(connection) => {
                let began = Instant::now();
                tie.hold(instance, &path, connection).await;
                if began.elapsed() >= GOOD {
                    pause = Pause::new();
                }
            }
            Err(cause) => tracing::debug!(path = %path.display(), %cause, "no link"),
        }
        tokio::select! {
            () = sleep(pause.next()) => {}
            _ = seen.changed() => pause = Pause::new(),
        }
    }
}

/// The tie of those who ask.
#[derive(Debug)]
pub struct ToAsk<B>(Arc<Pool>, PhantomData<fn() -> B>);

impl<B> ToAsk<B> {
    /// Ties every instance to the pool.
    pub fn new(pool: Arc<Pool>) -> Self {
        Self(pool, PhantomData)
    }
}

impl<B> Clone for ToAsk<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<B: Binding> Tie for ToAsk<B> {
    type Connection = B::Dealer;

    fn context(&self) -> &Context {
        &self.0.context
    }

    async fn connect(&self, path: &Path) -> io::Result<B::Dealer> {
        B::connect(path, &fresh_name(&self.0.context), CONNECT_WAIT).await
    }

    async fn hold(&self, instance: u16, _path: &Path, dealer: B::Dealer) {
        let end = conversation::hold(&self.0, instance, dealer).await;
        tracing::debug!(interface = self.0.interface, instance, ?end, "link ended");
    }
}

/// Never used twice, so that no answer for an earlier connection can reach a later one.
pub fn fresh_name(context: &Context) -> Peer {
    let (name, instance, nonce) = (context.name, context.instance, rand::random::<u64>());
    Peer(format!("{name}.{instance}.{}.{nonce:016x}", std::process::id()).into())
}

/// The pauses between attempts: they double, and a random part of them keeps askers from coming all at once.
#[derive(Debug)]
struct Pause(Duration);

impl Pause {
    fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    fn next(&mut self) -> Duration {
        let longest = self.0;
        self.0 = (longest * 2).min(LONGEST_PAUSE);
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_five_milliseconds_to_a_second() {
        let mut pause = Pause::new();
        let pauses: Vec<_> = (0..20).map(|_| pause.next()).collect();
        assert!(pauses[0] <= FIRST_PAUSE && pauses[0] >= FIRST_PAUSE / 2);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE));
        assert!(pauses[19] >= LONGEST_PAUSE / 2);
    }
}
