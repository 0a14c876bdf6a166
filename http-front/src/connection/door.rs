//! Takes connections in, as many as may be, and sees them out when the box should end.
//!
//! Its loop is the front's heartbeat: a front that takes nobody in is hung, whatever else it does.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use daemon::{listen::pause_after, pulse::Pulse, seldom::Seldom, stop::Stop};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    h2,
    link::Link,
    opening::{self, Protocol},
    patience::{Patient, Waits},
    refusal,
};
use crate::{
    crowd::{Later, Place},
    front::Front,
    problem::Problem,
    sides::Sides,
};

/// Twice as often as the supervisor wants to hear from us.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// The most bytes of one connection's requests or answers that hyper holds. A whole answer is not counted: it is shared.
const BUFFER_BYTES: usize = 64 * 1024;

/// How visitors are taken in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// The most connections at a time.
    pub(crate) connections: u32,
    /// How long a client is waited for.
    pub(crate) waits: Waits,
    /// How long open requests may take when the box should end.
    pub(crate) drain_within: Duration,
}

/// Where visitors come in.
pub(crate) struct Door<S: Sides> {
    listener: TcpListener,
    front: Arc<Front<S>>,
    manners: Manners,
    slots: Arc<Semaphore>,
    stop: Stop,
    pulse: Pulse,
}

impl<S: Sides> Door<S> {
    pub(crate) fn new(listener: TcpListener, front: Arc<Front<S>>, manners: Manners, stop: Stop, pulse: Pulse) -> Self {
        let slots = Arc::new(Semaphore::new(manners.connections as usize));
        Self { listener, front, manners, slots, stop, pulse }
    }

    /// Takes visitors in until the box should end, then waits until those who are in are served.
    pub(crate) async fn keep_open(self) {
        let stop = self.stop.clone();
        let mut stopped = pin!(stop.asked());
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut not_before = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = beat.tick() => {
                    self.pulse.beat();
                    self.tell_if_full();
                }
                taken = self.take_in(not_before) => match taken {
                    Ok((stream, peer, slot)) => self.attend(stream, peer, slot),
                    Err(error) => not_before = Instant::now() + pause_after(&error),
                },
            }
        }
        self.see_out().await;
    }

    /// The next visitor, once there is room.
    async fn take_in(&self, not_before: Instant) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        if not_before > Instant::now() {
            sleep_until(not_before).await;
        }
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = self.listener.accept().await?;
        Ok((stream, peer, slot))
    }

    fn tell_if_full(&self) {
        static FULL: Seldom = Seldom::new();
        if self.slots.available_permits() == 0
            && let Some(_) = FULL.pass()
        {
            let connections = self.manners.connections;
            tracing::warn!(connections, "as many connections as may be; the next waits until one ends");
        }
    }

    fn attend(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        let place = match self.admit(peer) {
            Ok(place) => place,
            Err(later) => return send_away(&stream, later),
        };
        let visit = attend(stream, peer, Arc::clone(&self.front), self.manners.waits, self.stop.clone());
        tokio::spawn(async move {
            visit.await;
            drop((place, slot));
        });
    }

    /// A proxy that is trusted has many clients; each of them is counted by his requests.
    fn admit(&self, peer: SocketAddr) -> Result<Place, Later> {
        if self.front.origins.trusts(peer.ip()) {
            return Ok(Place::uncounted());
        }
        self.front.crowd.enter(peer.ip()).inspect_err(|later| self.front.measures.sent_away(later.limit))
    }

    /// Nobody new; who is in is served to the end, but not for ever.
    async fn see_out(self) {
        let Self { listener, slots, manners, pulse, .. } = self;
        drop(listener);
        let deadline = Instant::now() + manners.drain_within;
        let mut beat = interval(BEAT_EVERY);
        let mut all_gone = pin!(slots.acquire_many(manners.connections));
        loop {
            tokio::select! {
                biased;
                _ = &mut all_gone => return,
                () = sleep_until(deadline) => break,
                _ = beat.tick() => pulse.beat(),
            }
        }
        let left = manners.connections as usize - slots.available_permits();
        tracing::warn!(left, "ended with connections still open");
    }
}

/// Says why, in one try, and lets the connection go: who has too many is not worth a task of ours.
fn send_away(stream: &TcpStream, later: Later) {
    // What has come already is taken: a close with unread bytes is a reset, which can overtake the answer.
    let _ = stream.try_read(&mut [0; 4_096]);
    let _ = stream.try_write(&refusal::render(&Problem::too_many(later)));
}

/// One connection, from its first byte to its last.
async fn attend<S: Sides>(stream: TcpStream, peer: SocketAddr, front: Arc<Front<S>>, waits: Waits, stop: Stop) {
    let _connected = front.measures.connected();
    // An answer is written at once and whole: there is nothing to wait for and gather.
    let _ = stream.set_nodelay(true);
    // Who vanished without a word takes nothing: an event now and then would never fill the kernel's buffer.
    let send_wait_ms = u32::try_from(waits.send.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, send_wait_ms);
    let protocol = tokio::select! {
        // First the client: what it has asked already is answered.
        biased;
        protocol = opening::hear(&stream, waits.header) => protocol,
        () = stop.asked() => None,
    };
    // In boxes: who says nothing costs neither.
    match protocol {
        Some(Protocol::Http1) => Box::pin(attend_http1(stream, peer, front, waits, stop)).await,
        Some(Protocol::Http2) => Box::pin(h2::attend(stream, peer, front, waits, stop)).await,
        None => {}
    }
}

async fn attend_http1<S: Sides>(stream: TcpStream, peer: SocketAddr, front: Arc<Front<S>>, waits: Waits, stop: Stop) {
    let link = Link::new(peer);
    let patient = Patient::new(stream, Arc::clone(&link), waits, front.measures.traffic());
    let service = service_fn(move |request| {
        let answer = Arc::clone(&front).visit(Arc::clone(&link), request);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let mut connection = pin!(http1(waits).serve_connection(TokioIo::new(patient), service));
    let ended = tokio::select! {
        // The stop first: then the answer that is being made says that the connection ends with it.
        biased;
        () = stop.asked() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended early");
    }
}

fn http1(waits: Waits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.half_close(true)
        // `Patient` counts the time, hyper the bytes.
        .header_read_timeout(None)
        .max_header_size(waits.header_bytes as usize)
        .max_buf_size(BUFFER_BYTES.max(waits.header_bytes as usize));
    http
}
