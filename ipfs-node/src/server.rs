//! The two listeners: connections come in, requests go to the RPC or the gateway, and all is drained at the end.
//!
//! Asked by `main`. Keeps the files `api` and `gateway` that tell clients where to connect.

use std::{
    convert::Infallible,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daemon::listen::pause_after;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    gateway::Gateway,
    memory,
    node::{Node, Upkeep},
    rpc::{Rpc, body::Body},
};

/// Connections at a time, on both listeners together.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's header.
const HEADER_WAIT: Duration = Duration::from_secs(30);
/// How long open calls may go on after the node was asked to stop.
const DRAIN_WAIT: Duration = Duration::from_secs(8);
/// The loop says that it works at least so often.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// The node and where it is served.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    rpc_listener: TcpListener,
    gateway_listener: TcpListener,
    rpc: Rpc,
    gateway: Gateway,
    /// Whether clients are told where it is.
    is_told: bool,
}

#[derive(Debug, Clone)]
enum Door {
    Rpc(Rpc),
    Gateway(Gateway),
}

impl Server {
    /// A server on listeners that are bound.
    ///
    /// # Errors
    ///
    /// When a listener does not know its address.
    pub fn new(
        node: Arc<Node>,
        rpc_listener: TcpListener,
        gateway_listener: TcpListener,
        allow_origins: &[String],
    ) -> io::Result<Self> {
        let rpc = Rpc::new(Arc::clone(&node), rpc_listener.local_addr()?, allow_origins);
        let gateway = Gateway::new(Arc::clone(&node));
        Ok(Self { node, rpc_listener, gateway_listener, rpc, gateway, is_told: true })
    }

    /// The same server, its gateway changed like this.
    #[must_use]
    pub fn with_gateway(self, change: impl FnOnce(Gateway) -> Gateway) -> Self {
        Self { gateway: change(self.gateway), ..self }
    }

    /// The same server, which only who has started it will find.
    #[must_use]
    pub(crate) fn untold(self) -> Self {
        Self { is_told: false, ..self }
    }

    /// Serves until `stop` is asked or the command `shutdown` came, then lets open calls end. `beat` is called by the
    /// loop that accepts.
    ///
    /// # Errors
    ///
    /// When the files that tell the addresses cannot be written; when the disk has failed under the store.
    pub async fn run(self, stop: impl Future<Output = ()>, beat: impl Fn()) -> io::Result<()> {
        let addresses = [("api", self.rpc_listener.local_addr()?), ("gateway", self.gateway_listener.local_addr()?)];
        let _told = self.is_told.then(|| Told::write(self.node.store.folder(), addresses)).transpose()?;
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut beats = interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut upkeep = Upkeep::new();
        tokio::pin!(stop);
        loop {
            beat();
            let (accepted, door) = tokio::select! {
                () = &mut stop => break,
                () = self.node.stopping.notified() => break,
                _ = beats.tick() => {
                    upkeep.look(&self.node);
                    if self.rpc.has_become_idle() {
                        memory::give_back();
                    }
                    if let Some(error) = self.node.store.broken() {
                        return Err(io::Error::other(error));
                    }
                    continue;
                }
                accepted = self.rpc_listener.accept() => (accepted, Door::Rpc(self.rpc.clone())),
                accepted = self.gateway_listener.accept() => (accepted, Door::Gateway(self.gateway.clone())),
            };
            match (accepted, Arc::clone(&places).try_acquire_owned()) {
                (Ok((stream, _)), Ok(place)) => serve(stream, door, &graceful, place),
                // Full: the client sees its connection closed and may come again.
                (Ok(_), Err(_)) => tracing::warn!(limit = CONNECTIONS, "a connection was refused, there are too many"),
                (Err(error), _) => {
                    sleep(pause_after(&error)).await;
                }
            }
        }
        drop((self.rpc_listener, self.gateway_listener));
        if let Some(peer) = self.node.peer() {
            peer.stop().await;
        }
        if timeout(DRAIN_WAIT, graceful.shutdown()).await.is_err() {
            tracing::warn!(wait_ms = DRAIN_WAIT.as_millis(), "calls that did not end in time were cut");
        }
        Ok(())
    }
}

fn serve(stream: TcpStream, door: Door, graceful: &GracefulShutdown, place: tokio::sync::OwnedSemaphorePermit) {
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(door.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        // Who waits for a block and closes its side is gone, as for Kubo: what it asked for is not fetched for nobody.
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    });
}

async fn answer(door: Door, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match door {
        Door::Rpc(rpc) => rpc.answer(request).await,
        Door::Gateway(gateway) => gateway.answer(request).await,
    })
}

/// The files that tell where the node is served; removed at a clean end, stale after a crash, as with Kubo.
#[derive(Debug)]
struct Told(Vec<PathBuf>);

impl Told {
    fn write(folder: &Path, addresses: [(&str, SocketAddr); 2]) -> io::Result<Self> {
        let mut told = Self(Vec::new());
        for (name, address) in addresses {
            let (path, fresh) = (folder.join(name), folder.join(format!("{name}.new")));
            let text = match name {
                "gateway" => format!("http://{address}"),
                _ => multiaddr(address),
            };
            fs::write(&fresh, text)?;
            fs::rename(fresh, &path)?;
            told.0.push(path);
        }
        Ok(told)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.iter().for_each(|path| _ = fs::remove_file(path));
    }
}

/// `/ip4/127.0.0.1/tcp/80`
pub(crate) fn multiaddr(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{family}/{}/tcp/{}", address.ip(), address.port())
}
