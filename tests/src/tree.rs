//! A whole tree in a directory of its own: every port chosen by the system, every process found again at the end.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Read as _,
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use proto::supervision::{InstanceState, InstanceStatus, STATUS_SOCKET, Status};
use tempfile::TempDir;

use crate::{
    begun::{Begun, Said},
    http::Client,
    process,
    programs::program,
    setup::Setup,
    wait,
};

/// A debug build on a busy machine needs a second or two.
pub const READY_DEADLINE: Duration = Duration::from_secs(60);
/// Longer than the supervisor gives a box to drain.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// The last bytes of a log that are shown when a test fails.
const LOG_SHOWN: usize = 6_000;
/// Names the tree in the environment of each of its processes.
const MARK: &str = "ROOKERY_TEST_TREE";

/// A tree that was started, or can be.
#[derive(Debug)]
pub struct Tree {
    folder: TempDir,
    environment: Vec<(String, String)>,
    supervisor: Option<Child>,
    runs: AtomicU32,
}

impl Tree {
    pub(crate) fn new(folder: TempDir, environment: Vec<(String, String)>) -> Self {
        Self { folder, environment, supervisor: None, runs: AtomicU32::new(0) }
    }

    /// A tree with the default configuration, ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[must_use]
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// The folder that everything of it is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder().join("rookery.toml")
    }

    /// Starts the supervisor, again if it was killed, and waits until the tree is ready.
    ///
    /// # Panics
    ///
    /// When the tree does not become ready.
    pub fn up(&mut self) {
        self.spawn_supervisor();
        self.await_ready();
    }

    /// Starts the supervisor without waiting.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn spawn_supervisor(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder().join("supervisor.log"));
        let log = log.expect("a log file");
        let again = log.try_clone().expect("a second handle");
        let mut command = self.program("supervisor", &["up"]);
        self.supervisor = Some(command.stdout(log).stderr(again).spawn().expect("the supervisor can be started"));
    }

    /// The supervisor's process.
    ///
    /// # Panics
    ///
    /// When this tree has none.
    #[must_use]
    pub fn supervisor(&self) -> u32 {
        self.supervisor.as_ref().expect("the supervisor was started").id()
    }

    /// Waits until every enabled box runs.
    ///
    /// # Panics
    ///
    /// When they do not, with what the status says.
    pub fn await_ready(&mut self) {
        let ready = wait::within(READY_DEADLINE, || match self.has_ended() {
            Some(code) => panic!("the supervisor ended with {code}"),
            None => self.try_status().inspect(assert_none_held).filter(|status| status.ready).map(drop),
        });
        assert!(ready.is_some(), "not ready: {:#?}", self.try_status());
    }

    fn has_ended(&mut self) -> Option<String> {
        let supervisor = self.supervisor.as_mut()?;
        supervisor.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// The status; none when the supervisor does not tell it.
    #[must_use]
    pub fn try_status(&self) -> Option<Status> {
        let mut text = Vec::new();
        let mut socket = UnixStream::connect(self.folder().join("run").join(STATUS_SOCKET)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        socket.read_to_end(&mut text).ok()?;
        let status: Status = serde_json::from_slice(&text).ok()?;
        // Long, and of no use to a test.
        Some(Status { metrics: Default::default(), ..status })
    }

    /// The status.
    ///
    /// # Panics
    ///
    /// When the supervisor does not tell it.
    #[must_use]
    pub fn status(&self) -> Status {
        wait::until("the supervisor tells its status", READY_DEADLINE, || self.try_status())
    }

    /// The status of an instance: `get-worker.1`.
    ///
    /// # Panics
    ///
    /// When there is no such instance.
    #[must_use]
    pub fn instance(&self, name: &str) -> InstanceStatus {
        find(self.status(), name).unwrap_or_else(|| panic!("no instance {name}"))
    }

    /// Waits until an instance is as `right` says, and returns its status.
    ///
    /// # Panics
    ///
    /// When it is not within `deadline`.
    pub fn await_instance(
        &self,
        name: &str,
        deadline: Duration,
        right: impl Fn(&InstanceStatus) -> bool,
    ) -> InstanceStatus {
        let found = wait::within(deadline, || self.try_status().and_then(|status| find(status, name)).filter(&right));
        found.unwrap_or_else(|| panic!("waited {deadline:?} in vain for {name}: {:#?}", self.try_status()))
    }

    /// The process of a running instance.
    ///
    /// # Panics
    ///
    /// When it does not come to run.
    #[must_use]
    pub fn pid(&self, name: &str) -> u32 {
        let running = |instance: &InstanceStatus| instance.state == InstanceState::Running && instance.pid.is_some();
        self.await_instance(name, READY_DEADLINE, running).pid.expect("it was just looked at")
    }

    /// Kills a running instance as a crash would, and returns the process id that it had.
    ///
    /// # Panics
    ///
    /// When it does not come to run.
    pub fn kill(&self, name: &str) -> u32 {
        let pid = self.pid(name);
        process::kill(pid);
        pid
    }

    /// Waits until an instance runs in another process than `old`.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn await_successor(&self, name: &str, old: u32) {
        let succeeded =
            |now: &InstanceStatus| now.state == InstanceState::Running && now.pid.is_some_and(|pid| pid != old);
        self.await_instance(name, READY_DEADLINE, succeeded);
    }

    /// Kills the supervisor as a crash would, and waits until all of the tree is gone.
    ///
    /// # Panics
    ///
    /// When a process of the tree stays.
    pub fn kill_supervisor(&mut self) {
        let mut supervisor = self.supervisor.take().expect("the supervisor was started");
        supervisor.kill().expect("our own child can be killed");
        supervisor.wait().expect("our own child can be waited for");
        self.await_nobody();
    }

    /// Waits until no process of the tree is left.
    ///
    /// # Panics
    ///
    /// When one stays.
    pub fn await_nobody(&self) {
        let gone = wait::within(STOP_DEADLINE, || process::of_tree(self.folder()).is_empty().then_some(()));
        assert!(gone.is_some(), "left behind: {:?}", process::of_tree(self.folder()));
    }

    /// The address that an instance listens on for a purpose.
    ///
    /// # Panics
    ///
    /// When it does not listen for that.
    #[must_use]
    pub fn address(&self, name: &str, purpose: &str) -> SocketAddr {
        let instance = self.instance(name);
        let address = instance.listen.get(purpose).unwrap_or_else(|| panic!("{name} has no {purpose}: {instance:?}"));
        address.parse().expect("an address")
    }

    /// A new client of the web.
    ///
    /// # Panics
    ///
    /// When the front does not listen.
    #[must_use]
    pub fn web(&self) -> Client {
        Client::new(self.address("http-front.0", "http"))
    }

    /// A new client of the IPFS daemon's RPC.
    ///
    /// # Panics
    ///
    /// When the daemon does not listen.
    #[must_use]
    pub fn rpc(&self) -> Client {
        Client::new(self.address(&self.daemon(), "rpc"))
    }

    /// The instance that is the IPFS daemon, or keeps one: `ipfs-node.0`, `kubo-keeper.0`.
    ///
    /// # Panics
    ///
    /// When this tree has none.
    #[must_use]
    pub fn daemon(&self) -> String {
        let status = self.status();
        let found = status.boxes.iter().find(|one| one.listen.contains_key("rpc"));
        found.map(|one| format!("{}.{}", one.name, one.instance)).expect("this tree has an IPFS daemon")
    }

    /// Changes keys of the configuration; the next `up` reads them.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn configure(&self, setup: &Setup) {
        fs::write(self.config(), setup.text()).expect("the folder can be written");
    }

    /// Runs a command of the supervisor to its end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn command(&self, arguments: &[&str]) -> Said {
        let mut begun = self.begin("supervisor", arguments);
        let code = begun.await_end(READY_DEADLINE * 2);
        Said { code, out: begun.out(), err: begun.err() }
    }

    /// Starts a program with this tree's configuration, as an operator would beside the tree.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn begin(&self, name: &str, arguments: &[&str]) -> Begun {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        Begun::start(self.program(name, arguments), &self.folder().join(format!("command{run}")))
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(name));
        command.args(arguments).arg("--config").arg(self.config()).current_dir(self.folder()).stdin(Stdio::null());
        command.env(MARK, self.folder()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Stops the tree as Ctrl-C does and waits until nothing is left.
    ///
    /// # Panics
    ///
    /// When it does not end well, or a process stays.
    pub fn stop(&mut self) {
        if let Err(why) = self.try_stop() {
            panic!("{why}\n{}", self.logs());
        }
    }

    fn try_stop(&mut self) -> Result<(), String> {
        let Some(mut supervisor) = self.supervisor.take() else { return Ok(()) };
        process::send(supervisor.id(), Signal::SIGINT);
        let ended = wait::within(STOP_DEADLINE, || supervisor.try_wait().ok().flatten());
        if ended.is_none() {
            let _ = supervisor.kill();
            let _ = supervisor.wait();
        }
        let status = ended.ok_or_else(|| format!("the supervisor did not end within {STOP_DEADLINE:?}"))?;
        let left = wait::within(STOP_DEADLINE, || process::of_tree(self.folder()).is_empty().then_some(()));
        match (status.success(), left) {
            (true, Some(())) => Ok(()),
            (false, _) => Err(format!("the supervisor ended with {status}")),
            (_, None) => Err(format!("left behind: {:?}", process::of_tree(self.folder()))),
        }
    }

    /// Waits until the supervisor has ended by itself, and returns its exit code.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn await_end(&mut self) -> Option<i32> {
        let supervisor = self.supervisor.as_mut().expect("the supervisor was started");
        let status =
            wait::until("the supervisor ends", STOP_DEADLINE, || supervisor.try_wait().expect("our own child"));
        self.supervisor = None;
        status.code()
    }

    /// The ends of all logs, for whoever has to find out why a test failed.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut paths = vec![self.folder().join("supervisor.log")];
        let of_boxes = fs::read_dir(self.folder().join("data/logs")).into_iter().flatten().flatten();
        paths.extend(of_boxes.map(|entry| entry.path()));
        paths.iter().fold(String::new(), |mut text, path| {
            let log = fs::read(path).unwrap_or_default();
            let end = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_SHOWN)..]).into_owned();
            let _ = writeln!(text, "==> {}\n{end}", path.display());
            text
        })
    }
}

/// A box that is held will not be ready in time: there is nothing to wait for.
fn assert_none_held(status: &Status) {
    let held = status.boxes.iter().find(|one| one.state == InstanceState::Held);
    assert!(held.is_none(), "{held:#?}");
}

fn find(status: Status, name: &str) -> Option<InstanceStatus> {
    status.boxes.into_iter().find(|instance| format!("{}.{}", instance.name, instance.instance) == name)
}

impl Drop for Tree {
    fn drop(&mut self) {
        let failing = thread::panicking();
        let stopped = if failing { Ok(()) } else { self.try_stop() };
        if failing || stopped.is_err() {
            eprintln!("{}", self.logs());
        }
        if let Some(mut supervisor) = self.supervisor.take() {
            let _ = supervisor.kill();
            let _ = supervisor.wait();
        }
        // Whatever a failed test left behind: found by its own folder's name, ended by its id.
        for (pid, _) in process::of_tree(self.folder()) {
            process::kill(pid);
        }
        stopped.expect("a tree stops well and leaves nothing behind");
    }
}
