//! Streams of other programs, carried between peers: `p2p/listen` takes streams of a protocol in and connects each to an
//! address of TCP, `p2p/forward` takes connections of TCP in and opens a stream for each.
//!
//! Asked by the commands `p2p/*`. Kept in memory: a restart forgets them, as with Kubo.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use swarm::{Incoming, PeerId, Stream, Swarm};
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::AbortHandle,
    time::{sleep, timeout},
};

use crate::refusal::Refusal;

/// Mounts and streams at a time.
const MOUNTS: usize = 64;
const STREAMS: usize = 256;
/// How long the program behind a mount may take to accept.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// A failed accept is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The mounts of a peer.
#[derive(Debug)]
pub(crate) struct Mounts {
    swarm: Swarm,
    is_enabled: bool,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    mounts: Vec<(MountView, AbortHandle)>,
    streams: BTreeMap<u64, (StreamView, AbortHandle)>,
    next_stream: u64,
}

/// A mount as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountView {
    pub(crate) protocol: String,
    pub(crate) listen: String,
    pub(crate) target: String,
}

/// A stream as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamView {
    pub(crate) protocol: String,
    pub(crate) origin: String,
    pub(crate) target: String,
}

/// Whether the program is told who its peer is, in a first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    None,
    PeerId,
}

impl Mounts {
    pub(super) fn new(swarm: Swarm, is_enabled: bool) -> Self {
        Self { swarm, is_enabled, open: Arc::default() }
    }

    /// Refuses where the configuration has it off.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let off = || Refusal::failed("libp2p stream mounting not enabled: set stream_mounting = true in [ipfs-node]");
        self.is_enabled.then_some(()).ok_or_else(off)
    }

    /// Connects streams of `protocol` that other peers open to `target`.
    pub(crate) fn listen(&self, protocol: &str, target: SocketAddr, greeting: Greeting) -> Result<(), Refusal> {
        let own = format!("/p2p/{}", self.swarm.peer_id());
        let view = MountView { protocol: protocol.to_owned(), listen: own, target: multiaddr(target) };
        self.check_new(|mount| mount.protocol == view.protocol && mount.listen == view.listen)?;
        let incoming = self.swarm.accept(protocol).map_err(|_| Refusal::failed("listener already registered"))?;
        let task = tokio::spawn(take_streams(Arc::clone(&self.open), incoming, view.clone(), target, greeting));
        self.open().mounts.push((view, task.abort_handle()));
        Ok(())
    }

    /// Opens a stream of `protocol` with `peer` for each connection to `listener`.
    pub(crate) fn forward(&self, protocol: &str, listener: TcpListener, peer: PeerId) -> Result<(), Refusal> {
        let listen = listener.local_addr().map_err(|error| Refusal::from_error(&error))?;
        let view =
            MountView { protocol: protocol.to_owned(), listen: multiaddr(listen), target: format!("/p2p/{peer}") };
        self.check_new(|_| false)?;
        let forward = Forward { swarm: self.swarm.clone(), open: Arc::clone(&self.open), view: view.clone(), peer };
        let task = tokio::spawn(forward.take_connections(listener));
        self.open().mounts.push((view, task.abort_handle()));
        Ok(())
    }

    fn check_new(&self, is_taken: impl Fn(&MountView) -> bool) -> Result<(), Refusal> {
        let open = self.open();
        if open.mounts.iter().any(|(mount, _)| is_taken(mount)) {
            return Err(Refusal::failed("listener already registered"));
        }
        match open.mounts.len() < MOUNTS {
            true => Ok(()),
            false => Err(Refusal::failed(format!("there are {MOUNTS} mounts already: close one of them"))),
        }
    }

    /// The mounts that are there, those that forward first.
    pub(crate) fn list(&self) -> Vec<MountView> {
        let open = self.open();
        let of = |forwards: bool| {
            let mounts = open.mounts.iter().map(|(mount, _)| mount);
            mounts.filter(move |mount| mount.target.starts_with("/p2p/") == forwards).cloned()
        };
        of(true).chain(of(false)).collect()
    }

    /// The streams that are open, with their numbers.
    pub(crate) fn streams(&self) -> Vec<(u64, StreamView)> {
        self.open().streams.iter().map(|(id, (view, _))| (*id, view.clone())).collect()
    }

    /// Closes the mounts that fit, and says how many. Their streams go on.
    pub(crate) fn close(&self, fits: impl Fn(&MountView) -> bool) -> usize {
        let closed: Vec<_> = self.open().mounts.extract_if(.., |(mount, _)| fits(mount)).collect();
        closed.iter().for_each(|(_, task)| task.abort());
        closed.len()
    }

    /// Closes the streams that fit.
    pub(crate) fn close_streams(&self, fits: impl Fn(u64) -> bool) {
        let open = self.open();
        open.streams.iter().filter(|(id, _)| fits(**id)).for_each(|(_, (_, task))| task.abort());
    }

    pub(super) fn close_all(&self) {
        self.close(|_| true);
        self.close_streams(|_| true);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Streams that come in go to a program at `target`.
async fn take_streams(
    open: Arc<Mutex<Open>>,
    mut incoming: Incoming,
    mount: MountView,
    target: SocketAddr,
    greeting: Greeting,
) {
    while let Some(stream) = incoming.next().await {
        let origin = format!("/p2p/{}", stream.peer());
        let view = StreamView { protocol: mount.protocol.clone(), origin, target: mount.target.clone() };
        carry(&open, view, async move {
            let mut connection = timeout(CONNECT_WAIT, TcpStream::connect(target)).await??;
            if greeting == Greeting::PeerId {
                connection.write_all(format!("{}\n", stream.peer()).as_bytes()).await?;
            }
            join(connection, stream).await
        });
    }
}

/// What takes connections in for a peer.
struct Forward {
    swarm: Swarm,
    open: Arc<Mutex<Open>>,
    view: MountView,
    peer: PeerId,
}

impl Forward {
    async fn take_connections(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((connection, from)) => self.forward(connection, from),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn forward(&self, connection: TcpStream, from: SocketAddr) {
        let MountView { protocol, target, .. } = self.view.clone();
        let view = StreamView { protocol: protocol.clone(), origin: multiaddr(from), target };
        let (swarm, peer) = (self.swarm.clone(), self.peer);
        carry(&self.open, view, async move {
            let stream = swarm.open_stream(peer, &protocol).await.map_err(io::Error::other)?;
            join(connection, stream).await
        });
    }
}

async fn join(mut connection: TcpStream, mut stream: Stream) -> io::Result<()> {
    copy_bidirectional(&mut connection, &mut stream).await.map(|_| ())
}

/// Runs one stream, shown and counted as long as it is open.
fn carry(open: &Arc<Mutex<Open>>, view: StreamView, work: impl Future<Output = io::Result<()>> + Send + 'static) {
    let mut all = lock(open);
    if all.streams.len() >= STREAMS {
        tracing::warn!(limit = STREAMS, "a stream was refused, there are too many");
        return;
    }
    let id = all.next_stream;
    all.next_stream += 1;
    let shown = Shown { open: Arc::clone(open), id };
    let task = Handle::current().spawn(async move {
        let _shown = shown;
        if let Err(error) = work.await {
            tracing::debug!(%error, "a stream ended early");
        }
    });
    all.streams.insert(id, (view, task.abort_handle()));
}

/// Takes a stream off the list when it ends, however it does.
struct Shown {
    open: Arc<Mutex<Open>>,
    id: u64,
}

impl Drop for Shown {
    fn drop(&mut self) {
        lock(&self.open).streams.remove(&self.id);
    }
}

/// `/ip4/127.0.0.1/tcp/80`
fn multiaddr(address: SocketAddr) -> String {
    crate::server::multiaddr(address)
}
