//! A whole tree of its own in a temporary directory, on free ports.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use proto::supervision::{InstanceStatus, Status};
use tempfile::TempDir;

/// How long the tree may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running tree, stopped when dropped.
pub struct Tree {
    supervisor: Child,
    folder: TempDir,
    /// From the start of the supervisor until it said that all boxes are ready.
    pub start: Duration,
}

/// The path of a program of this build.
pub fn program(name: &str) -> PathBuf {
    let ours = std::env::current_exe().expect("this program has a path");
    let path = ours.with_file_name(name);
    assert!(path.exists(), "{} is missing; run `cargo build --release --workspace`", path.display());
    path
}

impl Tree {
    /// Starts one and waits until it is ready.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with more configuration and waits until it is ready.
    pub fn start_with(sections: &str) -> Self {
        Self::begin(&std::env::temp_dir(), "", sections, |_| {})
    }

    /// Starts one with its data below `root`, with more configuration, and waits until it is ready.
    pub fn start_in(root: &Path, sections: &str) -> Self {
        Self::begin(root, "", sections, |_| {})
    }

    /// Starts one with more settings of the front, in a store that `fill` has filled.
    pub fn start_filled(front: &str, fill: impl FnOnce(&Path)) -> Self {
        Self::begin(&std::env::temp_dir(), front, "", fill)
    }

    fn begin(root: &Path, front: &str, sections: &str, fill: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::Builder::new().prefix("rb").tempdir_in(root).expect("a temporary directory");
        let path = folder.path();
        let text = format!(
            "[common]\ndata_dir = \"{0}/data\"\nruntime_dir = \"{0}/run\"\nlog = \"warn\"\n[http-front]\nlisten = \
             \"127.0.0.1:0\"\n{front}[ipfs-node]\nrpc_listen = \"127.0.0.1:0\"\ngateway_listen = \"127.0.0.1:0\"\n\
             swarm_listen = []\n{sections}",
            path.display()
        );
        fs::write(path.join("rookery.toml"), text).expect("a file in our directory");
        fill(&path.join("data/comments"));
        let began = Instant::now();
        let mut supervisor = Command::new(program("supervisor"))
            .args(["up", "--config"])
            .arg(path.join("rookery.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the supervisor can be started");
        let mut lines = BufReader::new(supervisor.stdout.take().expect("stdout is piped")).lines();
        lines.next().expect("the supervisor says that the tree is ready").expect("text");
        let start = began.elapsed();
        Self { supervisor, folder, start }
    }

    /// Where the sockets are.
    pub fn runtime_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("rookery.toml")
    }

    /// The supervisor's process.
    pub fn supervisor_pid(&self) -> u32 {
        self.supervisor.id()
    }

    /// What `supervisor status --json` says.
    pub fn status(&self) -> Status {
        let output = Command::new(program("supervisor"))
            .args(["status", "--json", "--config"])
            .arg(self.config())
            .output()
            .expect("the supervisor's command line can be started");
        serde_json::from_slice(&output.stdout).expect("status is JSON")
    }

    /// One instance.
    pub fn instance(&self, name: &str) -> InstanceStatus {
        let boxes = self.status().boxes;
        boxes.into_iter().find(|instance| instance.name == name && instance.instance == 0).expect("the box is enabled")
    }

    /// An address that a box listens on.
    pub fn address(&self, name: &str, purpose: &str) -> SocketAddr {
        let address = self.instance(name).listen.get(purpose).cloned().expect("the box listens");
        address.parse().expect("an address")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.supervisor.id().to_string()).status();
        wait_until(|| matches!(self.supervisor.try_wait(), Ok(Some(_))));
    }
}

/// Waits for a condition, checking every millisecond.
pub fn wait_until(mut condition: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited {} s in vain", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}

/// Proportional set size of a process in KiB: what it costs when shared pages are shared out.
pub fn pss_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
