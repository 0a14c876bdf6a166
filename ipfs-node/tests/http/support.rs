//! A node on free ports of the loopback, and a client that sees everything: status, trailers, a connection cut short.

use std::{future::Future, net::SocketAddr, path::Path, pin::Pin, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request, client::conn::http1, header::HeaderName};
use hyper_util::rt::TokioIo;
use ipfs_node::{
    node::{Limits, Node},
    peer::Peer,
    server::Server,
    store::StoreOptions,
};
use proto::config::{IpfsNode, Rookery};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

pub(crate) const BOUNDARY: &str = "----boundary7";

/// A node that is served.
pub(crate) struct Rig {
    pub(crate) node: Arc<Node>,
    pub(crate) rpc: SocketAddr,
    pub(crate) gateway: SocketAddr,
    pub(crate) folder: TempDir,
    config: IpfsNode,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    /// The connection ended before the answer did.
    pub(crate) cut: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn rows(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["Message"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One part of an upload.
#[derive(Clone)]
pub(crate) struct Part {
    name: String,
    kind: &'static str,
    content: Vec<u8>,
}

pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> Part {
    Part { name: name.to_owned(), kind: "application/octet-stream", content: content.as_ref().to_vec() }
}

pub(crate) fn folder(name: &str) -> Part {
    Part { name: name.to_owned(), kind: "application/x-directory", content: Vec::new() }
}

pub(crate) fn multipart(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let name = part.name.replace('/', "%2F");
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {}\r\n\r\n",
            part.kind
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// A node without peers.
    pub(crate) async fn start_in(folder: TempDir) -> Self {
        Self::start_as(folder, IpfsNode { swarm_listen: Vec::new(), ..IpfsNode::default() }).await
    }

    /// A node with peers, as the configuration says; on ports of its own.
    pub(crate) async fn start_peer(section: &str) -> Self {
        let section = format!("[ipfs-node]\nswarm_listen = [\"/ip4/127.0.0.1/tcp/0\"]\n{section}\n");
        let config = Rookery::parse(&section).unwrap().ipfs_node;
        Self::start_as(tempfile::tempdir().unwrap(), config).await
    }

    async fn start_as(folder: TempDir, config: IpfsNode) -> Self {
        let node = open(folder.path());
        let (rpc, gateway) = (listener().await, listener().await);
        let (rpc_address, gateway_address) = (rpc.local_addr().unwrap(), gateway.local_addr().unwrap());
        let server = Server::new(Arc::clone(&node), rpc, gateway, &[]).unwrap();
        let has_peers = !config.swarm_listen.is_empty();
        if has_peers {
            Peer::start(&node, &config).await.unwrap();
        }
        let server = server.with_gateway(|gateway| if has_peers { gateway.configured(&config) } else { gateway });
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move { _ = stopped.await });
        let served = tokio::spawn(server.run(stopped, || {}));
        Self { node, rpc: rpc_address, gateway: gateway_address, folder, config, stop: Some(stop), served }
    }

    /// Ends the node and starts it again on the same repository.
    pub(crate) async fn restart(mut self) -> Self {
        drop(self.stop.take());
        self.served.await.unwrap().unwrap();
        drop(self.node);
        Self::start_as(self.folder, self.config).await
    }

    pub(crate) async fn post(&self, command: &str) -> Answer {
        self.send(Method::POST, command, &[], Vec::new()).await
    }

    pub(crate) async fn upload(&self, command: &str, parts: &[Part]) -> Answer {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send(Method::POST, command, &[("content-type", &kind)], multipart(parts)).await
    }

    pub(crate) async fn send(&self, method: Method, command: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        request(self.rpc, method, &format!("/api/v0/{command}"), headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        request(self.gateway, Method::GET, path, &[], Vec::new()).await
    }

    /// Adds one file and gives its CID.
    pub(crate) async fn add(&self, query: &str, content: impl AsRef<[u8]>) -> String {
        let answer = self.upload(&format!("add?{query}"), &[file("f", content)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.rows()[0]["Hash"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn open(folder: &Path) -> Arc<Node> {
    let options = StoreOptions { segment_bytes: 1 << 20, reserve_bytes: 0, ..StoreOptions::default() };
    Node::open(folder, options, Limits { storage_max_bytes: 1 << 40 }).unwrap()
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// One request on a connection of its own.
pub(crate) async fn request(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(name.parse::<HeaderName>().unwrap(), *value);
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let (head, mut body) = response.into_parts();
    let mut answer =
        Answer { status: head.status.as_u16(), headers: head.headers, body: Vec::new(), trailers: None, cut: false };
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) if frame.is_data() => answer.body.extend_from_slice(&frame.into_data().unwrap()),
            Ok(frame) => answer.trailers = frame.into_trailers().ok(),
            Err(_) => {
                answer.cut = true;
                break;
            }
        }
    }
    answer
}

/// Bytes that are never twice the same, for files of many blocks.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(bytes).collect()
}
