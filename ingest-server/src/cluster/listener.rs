//! Takes the clients of a Cluster in, over HTTP, and routes what they ask.
//!
//! Asked by clients. Hands files to `add`. Pages of a browser are sent away: the port knows no password.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use daemon::stop::Stop;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::ORIGIN, server::conn::http1, service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulConnection, GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use super::{
    add::add,
    reply::{Answer, Body, Refused, refused, version},
};
use crate::{blocks::Blocks, door::Manners, upload::Uploads};

/// How long a client may take to send a request's header, and to send the next request.
const HEADER_WAIT: Duration = Duration::from_secs(30);
/// What is read ahead of a body; counted beside the chunks of its file.
const BUFFER_BYTES: usize = 64 * 1024;
/// So many clients at a time; more wait. They are servers, and few.
const CLIENTS: usize = 64;
/// How long nobody is taken in when the system cannot give us another descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Where the clients of a Cluster come in, if anywhere.
#[derive(Debug)]
pub struct Cluster<B> {
    /// The listener; none when it is switched off.
    pub listener: Option<TcpListener>,
    /// Who takes the files.
    pub uploads: Arc<Uploads<B>>,
    /// Who is taken in.
    pub manners: Manners,
}

impl<B: Blocks> Cluster<B> {
    /// Takes clients in until the box should end, then lets open requests end, but not for ever.
    pub async fn keep_open(self, stop: Stop) {
        let Self { listener: Some(listener), uploads, manners } = self else { return };
        let slots = Arc::new(Semaphore::new(CLIENTS));
        let graceful = GracefulShutdown::new();
        let mut stopped = pin!(stop.asked());
        loop {
            let (visitor, slot) = tokio::select! {
                () = &mut stopped => break,
                visitor = take_in(&listener, &slots) => visitor,
            };
            match visitor {
                Ok((stream, peer)) => match manners.admit(peer) {
                    Ok(place) => attend(graceful.watch(serve(stream, peer, Arc::clone(&uploads))), (slot, place)),
                    Err(away) => tracing::info!(%peer, ?away, "client of the cluster's port was sent away"),
                },
                Err(error) => {
                    tracing::warn!(cause = %error, "no connection could be taken in");
                    sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        if timeout(manners.drain_within, graceful.shutdown()).await.is_err() {
            tracing::warn!("ended with requests still open");
        }
    }
}

/// The next client, once there is room.
async fn take_in(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("nobody closes the slots");
    (listener.accept().await, slot)
}

/// Serves a connection beside the others; what it holds is given back at its end.
fn attend(connection: impl Future<Output = hyper::Result<()>> + Send + 'static, held: impl Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(cause = %error, "a connection ended early");
        }
        drop(held);
    });
}

fn serve<B: Blocks>(
    stream: TcpStream,
    peer: SocketAddr,
    uploads: Arc<Uploads<B>>,
) -> impl GracefulConnection<Error = hyper::Error> + Send {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let uploads = Arc::clone(&uploads);
        async move { Answer::Ok(route(&uploads, peer, request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .max_buf_size(BUFFER_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
}

async fn route<B: Blocks>(uploads: &Uploads<B>, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
    if request.headers().contains_key(ORIGIN) {
        let why = "pages of a browser may not ask here".to_owned();
        return refused(&Refused::Request(StatusCode::FORBIDDEN, why));
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/version") => version(),
        (&Method::POST, "/add") => add(uploads, peer, request).await,
        (_, "/version" | "/add") => {
            let why = "expected GET /version or POST /add".to_owned();
            refused(&Refused::Request(StatusCode::METHOD_NOT_ALLOWED, why))
        }
        (_, path) => {
            let path: String = path.chars().take(100).collect();
            let why = format!("{path} is not offered here; this is no IPFS Cluster, it has GET /version and POST /add");
            refused(&Refused::Request(StatusCode::NOT_FOUND, why))
        }
    }
}
