//! `rookery.toml`: one file, `[common]` and a section per box. An empty or absent file is a valid system.
//!
//! Every key has its unit in its name. An unknown key or section is an error that names the line and the allowed keys.

use std::{net::SocketAddr, num::NonZero, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    ipfs_api::ApiAddress,
    outside::{Network, PublicAddress},
    peers::{DhtScope, PeerAddress, Provide},
};

/// The default configuration with an explanation of every key: `supervisor config default`.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// The most that `[post-worker] comment_bytes` can be: no comment of any store is longer.
pub const COMMENT_BYTES_MAX: u32 = 524_288;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rookery {
    /// What all boxes share.
    pub common: Common,
    /// The process manager.
    pub supervisor: Supervisor,
    /// The web.
    pub http_front: HttpFront,
    /// The read path.
    pub get_worker: GetWorker,
    /// The write path.
    pub post_worker: PostWorker,
    /// The comment store, opened by several boxes.
    pub comment_store: CommentStore,
    /// Which IPFS daemon.
    pub ipfs: Ipfs,
    /// The box that talks to it.
    pub ipfs_shim: IpfsShim,
    /// The embedded one.
    pub ipfs_node: IpfsNode,
    /// Other servers.
    pub sync_agent: SyncAgent,
    /// Files over TCP.
    pub ingest_server: IngestServer,
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or not ours. The text has line, column, the line itself and what was expected.
    #[error("{0}")]
    Parse(String),
    /// Well-formed, but impossible.
    #[error("[{section}] {key} = {found}: expected {expected}")]
    Value {
        /// The section.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// What stood there.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl Rookery {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// With the line, what stood there and what was expected.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let all: Self = toml::from_str(text).map_err(|e| ConfigError::Parse(in_plain_words(&e)))?;
        all.check()?;
        Ok(all)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.check_memory()?;
        self.check_directories()?;
        self.ingest_server.check_listens()?;
        self.check_daemon()?;
        for (section, key, found, least, most, expected) in self.ranges() {
            if !(least..=most).contains(&found) {
                return Err(ConfigError::Value { section, key, found: found.to_string(), expected });
            }
        }
        Ok(())
    }

    /// An empty path would be the folder of the configuration itself.
    fn check_directories(&self) -> Result<(), ConfigError> {
        let rows = [("data_dir", &self.common.data_dir), ("runtime_dir", &self.common.runtime_dir)];
        match rows.iter().find(|(_, path)| path.as_ref().is_some_and(|path| path.as_os_str().is_empty())) {
            Some((key, _)) => Err(ConfigError::Value {
                section: "common",
                key,
                found: "\"\"".to_owned(),
                expected: "a directory; leave the key out for the default",
            }),
            None => Ok(()),
        }
    }

    fn check_memory(&self) -> Result<(), ConfigError> {
        match (self.ipfs.memory_soft_mib, self.ipfs.memory_hard_mib) {
            (Some(soft), Some(hard)) if soft > hard => Err(ConfigError::Value {
                section: "ipfs",
                key: "memory_soft_mib",
                found: soft.to_string(),
                expected: "at most memory_hard_mib",
            }),
            _ => Ok(()),
        }
    }

    /// Where the daemon is, what Kubo can do, and how many copies there shall be.
    fn check_daemon(&self) -> Result<(), ConfigError> {
        let wrong = |section, key, found: String, expected| Err(ConfigError::Value { section, key, found, expected });
        let Ipfs { daemon, remote, replication_min: min, replication_max: max, .. } = &self.ipfs;
        if *daemon == IpfsDaemon::Remote && remote.is_none() {
            let expected = "the address of its RPC, such as \"http://192.0.2.7:5001\", since daemon = \"remote\"";
            return wrong("ipfs", "remote", "unset".to_owned(), expected);
        }
        if let (IpfsDaemon::Kubo, DhtScope::Private(prefix)) = (daemon, &self.ipfs_node.dht) {
            let expected = "\"lan\", \"public\" or \"off\": Kubo knows no DHT of a private prefix";
            return wrong("ipfs-node", "dht", format!("\"{prefix}\""), expected);
        }
        let is_count = |count: i32| count == -1 || count >= 1;
        let fits = *max == -1 || (*min != -1 && min <= max);
        match (is_count(*min) && fits, is_count(*max)) {
            (true, true) => Ok(()),
            (_, false) => wrong("ipfs", "replication_max", max.to_string(), "at least 1, or -1 for all peers"),
            (false, true) => {
                wrong("ipfs", "replication_min", min.to_string(), "1 to replication_max, or -1 in both for all peers")
            }
        }
    }

    /// Numbers that have to be within bounds, or the tree would be of no use.
    fn ranges(&self) -> [Range; 19] {
        const ANY: u64 = u64::MAX;
        let (supervisor, front) = (&self.supervisor, &self.http_front);
        let ingest = &self.ingest_server;
        [
            (
                "supervisor",
                "heartbeat_wait_ms",
                supervisor.heartbeat_wait_ms,
                500,
                ANY,
                "at least 500: a box beats about twice a second",
            ),
            ("supervisor", "start_wait_ms", supervisor.start_wait_ms, 100, ANY, "at least 100"),
            ("supervisor", "deaths_limit", supervisor.deaths_limit.into(), 1, ANY, "at least 1"),
            ("supervisor", "log_bytes", supervisor.log_bytes, 65_536, ANY, "at least 65536"),
            ("supervisor", "log_files", supervisor.log_files.into(), 1, 1_000, "1 to 1000"),
            ("supervisor", "memory_sample_ms", supervisor.memory_sample_ms, 10, ANY, "at least 10"),
            ("http-front", "header_wait_ms", front.header_wait_ms, 1, ANY, "at least 1"),
            ("http-front", "body_wait_ms", front.body_wait_ms, 1, ANY, "at least 1"),
            ("http-front", "send_wait_ms", front.send_wait_ms, 1, ANY, "at least 1"),
            ("http-front", "answer_wait_ms", front.answer_wait_ms, 1, ANY, "at least 1"),
            ("http-front", "connections", front.connections.into(), 1, ANY, "at least 1"),
            ("get-worker", "instances", self.get_worker.instances.get().into(), 1, 256, "1 to 256"),
            (
                "post-worker",
                "comment_bytes",
                self.post_worker.comment_bytes.into(),
                64,
                COMMENT_BYTES_MAX.into(),
                "64 to 524288",
            ),
            ("ipfs-node", "connections", self.ipfs_node.connections.into(), 1, 65_536, "1 to 65536"),
            ("ipfs-node", "exchange_mib", self.ipfs_node.exchange_mib.into(), 8, 65_536, "8 to 65536"),
            ("ingest-server", "connections", ingest.connections.into(), 1, 65_536, "1 to 65536"),
            ("ingest-server", "idle_wait_ms", ingest.idle_wait_ms, 1, ANY, "at least 1"),
            ("ingest-server", "total_wait_s", ingest.total_wait_s, 1, ANY, "at least 1"),
            ("ingest-server", "ipfs_wait_ms", ingest.ipfs_wait_ms, 1, ANY, "at least 1"),
        ]
    }
}

/// Section, key, what was found, the least and the most, and both in words.
type Range = (&'static str, &'static str, u64, u64, u64, &'static str);

/// What went wrong, in the words of whoever wrote the file.
fn in_plain_words(error: &toml::de::Error) -> String {
    let text = error.to_string();
    text.trim_end()
        .replace("invalid socket address syntax", "expected an address with a port, such as \"127.0.0.1:8780\"")
        .replace("expected a nonzero u16", "expected 1 to 256")
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn peer_addresses() -> Vec<PeerAddress> {
    ["/ip4/127.0.0.1/tcp/4001", "/ip4/127.0.0.1/udp/4001/quic-v1", "/ip4/127.0.0.1/tcp/4002/ws"]
        .map(|text| text.to_owned().try_into().expect("the defaults are addresses of peers"))
        .to_vec()
}

fn non_zero<T: TryInto<NonZero<u16>>>(count: T) -> NonZero<u16> {
    count.try_into().unwrap_or(NonZero::<u16>::MIN)
}

section! {
    /// `[common]`.
    Common {
        /// Where everything that must survive is kept. Default: `$XDG_DATA_HOME/rookery`, else `~/.local/share/rookery`.
        data_dir: Option<PathBuf> = None,
        /// Where sockets and locks are, mode 0700, at most 80 bytes long. Default: `$XDG_RUNTIME_DIR/rookery`, else
        /// `run` beside the data.
        runtime_dir: Option<PathBuf> = None,
        /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,http_front=debug`.
        log: String = "info".to_owned(),
    }
}

section! {
    /// `[supervisor]`.
    Supervisor {
        /// How long a box may take to drain before it is killed.
        stop_wait_ms: u64 = 10_000,
        /// How long a box may take to become ready before it is killed and started again.
        start_wait_ms: u64 = 60_000,
        /// A box that has been silent for so long is hung.
        heartbeat_wait_ms: u64 = 10_000,
        /// The first restart is at once; the next waits a random time of at most this, which then doubles.
        restart_base_ms: u64 = 50,
        /// The longest that a restart waits.
        restart_cap_ms: u64 = 10_000,
        /// After so long without a death the next restart is at once again.
        stable_ms: u64 = 10_000,
        /// So many deaths within `deaths_period_ms` and the box is held.
        deaths_limit: u32 = 20,
        /// See `deaths_limit`.
        deaths_period_ms: u64 = 60_000,
        /// A held box is tried again after this pause.
        hold_pause_ms: u64 = 30_000,
        /// A log file is rotated before it grows past this.
        log_bytes: u64 = 4 * 1024 * 1024,
        /// So many log files are kept per instance.
        log_files: u32 = 3,
        /// How often the memory of the IPFS daemon is sampled.
        memory_sample_ms: u64 = 2_000,
    }
}

section! {
    /// `[http-front]`.
    HttpFront {
        /// Where the web is served. Port 0: any free one, shown by `supervisor status`.
        listen: SocketAddr = loopback(8780),
        /// How long a client may take to send its header.
        header_wait_ms: u64 = 10_000,
        /// How long a client may take to send its body.
        body_wait_ms: u64 = 30_000,
        /// How long a client may take to accept more of an answer.
        send_wait_ms: u64 = 30_000,
        /// How long an idle connection is kept.
        idle_wait_ms: u64 = 75_000,
        /// The most bytes of a request's header.
        header_bytes: u32 = 16_384,
        /// The most connections at a time.
        connections: u32 = 16_384,
        /// How long an answer of a worker is waited for.
        answer_wait_ms: u64 = 10_000,
        /// The most readers of live events at a time.
        event_readers: u32 = 16_384,
        /// The memory of kept answers; 0 keeps none.
        cache_mib: u32 = 64,
        /// Reverse proxies whose `X-Forwarded-*` are believed.
        trusted_proxies: Vec<Network> = Vec::new(),
        /// Under which address the world knows this server; unset: as each visitor wrote it.
        public_address: PublicAddress = PublicAddress::UNSET,
        /// Requests per second of one neighbourhood, posts left out; 0 for no limit, here and below.
        address_reads_per_s: u32 = 200,
        /// So many of them may come at once.
        address_reads_burst: u32 = 1_000,
        /// Posts per second of one neighbourhood.
        address_posts_per_s: u32 = 5,
        /// So many of them may come at once.
        address_posts_burst: u32 = 50,
        /// Connections of one neighbourhood at a time.
        address_connections: u32 = 512,
        /// Requests of one neighbourhood at a time that are not yet wholly answered; event streams are such.
        address_requests: u32 = 512,
        /// Requests per second of all visitors, posts left out.
        total_reads_per_s: u32 = 20_000,
        /// Posts per second of all visitors.
        total_posts_per_s: u32 = 2_000,
    }
}

section! {
    /// `[get-worker]`.
    GetWorker {
        /// How many of them run.
        instances: NonZero<u16> = non_zero(2),
    }
}

/// What happens to a comment without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsigned {
    /// It is kept.
    Accept,
    /// It is refused.
    Refuse,
}

section! {
    /// `[post-worker]`.
    PostWorker {
        /// Whether comments without a signature are kept.
        unsigned: Unsigned = Unsigned::Accept,
        /// The most bytes of a comment, headers included.
        comment_bytes: u32 = 16_384,
        /// The most comments in one commit.
        group_comments: u16 = 1_024,
    }
}

section! {
    /// `[comment-store]`.
    CommentStore {
        /// The address space that is reserved for it; a sparse file, so this costs no disk.
        map_gib: u32 = 1_024,
        /// Nothing more is written when the volume has less than this left.
        reserve_mib: u32 = 64,
        /// Superseded folders are kept so long, for those who were just told their CID.
        folder_history_s: u32 = 120,
    }
}

/// Which program is the IPFS daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpfsDaemon {
    /// `ipfs-node`, ours.
    Embedded,
    /// Kubo on this machine, in our care.
    Kubo,
    /// Whatever speaks Kubo's RPC at `remote`, in somebody else's care.
    Remote,
}

section! {
    /// `[ipfs]`.
    Ipfs {
        /// Which program is the IPFS daemon.
        daemon: IpfsDaemon = IpfsDaemon::Embedded,
        /// Kubo's program, for `kubo`; also for the command line, where a daemon's API cannot be reached.
        program: PathBuf = PathBuf::from("ipfs"),
        /// Where the RPC of a `remote` daemon is.
        remote: Option<ApiAddress> = None,
        /// A file with what its RPC asks for: `bearer:TOKEN` or `basic:USER:PASSWORD`.
        remote_secret_file: Option<PathBuf> = None,
        /// The repository of a daemon on this machine, for its command line when its API cannot be reached.
        remote_repo: Option<PathBuf> = None,
        /// Where the API of an IPFS Cluster is that keeps copies.
        cluster: Option<ApiAddress> = None,
        /// A file with what the Cluster's API asks for, as above.
        cluster_secret_file: Option<PathBuf> = None,
        /// So many peers of the Cluster must keep what was published, or the operator is told; -1 for all.
        replication_min: i32 = -1,
        /// So many peers of the Cluster shall keep it; -1 for all.
        replication_max: i32 = -1,
        /// Above this much anonymous memory it is drained and recycled. Default: an eighth of the machine's.
        memory_soft_mib: Option<u64> = None,
        /// Above this much it is killed. Default: a quarter of the machine's.
        memory_hard_mib: Option<u64> = None,
    }
}

section! {
    /// `[ipfs-shim]`.
    IpfsShim {
        /// What has arrived is published at most so often.
        publish_every_ms: u64 = 1_000,
        /// Roots of the past are kept pinned so long.
        keep_roots_s: u64 = 86_400,
        /// How long the IPFS daemon may take to answer.
        answer_wait_ms: u64 = 30_000,
    }
}

section! {
    /// `[ipfs-node]`.
    IpfsNode {
        /// Where Kubo's RPC is served. Port 0: any free one.
        rpc_listen: SocketAddr = loopback(5001),
        /// Where blocks are served to those who trust nobody. Port 0: any free one.
        gateway_listen: SocketAddr = loopback(8781),
        /// `repo/gc` runs by itself when more than this is stored; 0 for never.
        storage_max_gib: u64 = 10,
        /// The origins beside the node's own whose pages may call the RPC.
        rpc_allow_origins: Vec<String> = Vec::new(),
        /// Where other peers may connect; empty: no peer side at all.
        swarm_listen: Vec<PeerAddress> = peer_addresses(),
        /// Under which addresses peers are told to connect; empty: those of `swarm_listen`.
        announce: Vec<PeerAddress> = Vec::new(),
        /// Peers through which a network is entered.
        bootstrap: Vec<PeerAddress> = Vec::new(),
        /// Peers to which a connection is always kept.
        peering: Vec<PeerAddress> = Vec::new(),
        /// Addresses that are never connected to, nor accepted from: `/ip4/10.0.0.0/ipcidr/8`.
        filters: Vec<PeerAddress> = Vec::new(),
        /// In which networks peers and what they have are looked up.
        dht: DhtScope = DhtScope::Lan,
        /// What is announced there.
        provide: Provide = Provide::Roots,
        /// Whether peers on the local network find each other by themselves.
        mdns: bool = false,
        /// Whether messages can be published to topics, and read.
        pubsub: bool = false,
        /// Whether streams of other programs can be carried between peers.
        stream_mounting: bool = false,
        /// The most connections with peers at a time.
        connections: u32 = 256,
        /// The memory for blocks that are on their way to peers and from them.
        exchange_mib: u32 = 32,
        /// Trustless gateways that are asked for what no peer has, `https://gateway.example.org`.
        gateways: Vec<String> = Vec::new(),
        /// Whether the gateway gets from peers what is not here.
        gateway_fetch: bool = true,
        /// Whether the gateway gives files and pages, not only blocks; where it is served on loopback alone by default.
        gateway_paths: Option<bool> = None,
        /// Names of the gateway below which each root has a name of its own, `<cid>.ipfs.<name>`, so that pages are kept
        /// apart.
        gateway_subdomains: Vec<String> = vec!["localhost".to_owned()],
    }
}

section! {
    /// `[sync-agent]`.
    SyncAgent {
        /// Whether it runs.
        enabled: bool = false,
        /// Servers to copy from, by the address of their `http-front`: `http://192.0.2.1:8780`.
        peers: Vec<String> = Vec::new(),
        /// How often a peer is asked what is new.
        poll_every_ms: u64 = 5_000,
    }
}

/// How the bytes of a file become blocks, and so its CID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IngestProfile {
    /// What `ipfs add` does when nothing is said: CIDv0, chunks of 256 KiB.
    #[serde(rename = "unixfs-v0-2015")]
    V0_2015,
    /// CIDv1, chunks of 1 MiB, raw leaves.
    #[serde(rename = "unixfs-v1-2025")]
    V1_2025,
}

section! {
    /// `[ingest-server]`.
    IngestServer {
        /// Whether it runs.
        enabled: bool = false,
        /// Where files are taken in. Port 0: any free one.
        upload_listen: SocketAddr = loopback(7147),
        /// Where files are given out. Port 0: any free one.
        download_listen: SocketAddr = loopback(7417),
        /// Where clients of an IPFS Cluster, such as the original ingest servers, may add files over HTTP; unset: nowhere.
        cluster_listen: Option<SocketAddr> = None,
        /// Whether these may be other addresses than loopback's: the protocol knows no passwords.
        public: bool = false,
        /// Who may connect, loopback aside; everybody when it is empty.
        allow: Vec<Network> = Vec::new(),
        /// The most connections at a time, uploads and downloads together.
        connections: u32 = 1_024,
        /// Of them, the most of one neighbourhood; 0 for no limit.
        address_connections: u32 = 64,
        /// A client that sends nothing, or takes nothing, for so long is let go.
        idle_wait_ms: u64 = 60_000,
        /// No file may take longer than this.
        total_wait_s: u64 = 86_400,
        /// How long the IPFS daemon may be away, or take to pin a file, before an upload is given up.
        ipfs_wait_ms: u64 = 120_000,
        /// The most of one file; 0 for no limit.
        file_mib: u64 = 65_536,
        /// The most of all files in the journal together, each once; 0 for no limit.
        quota_mib: u64 = 0,
        /// Whether clients that ask for it are served within TLS.
        tls: bool = false,
        /// The certificate for that, in PEM; unset: one is made and kept.
        tls_certificate: Option<PathBuf> = None,
        /// Its key, in PEM.
        tls_key: Option<PathBuf> = None,
        /// How bytes become blocks.
        profile: IngestProfile = IngestProfile::V0_2015,
    }
}

impl IngestServer {
    /// A listener that strangers reach is opened only for who says so.
    fn check_listens(&self) -> Result<(), ConfigError> {
        let listens = [("upload_listen", self.upload_listen), ("download_listen", self.download_listen)];
        let cluster = self.cluster_listen.map(|address| ("cluster_listen", address));
        let is_open = |address: &SocketAddr| !self.public && !address.ip().to_canonical().is_loopback();
        match listens.into_iter().chain(cluster).find(|(_, address)| is_open(address)) {
            None => Ok(()),
            Some((key, address)) => Err(ConfigError::Value {
                section: "ingest-server",
                key,
                found: format!("\"{address}\""),
                expected: "an address of loopback; or say `public = true`, and better `allow` too: there are no passwords",
            }),
        }
    }
}

#[cfg(test)]
mod tests;
