//! A Kubo daemon of its own, with a folder of its own, over loopback.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use swarm::{Multiaddr, PeerId};

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const SWARM: &str = r#"["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0/ws"]"#;

/// A running Kubo.
pub struct Kubo {
    program: PathBuf,
    folder: PathBuf,
    daemon: Option<Child>,
}

impl Kubo {
    /// A running Kubo; none when it is not installed, which is told and counted, and a failure in CI.
    pub fn or_skip(test: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/peers/ipfs");
        if !program.is_file() {
            skip(test, "no Kubo; install Go and run `make peers`");
            return None;
        }
        let folder = env::temp_dir().join(format!("swarm-{test}-{}", std::process::id()));
        let mut kubo = Self { program, folder, daemon: None };
        kubo.run(&["init", "--profile=test"]);
        kubo.run(&["config", "--json", "Addresses.Swarm", SWARM]);
        kubo.run(&["config", "--json", "Experimental.Libp2pStreamMounting", "true"]);
        kubo.run(&["config", "Routing.Type", "dht"]);
        kubo.start();
        Some(kubo)
    }

    fn start(&mut self) {
        let log = self.folder.join("daemon.log");
        let mut command = self.command();
        command.args(["daemon", "--enable-pubsub-experiment"]).stdin(Stdio::null());
        command.stdout(fs::File::create(&log).unwrap()).stderr(Stdio::null());
        self.daemon = Some(command.spawn().unwrap());
        let end = Instant::now() + START_DEADLINE;
        while !fs::read_to_string(&log).unwrap_or_default().contains("Daemon is ready") {
            assert!(Instant::now() < end, "Kubo does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it without a word, and starts it again.
    pub fn kill_and_start_again(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        self.start();
    }

    /// Kubo's command line, in its folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("IPFS_PATH", &self.folder).env_remove("IPFS_PROFILE");
        command
    }

    /// Runs the command line and returns what it wrote; panics when it failed.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.run_with(arguments, b"")
    }

    /// The same, with an input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ipfs {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Who it is.
    pub fn id(&self) -> PeerId {
        self.run(&["id", "-f", "<id>"]).parse().unwrap()
    }

    /// Its address of a kind, with its id.
    pub fn address_with(&self, kind: &str) -> Multiaddr {
        let all = self.run(&["id", "-f", "<addrs>"]);
        let matching = all.lines().find(|line| line.contains(kind) && (kind == "/ws") == line.contains("/ws"));
        matching.unwrap_or_else(|| panic!("no address with {kind} among {all}")).parse().unwrap()
    }
}

impl Drop for Kubo {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = self.command().arg("shutdown").stdout(Stdio::null()).stderr(Stdio::null()).status();
            let end = Instant::now() + STOP_DEADLINE;
            while Instant::now() < end && matches!(daemon.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Says that a test is skipped where a person sees it and where `make test` counts it.
fn skip(test: &str, why: &str) {
    assert!(env::var_os("CI").is_none(), "{test}: {why}");
    let line = format!("skipped: {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    let list = env::var_os("ROOKERY_SKIPPED").map(|list| fs::File::options().create(true).append(true).open(list));
    let _ = list.transpose().map(|list| list.map(|mut list| list.write_all(line.as_bytes())));
}
