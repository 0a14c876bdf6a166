//! A peer with a repository of its own, driven by its command line: the real Kubo, or our node in its place. Both are told
//! the same words, which is half of what is proved.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{http::Client, process, programs, skipped, wait};

/// It is ready within a tenth of a second; a busy machine may need more.
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// What a peer announces of itself once it listens comes a moment later.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(20);

/// Whose software it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// The real IPFS daemon.
    Kubo,
    /// `ipfs-node`.
    Ours,
}

/// How two peers are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP with Noise or TLS.
    Tcp,
    /// QUIC.
    Quic,
    /// A WebSocket.
    WebSocket,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Quic, Self::WebSocket];

    const fn listen(self) -> &'static str {
        match self {
            Self::Tcp => "/ip4/127.0.0.1/tcp/0",
            Self::Quic => "/ip4/127.0.0.1/udp/0/quic-v1",
            Self::WebSocket => "/ip4/127.0.0.1/tcp/0/ws",
        }
    }

    pub(crate) fn is_of(self, address: &str) -> bool {
        let names = |name: &str| address.split('/').any(|part| part == name);
        names("127.0.0.1")
            && match self {
                Self::Tcp => names("tcp") && !names("ws"),
                Self::Quic => names("quic-v1") && !names("webtransport"),
                Self::WebSocket => names("ws"),
            }
    }
}

/// A peer.
#[derive(Debug)]
pub struct Peer {
    make: Make,
    program: PathBuf,
    folder: TempDir,
    daemon: Option<Child>,
}

impl Peer {
    /// Kubo; none when it is not there, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it is not there and `CI` is set.
    #[must_use]
    pub fn kubo_or_skip(test: &str) -> Option<Self> {
        let program = programs::target().join("peers/ipfs");
        if program.is_file() {
            return Some(Self::set_up(Make::Kubo, program));
        }
        skipped::tell(test, &format!("no Kubo at {}; install Go and run `make peers`", program.display()));
        None
    }

    /// Our node.
    ///
    /// # Panics
    ///
    /// When it was not built.
    #[must_use]
    pub fn ours() -> Self {
        Self::set_up(Make::Ours, programs::program("ipfs-node"))
    }

    fn set_up(make: Make, program: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("peer").tempdir().expect("a temporary folder");
        let peer = Self { make, program, folder, daemon: None };
        peer.run(&["init", "--profile=test"]);
        peer.configure("Addresses.Swarm", &json!(Transport::ALL.map(Transport::listen)));
        peer
    }

    /// Whose software it is.
    #[must_use]
    pub fn make(&self) -> Make {
        self.make
    }

    /// Where its repository is.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// Sets a key of its configuration, which counts from its next start on.
    pub fn configure(&self, key: &str, value: &Value) {
        self.run(&["config", "--json", key, &value.to_string()]);
    }

    /// Runs its command line and returns what it wrote.
    ///
    /// # Panics
    ///
    /// When it failed.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).unwrap_or_else(|errors| panic!("{:?} {arguments:?}: {errors}", self.make))
    }

    /// Runs its command line and returns what it wrote, or what it complained of.
    ///
    /// # Errors
    ///
    /// When it failed.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command().args(arguments).stdin(Stdio::null()).output().expect("a peer can be run");
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(said.into_owned()) } else { Err(errors.into_owned()) }
    }

    /// Starts its command line beside the test.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a peer can be run")
    }

    /// Starts its daemon and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(mut self) -> Self {
        self.restart(&[]);
        self
    }

    /// Starts its daemon, with these flags too.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self, flags: &[&str]) {
        let log = self.folder.path().join("daemon.log");
        let file = File::create(&log).expect("a log file");
        let errors = file.try_clone().expect("a log file can be shared");
        let mut command = self.command();
        command.arg("daemon").args(flags).stdin(Stdio::null()).stdout(file).stderr(errors);
        let daemon = self.daemon.insert(command.spawn().expect("a peer can be started"));
        let ready = wait::within(START_DEADLINE, || {
            let said = fs::read_to_string(&log).unwrap_or_default().contains("Daemon is ready");
            (said || daemon.try_wait().is_ok_and(|ended| ended.is_some())).then_some(said)
        });
        assert_eq!(ready, Some(true), "{:?} said {}", self.make, fs::read_to_string(&log).unwrap_or_default());
    }

    /// The process id of its daemon.
    ///
    /// # Panics
    ///
    /// When it was not started.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("the daemon was started").id()
    }

    /// Ends its daemon at once, as a crash would.
    ///
    /// # Panics
    ///
    /// When it was not started.
    pub fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("the daemon was started");
        daemon.kill().expect("it has not been waited for");
        daemon.wait().expect("a killed process can be waited for");
    }

    /// Ends its daemon, as an operator would.
    pub fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        process::send(daemon.id(), Signal::SIGTERM);
        if wait::within(STOP_DEADLINE, || daemon.try_wait().ok().flatten()).is_none() {
            let _ = daemon.kill();
        }
        let _ = daemon.wait();
    }

    /// A client of its RPC.
    ///
    /// # Panics
    ///
    /// When its daemon does not say where that is.
    #[must_use]
    pub fn rpc(&self) -> Client {
        Client::new(self.rpc_address())
    }

    /// Where its RPC is.
    ///
    /// # Panics
    ///
    /// When its daemon does not say.
    #[must_use]
    pub fn rpc_address(&self) -> SocketAddr {
        let text = fs::read_to_string(self.repository().join("api")).expect("a daemon that runs says where its RPC is");
        let parts: Vec<_> = text.trim().split('/').collect();
        let [_, _, host, _, port] = parts[..] else { panic!("{:?} listens at {text}", self.make) };
        format!("{host}:{port}").parse().unwrap_or_else(|_| panic!("{:?} listens at {text}", self.make))
    }

    /// Its peer id.
    #[must_use]
    pub fn id(&self) -> String {
        self.run(&["config", "Identity.PeerID"]).trim().to_owned()
    }

    /// Where others may connect to it.
    ///
    /// # Panics
    ///
    /// When it does not listen there.
    #[must_use]
    pub fn address(&self, transport: Transport) -> String {
        wait::until("a peer says where it listens", ADDRESS_DEADLINE, || {
            let addresses = self.run(&["id", "-f", "<addrs>"]);
            addresses.lines().find(|address| transport.is_of(address)).map(str::to_owned)
        })
    }

    /// Connects to another peer.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn connect(&self, other: &Self, transport: Transport) {
        self.run(&["swarm", "connect", &other.address(transport)]);
    }

    /// Adds what is at a path, and returns its CID.
    #[must_use]
    pub fn add(&self, path: &Path, flags: &[&str]) -> String {
        let path = path.to_str().expect("test paths are text");
        self.run(&[&["add", "--recursive", "--quieter"], flags, &[path]].concat()).trim().to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("IPFS_PATH", self.repository()).env("NO_COLOR", "1").env_remove("IPFS_PROFILE");
        command
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
    }
}
