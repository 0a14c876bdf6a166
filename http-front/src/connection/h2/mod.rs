//! HTTP/2 without TLS, by clients that know that we speak it: RFC 9113 section 3.3. What a proxy uses towards us.
//!
//! hyper speaks it; here is what a client may not do to us. [`watched`] sees its bytes, [`streams`] its requests.

mod frames;
mod streams;
mod watched;

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use daemon::stop::Stop;
use hyper::{
    Method, Request, Response,
    body::{Body as _, Incoming},
    header::{CONNECTION, CONTENT_LENGTH},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    time::{sleep_until, timeout},
};

use self::{
    streams::{Pieces, Streams},
    watched::Watched,
};
use super::{link::Link, patience::Waits};
use crate::{answer::Answer, front::Front, sending::Body, sides::Sides};

/// The most open requests of a connection. Proxies that have more make another connection.
const STREAMS: u32 = 128;
/// A comment is 16 KiB; of a stream and of a connection so much may be on its way to us.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// So much of an answer may wait in the protocol's buffers.
const SEND_BYTES: usize = 32 * 1024;
const FRAME_BYTES: u32 = 16 * 1024;
/// So many streams may be reset before we have seen them, and by us for their errors: CVE-2023-44487, CVE-2025-8671.
const RESETS: usize = 32;

/// Serves a connection to its end.
pub(super) async fn attend<S: Sides>(
    stream: TcpStream,
    peer: SocketAddr,
    front: Arc<Front<S>>,
    waits: Waits,
    stop: Stop,
) {
    let streams = Streams::new(waits.send);
    let watched = Watched::new(stream, waits, front.measures.clone());
    let service = service_fn(move |request| answer(Arc::clone(&front), peer, request));
    let mut connection = pin!(http(waits, streams.clone()).serve_connection(TokioIo::new(watched), service));
    let ended = tokio::select! {
        biased;
        () = stop.asked() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
        () = idle(&streams, waits.idle) => {
            connection.as_mut().graceful_shutdown();
            // It only has to take our leave, or the answer to what it may have asked in the meantime.
            timeout(waits.send, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended early");
    }
}

async fn answer<S: Sides>(
    front: Arc<Front<S>>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Pieces>, Infallible> {
    let is_head = request.method() == Method::HEAD;
    let mut answer = front.visit(Link::new(peer), request).await;
    // What the parts of an HTTP/1 connection tell each other is of no use here.
    answer.headers_mut().remove(CONNECTION);
    let answer = if is_head { without_content(answer) } else { answer };
    Ok(answer.map(Pieces::of))
}

/// The answer to a `HEAD`. Over HTTP/1 hyper leaves the content out, over HTTP/2 it would send it.
fn without_content(mut answer: Answer) -> Answer {
    // Of nothing hyper tells no length, in either protocol.
    if let Some(bytes) = answer.body().size_hint().exact().filter(|bytes| *bytes > 0) {
        answer.headers_mut().entry(CONTENT_LENGTH).or_insert(bytes.into());
    }
    answer.map(|_| Body::empty())
}

/// Waits until no request has been open for so long.
async fn idle(streams: &Streams, wait: Duration) {
    let mut look = tokio::time::Instant::now() + wait;
    loop {
        sleep_until(look).await;
        let now = tokio::time::Instant::now();
        match streams.idle_since() {
            Some(since) if now >= since + wait => return,
            Some(since) => look = since + wait,
            None => look = now + wait,
        }
    }
}

fn http(waits: Waits, streams: Streams) -> http2::Builder<Streams> {
    let mut http = http2::Builder::new(streams);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(waits.header_bytes)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        // Who is gone without a word is found out.
        .keep_alive_interval(waits.idle)
        .keep_alive_timeout(waits.send);
    http
}
