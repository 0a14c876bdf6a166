//! Kubo, the real IPFS daemon, to compare with: built by `make peers`, pinned byte for byte.

use std::{
    fs,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{http::Client, process, programs, skipped, wait};

/// It is ready within a tenth of a second; a busy machine may need more.
const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// How Kubo cuts files and folders when a request does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it comes: the same CIDs as since 2015.
    AsItComes,
    /// IPIP-499's `unixfs-v1-2025`.
    UnixfsV1,
}

/// Kubo with a repository of its own.
#[derive(Debug)]
pub struct Kubo {
    program: PathBuf,
    folder: TempDir,
    daemon: Option<Child>,
    environment: Vec<(&'static str, String)>,
}

impl Kubo {
    /// Kubo; none when it is not there, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it is not there and `CI` is set: what CI passes has been compared with the real one.
    #[must_use]
    pub fn or_skip(test: &str, profile: Profile) -> Option<Self> {
        let program = programs::target().join("peers/ipfs");
        if program.is_file() {
            return Some(Self::set_up(program, profile));
        }
        skipped::tell(test, &format!("no Kubo at {}; install Go and run `make peers`", program.display()));
        None
    }

    fn set_up(program: PathBuf, profile: Profile) -> Self {
        let folder = tempfile::Builder::new().prefix("kubo").tempdir().expect("a temporary folder");
        let kubo = Self { program, folder, daemon: None, environment: Vec::new() };
        kubo.run(&["init", "--profile=test"]);
        if profile == Profile::UnixfsV1 {
            kubo.run(&["config", "profile", "apply", "unixfs-v1-2025"]);
        }
        kubo
    }

    /// Sets a variable in its environment, from now on.
    pub fn env(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.push((name, value.into()));
    }

    /// Runs the command line and returns what it wrote.
    ///
    /// # Panics
    ///
    /// When it failed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).stdin(Stdio::null()).output().expect("Kubo can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ipfs {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The CID that adding a file or folder with the flags of `unixfs-v1-2025` gives. Nothing is stored.
    ///
    /// # Panics
    ///
    /// When Kubo failed.
    #[must_use]
    pub fn only_hash(&self, path: &Path) -> String {
        let path = path.to_str().expect("test paths are text");
        let profile = ["--cid-version=1", "--raw-leaves", "--chunker=size-1048576", "--max-file-links=1024"];
        let folders = ["--max-directory-links=0", "--max-hamt-fanout=256"];
        let add = ["add", "--recursive", "--only-hash", "--quieter", "--hidden"];
        self.run(&[&add[..], &profile, &folders, &[path]].concat()).trim().to_owned()
    }

    /// Starts the daemon, offline, and returns a client of its RPC.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(&mut self) -> Client {
        let log = self.folder.path().join("daemon.log");
        let file = || File::create(&log).expect("a log file");
        let mut command = self.command();
        command.args(["daemon", "--offline"]).stdin(Stdio::null()).stdout(file()).stderr(Stdio::null());
        self.daemon = Some(command.spawn().expect("Kubo can be started"));
        let address = wait::until("Kubo is ready", START_DEADLINE, || {
            let ready = fs::read_to_string(&log).unwrap_or_default().contains("Daemon is ready");
            ready.then(|| fs::read_to_string(self.folder.path().join("api")).ok()).flatten()
        });
        Client::new(socket_address(address.trim()))
    }

    /// A client of the gateway of the daemon that was started.
    ///
    /// # Panics
    ///
    /// When it was not.
    #[must_use]
    pub fn gateway(&self) -> Client {
        let file = self.folder.path().join("gateway");
        let address = fs::read_to_string(&file).expect("a daemon that runs says where its gateway is");
        let address = address.trim().trim_start_matches("http://").trim_end_matches('/');
        Client::new(address.parse().unwrap_or_else(|_| panic!("Kubo's gateway is at {address}")))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("IPFS_PATH", self.folder.path()).env("NO_COLOR", "1").env_remove("IPFS_PROFILE");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }
}

impl Drop for Kubo {
    fn drop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        process::send(daemon.id(), Signal::SIGTERM);
        let ended = wait::within(STOP_DEADLINE, || daemon.try_wait().ok().flatten());
        if ended.is_none() {
            let _ = daemon.kill();
        }
        let _ = daemon.wait();
    }
}

/// `/ip4/127.0.0.1/tcp/5001`
fn socket_address(multiaddr: &str) -> SocketAddr {
    let parts: Vec<_> = multiaddr.split('/').collect();
    let [_, _, host, _, port] = parts[..] else { panic!("Kubo listens at {multiaddr}") };
    format!("{host}:{port}").parse().unwrap_or_else(|_| panic!("Kubo listens at {multiaddr}"))
}
