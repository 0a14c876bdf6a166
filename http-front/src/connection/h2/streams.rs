//! The requests of one HTTP/2 connection: each is a task of its own, and none outlives its client's interest.
//!
//! A client that opens no window for an answer would keep it in our memory. HTTP/1 ends such a connection; here one
//! connection may carry the requests of many people behind a proxy, so only the stream is reset: dropping its task does
//! that.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body as HttpBody, Frame, SizeHint},
    rt::Executor,
};
use tokio::time::{Instant, sleep_until};

use crate::sending::{Body, Cut};

/// So much of an answer is handed over at a time: what waits in the protocol's own buffers is out of our sight.
const PIECE_BYTES: usize = 16 * 1024;

tokio::task_local! {
    /// That of the request whose task this is.
    static PROGRESS: Arc<Progress>;
}

/// How far an answer is. Kept by its body, looked at by its task.
#[derive(Debug, Default)]
struct Progress {
    /// Whether the client has to take something before there can be more.
    waits_for_client: AtomicBool,
    /// So many pieces were handed over.
    pieces: AtomicU64,
}

/// Runs the requests of a connection.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    open: Arc<Open>,
    send_wait: Duration,
}

/// How many requests are open, and since when none is.
#[derive(Debug)]
struct Open {
    count: AtomicU32,
    idle_since: Mutex<Instant>,
}

impl Streams {
    pub(super) fn new(send_wait: Duration) -> Self {
        let open = Open { count: AtomicU32::new(0), idle_since: Mutex::new(Instant::now()) };
        Self { open: Arc::new(open), send_wait }
    }

    /// Since when no request is open; none while one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let since = *self.open.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
        (self.open.count.load(Relaxed) == 0).then_some(since)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, request: F) {
        let (one, send_wait) = (One::of(&self.open), self.send_wait);
        let progress = Arc::new(Progress::default());
        let watched = watch(request, Arc::clone(&progress), send_wait);
        tokio::spawn(PROGRESS.scope(progress, async move {
            watched.await;
            drop(one);
        }));
    }
}

/// Runs a request until it is answered, or until its client has taken nothing for too long.
async fn watch(request: impl Future<Output = ()>, progress: Arc<Progress>, send_wait: Duration) {
    let mut request = pin!(request);
    let (mut seen, mut look) = (0, Instant::now() + send_wait);
    loop {
        tokio::select! {
            biased;
            () = &mut request => return,
            () = sleep_until(look) => {}
        }
        let pieces = progress.pieces.load(Relaxed);
        if progress.waits_for_client.load(Relaxed) && pieces == seen {
            tracing::debug!(pieces, "stream reset: its client takes nothing");
            return;
        }
        (seen, look) = (pieces, look + send_wait);
    }
}

/// One that is open, until it is dropped.
#[derive(Debug)]
struct One(Arc<Open>);

impl One {
    fn of(open: &Arc<Open>) -> Self {
        open.count.fetch_add(1, Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        *self.0.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.count.fetch_sub(1, Relaxed);
    }
}

/// An answer in small pieces, which keeps its task informed.
pub(super) struct Pieces {
    body: Body,
    rest: Bytes,
    progress: Arc<Progress>,
}

impl Pieces {
    /// The body of the answer that this task makes.
    pub(super) fn of(body: Body) -> Self {
        let progress = PROGRESS.try_with(Arc::clone).unwrap_or_default();
        progress.waits_for_client.store(true, Relaxed);
        Self { body, rest: Bytes::new(), progress }
    }

    fn hand_over(&mut self) -> Frame<Bytes> {
        self.progress.pieces.fetch_add(1, Relaxed);
        self.progress.waits_for_client.store(true, Relaxed);
        Frame::data(self.rest.split_to(self.rest.len().min(PIECE_BYTES)))
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.hand_over())));
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending => {
                this.progress.waits_for_client.store(false, Relaxed);
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => {
                    this.rest = bytes;
                    Poll::Ready(Some(Ok(this.hand_over())))
                }
                Err(trailers) => Poll::Ready(Some(Ok(trailers))),
            },
            end => end,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_in_pieces_is_the_same_answer() {
        for bytes in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES] {
            let whole: Vec<u8> = (0..bytes).map(|n| n.to_le_bytes()[0]).collect();
            let mut pieces = Pieces::of(Body::whole(whole.clone()));
            let mut got = Vec::new();
            while !pieces.is_end_stream() {
                assert_eq!(pieces.size_hint().exact(), Some((bytes - got.len()) as u64));
                let frame = pieces.frame().await.unwrap().unwrap().into_data().unwrap();
                assert!(frame.len() <= PIECE_BYTES);
                got.extend_from_slice(&frame);
            }
            assert_eq!(got, whole);
        }
    }

    #[tokio::test]
    async fn a_request_ends_when_its_client_takes_nothing_and_not_while_we_make_it_wait() {
        let (progress, wait) = (Arc::new(Progress::default()), Duration::from_millis(20));
        let mut ours = pin!(watch(std::future::pending(), Arc::clone(&progress), wait));
        assert!(tokio::time::timeout(10 * wait, &mut ours).await.is_err(), "it waits for us");
        progress.waits_for_client.store(true, Relaxed);
        assert!(tokio::time::timeout(500 * wait, ours).await.is_ok(), "it waits for the client");
    }

    #[tokio::test]
    async fn who_has_no_open_request_is_idle() {
        let streams = Streams::new(Duration::from_secs(9));
        let one = One::of(&streams.open);
        assert_eq!(streams.idle_since(), None);
        let before = Instant::now();
        drop(one);
        assert!(streams.idle_since() >= Some(before));
    }
}
