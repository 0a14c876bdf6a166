//! A tree of boxes that are all played by `rehearsal`, under the real supervisor, in a folder of its own.

#![expect(clippy::unwrap_used, reason = "only tests use it: the panic is the failure that they report")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use proto::supervision::{InstanceStatus, Status};
use tempfile::TempDir;

/// The longest that a test waits for anything.
pub const WAIT: Duration = Duration::from_secs(20);

const BOXES: [&str; 6] = ["ipfs-node", "post-worker", "get-worker", "ipfs-shim", "http-front", "sync-agent"];

/// Everything at port 0 and impatient; what a test adds comes after.
const CONFIG: &str = "
[http-front]
listen = '127.0.0.1:0'
[ipfs-node]
rpc_listen = '127.0.0.1:0'
gateway_listen = '127.0.0.1:0'
";

pub struct Rig {
    folder: TempDir,
    /// Beside the target folder, so that the programs can be linked.
    programs: TempDir,
    supervisor: Option<Child>,
}

impl Rig {
    /// `supervisor` are the lines of that section.
    pub fn new(supervisor: &str) -> Self {
        Self::with(supervisor, "")
    }

    pub fn with(supervisor: &str, sections: &str) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let programs = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let rig = Self { folder, programs, supervisor: None };
        // Not a symbolic link: the supervisor looks for boxes beside its real program.
        fs::hard_link(env!("CARGO_BIN_EXE_supervisor"), rig.program("supervisor")).unwrap();
        let rehearsal = Path::new(env!("CARGO_BIN_EXE_supervisor")).with_file_name("examples").join("rehearsal");
        assert!(rehearsal.is_file(), "{} is missing: `cargo test -p supervisor --examples`", rehearsal.display());
        for name in BOXES {
            symlink(&rehearsal, rig.program(name)).unwrap();
        }
        fs::create_dir_all(rig.path("data/parts")).unwrap();
        let common = format!("[common]\ndata_dir = '{}'\nruntime_dir = 'run'\n", rig.path("data").display());
        fs::write(rig.config(), format!("{common}[supervisor]\n{supervisor}\n{CONFIG}\n{sections}\n")).unwrap();
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("rookery.toml")
    }

    /// What an instance does wrong from its next start on.
    pub fn part(&self, instance: &str, script: &str) {
        fs::write(self.path("data/parts").join(instance), script).unwrap();
    }

    pub fn behave(&self, instance: &str) {
        fs::remove_file(self.path("data/parts").join(instance)).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program("supervisor"));
        command.args(args).arg("--config").arg(self.config()).env_remove("NOTIFY_SOCKET");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a command that must work; gives its stdout.
    pub fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {}: {stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail with this code; gives its stderr.
    pub fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        stderr
    }

    /// Starts the supervisor in the foreground, without waiting. Its log goes to a file of the rig.
    pub fn start(&mut self) -> BufReader<ChildStdout> {
        let log = fs::File::create(self.path("stderr")).unwrap();
        let mut child = self.command(&["up"]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        self.supervisor = Some(child);
        stdout
    }

    /// Starts the supervisor in the foreground; gives what it prints when the tree is ready.
    pub fn up(&mut self) -> String {
        let mut stdout = self.start();
        let mut banner = String::new();
        while !banner.contains("to stop:") {
            let read = stdout.read_line(&mut banner).unwrap();
            assert_ne!(read, 0, "not ready: {banner}{}", fs::read_to_string(self.path("stderr")).unwrap());
        }
        banner
    }

    /// Takes a supervisor that the test itself has started.
    pub fn adopt(&mut self, supervisor: Child) {
        self.supervisor = Some(supervisor);
    }

    pub fn supervisor(&mut self) -> &mut Child {
        self.supervisor.as_mut().unwrap()
    }

    pub fn status(&self) -> Status {
        serde_json::from_str(&self.done(&["status", "--json"])).unwrap()
    }

    /// `get-worker.1`.
    pub fn instance(&self, name: &str) -> InstanceStatus {
        let boxes = self.status().boxes;
        boxes.into_iter().find(|one| format!("{}.{}", one.name, one.instance) == name).unwrap()
    }

    /// Waits until an instance is as it should be.
    pub fn wait_for(&self, name: &str, is: impl Fn(&InstanceStatus) -> bool) -> InstanceStatus {
        wait_until(|| format!("{name}: {:?}", self.instance(name)), || Some(self.instance(name)).filter(&is))
    }

    /// Waits until a log has a text: it is written a moment after what it tells of. Gives the whole log.
    pub fn wait_for_log(&self, name: &str, text: &str) -> String {
        wait_until(|| format!("{text} in {}", self.log(name)), || Some(self.log(name)).filter(|log| log.contains(text)))
    }

    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path("data/logs").join(name)).unwrap_or_default()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut child) = self.supervisor.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = self.command(&["down"]).output();
    }
}

/// Waits for a condition.
pub fn wait_until<T>(story: impl Fn() -> String, mut holds: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + WAIT;
    loop {
        if let Some(held) = holds() {
            return held;
        }
        assert!(Instant::now() < end, "waited in vain: {}", story());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Who answers at an address.
pub fn pid_at(address: &str) -> u32 {
    pid_of(TcpStream::connect(address).unwrap())
}

/// Who answers to a visitor.
pub fn pid_of(mut stream: TcpStream) -> u32 {
    let mut text = String::new();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.read_to_string(&mut text).unwrap();
    text.trim().parse().unwrap()
}

/// Whether a process is there, zombies not counted.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Stops all threads of a process.
pub fn freeze(pid: u32) {
    kill(pid, nix::sys::signal::Signal::SIGSTOP);
    let stopped = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("stat")).unwrap().contains(") T ");
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    wait_until(|| format!("{pid} does not stop"), || threads().all(|thread| stopped(thread.unwrap())).then_some(()));
}

pub fn kill(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

/// The boxes of this rig that are processes, by what they were started with.
pub fn processes_with(config: &Path) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let config = config.display().to_string();
    pids.filter(|&pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut args = line.split(|&byte| byte == 0);
        is_alive(pid)
            && args.any(|arg| arg == config.as_bytes())
            && String::from_utf8_lossy(&line).contains("--instance")
    })
    .collect()
}
