//! Copies of messages for whoever watches with `supervisor tap`; while nobody does, it costs one atomic read a message.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
pub use proto::tap::Side;
use proto::{
    bus::Header,
    interface::Encoded,
    tap::{COPIED_BODY_BYTES, TapEntry, Tapped, socket_name},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{UnixListener, UnixStream},
    sync::broadcast::{self, error::RecvError},
    time::{sleep, timeout},
};

/// Copies that a slow watcher may be behind: at most 16 MiB of bodies.
const QUEUE: usize = 256;
/// More do not watch at a time.
const WATCHERS: usize = 8;
/// A watcher that takes nothing for so long is let go.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// When the system has no descriptor left for a watcher, the next is let in after a pause.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where copies of messages go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    watchers: AtomicUsize,
    copies: broadcast::Sender<Bytes>,
}

/// A message that passes, as the bus knows it.
#[derive(Clone, Copy)]
pub struct Passing<'a> {
    /// Which side we are.
    pub side: Side,
    /// The interface.
    pub interface: &'static str,
    /// Its header.
    pub header: &'a Header,
    /// The other end.
    pub peer: &'a dyn std::fmt::Display,
    /// From the question to this answer.
    pub took: Option<Duration>,
}

impl Tap {
    /// Lets watchers in at `<name>.<instance>.tap`. Needs a tokio runtime. A box that cannot be watched still works.
    #[must_use]
    pub fn start(runtime_dir: &Path, name: &str, instance: u16) -> Self {
        let inner = Inner { watchers: AtomicUsize::new(0), copies: broadcast::Sender::new(QUEUE) };
        let tap = Self(Arc::new(inner));
        let path = runtime_dir.join(socket_name(name, instance));
        match listen(&path) {
            Ok(listener) => drop(tokio::spawn(let_in(tap.clone(), listener))),
            Err(cause) => tracing::warn!(path = %path.display(), %cause, "cannot be tapped"),
        }
        tap
    }

    /// Whether anybody watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.0.watchers.load(Ordering::Relaxed) > 0
    }

    /// Copies a message if anybody watches.
    pub fn copy(&self, passing: Passing<'_>, content: &Encoded) {
        if self.is_watched() {
            let copy = Tapped::Message(entry(passing, content)).encode();
            // An error says that the last watcher has just left.
            let _ = self.0.copies.send(copy);
        }
    }
}

fn entry(passing: Passing<'_>, content: &Encoded) -> TapEntry {
    let Passing { side, interface, header, peer, took } = passing;
    let short = content.body.len() <= COPIED_BODY_BYTES;
    TapEntry {
        at_unix_us: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros),
        side,
        kind: header.kind,
        interface: interface.to_owned(),
        op: header.op,
        id: header.id,
        request: header.request,
        peer: peer.to_string(),
        took_us: took.map(micros),
        body: if short { content.body.clone() } else { Bytes::new() },
        body_bytes: content.body.len() as u64,
        attachment_bytes: content.attachment.len() as u64,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn listen(path: &PathBuf) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        // A predecessor's: this instance's lock is ours.
        _ => UnixListener::bind(path),
    }
}

/// Goes on as long as the box runs: the runtime's end is its way out.
async fn let_in(tap: Tap, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((watcher, _)) if tap.0.watchers.load(Ordering::Relaxed) < WATCHERS => {
                let copies = Subscription::new(&tap);
                tokio::spawn(show(copies, watcher));
            }
            Ok(_one_too_many) => {}
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Counts a watcher for as long as it watches.
struct Subscription {
    tap: Tap,
    copies: broadcast::Receiver<Bytes>,
}

impl Subscription {
    fn new(tap: &Tap) -> Self {
        let copies = tap.0.copies.subscribe();
        tap.0.watchers.fetch_add(1, Ordering::Relaxed);
        Self { tap: tap.clone(), copies }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.tap.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn show(mut subscription: Subscription, mut watcher: UnixStream) {
    loop {
        let copy = tokio::select! {
            copy = subscription.copies.recv() => match copy {
                Ok(copy) => copy,
                Err(RecvError::Lagged(messages)) => Tapped::Dropped { messages }.encode(),
                Err(RecvError::Closed) => return,
            },
            () = hung_up(&watcher) => return,
        };
        match timeout(WRITE_WAIT, watcher.write_all(&copy)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Ends when the watcher is gone. It has nothing to say; if it says something, it is no watcher.
async fn hung_up(watcher: &UnixStream) {
    loop {
        // An error says that it is gone, too.
        let _ = watcher.readable().await;
        match watcher.try_read(&mut [0; 16]) {
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}
