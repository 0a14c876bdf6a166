//! An IPFS daemon to measure, ours or Kubo, each with a repository of its own, spoken to over Kubo's RPC.
//!
//! Asked by `blocks`, `ingest` and `peers`.

use std::{
    fs::{self, File},
    io::{self, Read, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, Once},
    time::{Duration, Instant},
};

use crate::{
    blocks::quiet,
    tree::{program, wait_until},
};

/// Processes to be ended when a measurement panics: a release build aborts, and runs no destructor.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// A daemon; ended when it is dropped.
pub struct Daemon {
    process: Child,
    /// Where the files `api` and `gateway` are.
    repo: PathBuf,
    /// From its start until it said where it can be asked.
    pub start: Duration,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        running().retain(|&pid| pid != self.process.id());
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A repository for Kubo, which listens on one TCP port of loopback.
pub fn init_kubo(kubo: &Path, folder: &Path) -> PathBuf {
    let repo = folder.join("kubo");
    let ipfs = |arguments: &[&str]| quiet(Command::new(kubo).env("IPFS_PATH", &repo).args(arguments));
    ipfs(&["init", "--profile=test"]);
    ipfs(&["config", "--json", "Addresses.Swarm", "[\"/ip4/127.0.0.1/tcp/0\"]"]);
    // A repository's peers are met over what the figure names, and it names TCP.
    ipfs(&["config", "--json", "Swarm.Transports.Network.QUIC", "false"]);
    repo
}

impl Daemon {
    /// Kubo without a network, with a repository that was made.
    pub fn kubo(kubo: &Path, repo: &Path) -> Self {
        Self::start(Command::new(kubo).env("IPFS_PATH", repo).args(["daemon", "--offline"]), repo)
    }

    /// Kubo as a peer, with a repository that was made.
    pub fn kubo_peer(kubo: &Path, repo: &Path) -> Self {
        Self::start(Command::new(kubo).env("IPFS_PATH", repo).args(["daemon", "--enable-gc=false"]), repo)
    }

    /// Ours, with its data in `folder`; `swarm_listen` is the inside of that list.
    pub fn ours(folder: &Path, swarm_listen: &str) -> Self {
        fs::create_dir_all(folder).expect("a directory");
        // A socket's path is short.
        let run = std::env::temp_dir().join(format!("rb{:08x}", rand::random::<u32>()));
        let config = folder.join("rookery.toml");
        let text = format!(
            "[common]\ndata_dir = \"{}\"\nruntime_dir = \"{}\"\nlog = \"warn\"\n[ipfs-node]\nrpc_listen = \
             \"127.0.0.1:0\"\ngateway_listen = \"127.0.0.1:0\"\nswarm_listen = [{swarm_listen}]\nstorage_max_gib = 0\n",
            folder.display(),
            run.display()
        );
        fs::write(&config, text).expect("a file");
        Self::start(Command::new(program("ipfs-node")).arg("--config").arg(&config), &folder.join("ipfs"))
    }

    fn start(command: &mut Command, repo: &Path) -> Self {
        HOOK.call_once(end_all_when_panicking);
        // A file of a daemon that was killed says nothing about this one.
        let _ = fs::remove_file(repo.join("api"));
        let _ = fs::remove_file(repo.join("gateway"));
        let began = Instant::now();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.expect("the daemon can be started");
        running().push(process.id());
        let mut daemon = Self { process, repo: repo.to_owned(), start: Duration::ZERO };
        wait_until(|| ["api", "gateway"].iter().all(|name| fs::metadata(repo.join(name)).is_ok_and(|m| m.len() > 0)));
        daemon.start = began.elapsed();
        daemon
    }

    /// From asking it to stop until it was gone.
    pub fn stop(mut self) -> Duration {
        let began = Instant::now();
        quiet(Command::new("kill").arg(self.process.id().to_string()));
        wait_until(|| matches!(self.process.try_wait(), Ok(Some(_))));
        began.elapsed()
    }

    /// Memory that is its own, not a file's, in KiB.
    pub fn anonymous_kib(&self) -> u64 {
        let path = Path::new("/proc").join(self.process.id().to_string()).join("status");
        let status = fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    /// Where its gateway listens.
    pub fn gateway(&self) -> SocketAddr {
        let text = fs::read_to_string(self.repo.join("gateway")).expect("the gateway file");
        text.trim().trim_start_matches("http://").trim_end_matches('/').parse().expect("an address")
    }

    fn rpc(&self) -> SocketAddr {
        let text = fs::read_to_string(self.repo.join("api")).expect("the api file");
        let parts: Vec<_> = text.trim().split('/').collect();
        format!("{}:{}", parts[2], parts[4]).parse().expect("an address")
    }

    /// Carries out a command of Kubo's RPC without a body: `pin/add?arg=…`.
    pub fn ask(&self, command: &str) -> String {
        let mut stream = self.begin(command, "Content-Length: 0\r\n").expect("the daemon listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("X-Stream-Error: "), "{command}: {answer}");
        answer
    }

    fn begin(&self, command: &str, headers: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.rpc())?;
        write!(stream, "POST /api/v0/{command} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n")?;
        Ok(stream)
    }

    /// Adds a file and gives its CID.
    pub fn add(&self, file: &Path, options: &str) -> String {
        let length = fs::metadata(file).expect("our file").len();
        let head = part("f", "application/octet-stream");
        let mut bytes = File::open(file).expect("our file");
        self.send_form(&format!("add?{options}"), length + head.len() as u64, &mut head.as_bytes().chain(&mut bytes))
    }

    /// Adds a folder of files of so many bytes each, and gives the folder's CID.
    pub fn add_small(&self, files: usize, bytes: usize, options: &str) -> String {
        let mut form = part("d", "application/x-directory").into_bytes();
        for number in 0..files {
            form.extend_from_slice(
                format!("\r\n{}", part(&format!("d%2F{number}"), "application/octet-stream")).as_bytes(),
            );
            form.extend((0..bytes).map(|at| (number + at * 7) as u8));
        }
        self.send_form(&format!("add?{options}"), form.len() as u64, &mut &form[..])
    }

    /// Sends a form; the last CID of the answer.
    fn send_form(&self, command: &str, length: u64, form: &mut impl Read) -> String {
        const TAIL: &str = "\r\n--b--\r\n";
        let length = length + TAIL.len() as u64;
        let headers = format!("Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n");
        let mut stream = self.begin(command, &headers).expect("the daemon listens");
        io::copy(form, &mut stream).expect("the daemon reads it all");
        stream.write_all(TAIL.as_bytes()).expect("the daemon reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let hash = answer.rsplit("\"Hash\":\"").next().and_then(|rest| rest.split('"').next());
        assert!(answer.contains("\"Hash\""), "{command}: {answer}");
        hash.expect("split gives something").to_owned()
    }

    /// Connects to another as a peer.
    pub fn connect(&self, other: &Self) {
        let answer = other.ask("id");
        let json = answer.find('{').map(|at| &answer[at..=answer.rfind('}').expect("JSON ends")]);
        let id: serde_json::Value = serde_json::from_str(json.expect("id answers JSON")).expect("id answers JSON");
        let addresses = id["Addresses"].as_array().cloned().unwrap_or_default();
        let address = addresses.iter().filter_map(|address| address.as_str()).find(|address| address.contains("/tcp/"));
        let address = address.unwrap_or_else(|| panic!("the other listens on TCP: {answer}"));
        self.ask(&format!("swarm/connect?arg={address}"));
    }
}

fn part(name: &str, kind: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n")
}

fn end_all_when_panicking() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let pids = std::mem::take(&mut *running());
        let _ = Command::new("kill").arg("-9").args(pids.iter().map(u32::to_string)).status();
        before(panic);
    }));
}
