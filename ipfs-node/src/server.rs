//! The two listeners: connections come in, requests go to the RPC or the gateway, and all is drained at the end.
//!
//! Asked by `main`. Keeps the files `api` and `gateway` that tell clients where to connect.

mod stall;

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
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    gateway::Gateway,
    memory,
    node::{Node, Upkeep},
    rpc::{Rpc, body::Body},
};
use stall::Stall;

/// Connections at a time to the RPC: its callers are few, and are the machine's own.
const RPC_CONNECTIONS: usize = 256;
/// Connections at a time to the gateway.
const GATEWAY_CONNECTIONS: usize = 768;
/// How long a client of the gateway may read nothing of its answer. A caller of the RPC may take its time.
const STALL_WAIT: Duration = Duration::from_secs(120);
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
    places: Places,
    /// Whether clients are told where it is.
    is_told: bool,
}

#[derive(Debug, Clone)]
enum Door {
    Rpc(Rpc),
    Gateway(Gateway),
}

impl Door {
    fn stall_wait(&self) -> Option<Duration> {
        matches!(self, Self::Gateway(_)).then_some(STALL_WAIT)
    }
}

/// Connections that may still come, for each door: strangers at the gateway take no place of the RPC's.
#[derive(Debug)]
struct Places {
    rpc: Arc<Semaphore>,
    gateway: Arc<Semaphore>,
}

impl Places {
    fn new(rpc: usize, gateway: usize) -> Self {
        Self { rpc: Arc::new(Semaphore::new(rpc)), gateway: Arc::new(Semaphore::new(gateway)) }
    }

    fn take(&self, door: &Door) -> Option<OwnedSemaphorePermit> {
        let (places, name) = match door {
            Door::Rpc(_) => (&self.rpc, "rpc"),
            Door::Gateway(_) => (&self.gateway, "gateway"),
        };
        let place = Arc::clone(places).try_acquire_owned().ok();
        if place.is_none() {
            tracing::warn!(door = name, "a connection was refused, there are too many");
        }
        place
    }
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
        let places = Places::new(RPC_CONNECTIONS, GATEWAY_CONNECTIONS);
        Ok(Self { node, rpc_listener, gateway_listener, rpc, gateway, places, is_told: true })
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
            match accepted {
                // Full: the client sees its connection closed and may come again.
                Ok((stream, _)) => {
                    if let Some(place) = self.places.take(&door) {
                        serve(stream, door, &graceful, place);
                    }
                }
                Err(error) => sleep(pause_after(&error)).await,
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

fn serve(stream: TcpStream, door: Door, graceful: &GracefulShutdown, place: OwnedSemaphorePermit) {
    // Small answers go out at once.
    let _ = stream.set_nodelay(true);
    let stream = Stall::new(stream, door.stall_wait());
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::oneshot,
    };

    use super::*;
    use crate::{node::Limits, store::StoreOptions};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// The status line, or nothing where the connection was refused.
    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        let asked = async {
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_end(&mut answer).await
        };
        // A connection that is refused may end in an error.
        let _ = timeout(DEADLINE, asked).await.unwrap();
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_gateway_whose_places_are_all_taken_leaves_the_rpc_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { segment_bytes: 1 << 20, reserve_bytes: 0, ..StoreOptions::default() };
        let node = Node::open(folder.path(), options, Limits { storage_max_bytes: 1 << 40 }).unwrap();
        let rpc_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (rpc, gateway) = (rpc_listener.local_addr().unwrap(), gateway_listener.local_addr().unwrap());
        let mut server = Server::new(node, rpc_listener, gateway_listener, &[]).unwrap();
        server.places = Places::new(1, 2);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.run(async move { _ = stopped.await }, || {}));
        let held = [TcpStream::connect(gateway).await.unwrap(), TcpStream::connect(gateway).await.unwrap()];
        let head = "HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        assert_eq!(ask(gateway, &format!("GET / {head}")).await, "");
        assert_eq!(ask(rpc, &format!("POST /api/v0/version {head}")).await, "HTTP/1.1 200 OK");
        drop((held, stop));
        timeout(DEADLINE, served).await.unwrap().unwrap().unwrap();
    }
}
