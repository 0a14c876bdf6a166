//! The keeper's loop: starts Kubo, passes on what it says, asks after its health, and ends it when that is wanted.
//!
//! One Kubo in the life of one keeper: when it ends by itself the keeper says why and ends too, and the supervisor's rules
//! about restarts hold for Kubo as for every box.

use std::{
    env,
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use daemon::{Failure, OrFail as _, Running};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use prometheus_client::metrics::counter::Counter;
use proto::{
    config::Ipfs,
    supervision::{BoxState, MEMORY_VARIABLE},
    wiring::KuboKeeper,
};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tokio::{
    net::TcpListener,
    process::{Child, ChildStderr, ChildStdout, Command},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    become_kubo::{ABOVE, ASKED},
    health,
    output::{Lines, says_ready},
    program::{NOT_INHERITED, Program, environment},
    repository,
    settings::Listening,
};

/// More often than the supervisor expects a sign of life.
const BEAT_EVERY: Duration = Duration::from_millis(400);
/// Kubo is asked so often whether it works.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// So many checks in a row must fail before it is ended.
const FAILURES: u32 = 3;
/// So long before the supervisor would end the keeper by force, Kubo is ended by force.
const BEFORE_FORCE: Duration = Duration::from_millis(1_500);
/// A hung Kubo has so long to write its stacks.
const STACKS_WAIT: Duration = Duration::from_secs(2);
/// What Kubo keeps beside its heap, and what it may have for a moment, in quarters of the limit.
const HEAP_QUARTERS: u64 = 3;

/// The listeners that Kubo takes over. They stay open here, so that who connects between two Kubos waits.
#[derive(Debug)]
pub struct Doors {
    /// For the RPC.
    pub rpc: TcpListener,
    /// For the gateway.
    pub gateway: TcpListener,
}

impl Doors {
    fn listening(&self) -> Result<Listening, Failure> {
        let failed = "cannot read a listener's address";
        Ok(Listening {
            rpc: self.rpc.local_addr().or_fail(failed)?,
            gateway: self.gateway.local_addr().or_fail(failed)?,
        })
    }
}

/// Keeps Kubo running until the box is asked to stop.
///
/// # Errors
///
/// When Kubo is not there, is too old, ends by itself, or hangs.
pub async fn keep(
    running: &Running<KuboKeeper>,
    config: &Ipfs,
    repository: PathBuf,
    doors: Doors,
) -> Result<(), Failure> {
    let program = Program::find(&config.program)?;
    let version = program.version(&repository).await?;
    if version.is_newer_than_tried() {
        tracing::warn!(%version, "this Kubo is newer than any that was tried here");
    }
    let listening = doors.listening()?;
    repository::prepare(&program, &repository, running.all(), listening).await?;
    let kubo = Kubo::start(&program, &repository, running, &doors)?;
    tracing::info!(%version, program = %program.path().display(), pid = kubo.child.id(), "Kubo started");
    kubo.watch(running, listening).await
}

#[derive(Debug)]
struct Kubo {
    child: Child,
    out: Lines<ChildStdout>,
    err: Lines<ChildStderr>,
    last_line: String,
}

impl Kubo {
    /// Called on the main thread, whose end is the end of the keeper: the parent-death signal is tied to it.
    fn start(
        program: &Program,
        repository: &Path,
        running: &Running<KuboKeeper>,
        doors: &Doors,
    ) -> Result<Self, Failure> {
        let handed_down = [hand_down(&doors.rpc), hand_down(&doors.gateway)];
        let [rpc, gateway] = handed_down.map(|fd| fd.or_fail("cannot hand a listener down"));
        let (rpc, gateway) = (rpc?, gateway?);
        let mut command = Command::new("/proc/self/exe");
        command.arg(ASKED).arg(std::process::id().to_string());
        command.arg(rpc.as_raw_fd().to_string()).arg(gateway.as_raw_fd().to_string());
        command.arg(program.path()).args(["daemon", "--migrate=true", "--agent-version-suffix=rookery"]);
        let node = &running.all().ipfs_node;
        command.args((node.storage_max_gib > 0).then_some("--enable-gc"));
        command.args(node.swarm_listen.is_empty().then_some("--offline"));
        command.envs(environment(repository)).envs(memory_limit());
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().or_fail("cannot start Kubo")?;
        let piped = "both were piped above";
        let out = Lines::of(child.stdout.take().expect(piped));
        let err = Lines::of(child.stderr.take().expect(piped));
        Ok(Self { child, out, err, last_line: String::new() })
    }

    async fn watch(mut self, running: &Running<KuboKeeper>, listening: Listening) -> Result<(), Failure> {
        let failed_checks: Counter = Counter::default();
        running.register(|registry| {
            let own = registry.sub_registry_with_prefix("kubo_keeper");
            own.register("failed_checks", "Times that Kubo did not say that it works", failed_checks.clone());
        });
        let (stop, pulse) = (running.stop(), running.pulse());
        let (mut beat, mut check) = (interval(BEAT_EVERY), interval(CHECK_EVERY));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checks = Checks::default();
        let (mut is_ready, mut hears_out, mut hears_err) = (false, true, true);
        loop {
            tokio::select! {
                () = stop.asked() => {
                    pulse.change(BoxState::Draining);
                    return self.end(running).await;
                }
                status = self.child.wait() => return Err(self.ended_by_itself(status).await),
                line = self.out.next(), if hears_out => match line {
                    Some(line) if says_ready(&line) => {
                        self.said(line);
                        is_ready = true;
                        running.ready();
                    }
                    Some(line) => self.said(line),
                    None => hears_out = false,
                },
                line = self.err.next(), if hears_err => match line {
                    Some(line) => self.said(line),
                    None => hears_err = false,
                },
                _ = beat.tick() => pulse.beat(),
                _ = check.tick(), if is_ready && checks.asked.is_none() => checks.ask(listening),
                result = checks.answer() => {
                    if let Err(why) = &result {
                        failed_checks.inc();
                        tracing::warn!(why, "Kubo did not say that it works");
                    }
                    if let Some(why) = checks.judge(result) {
                        return Err(self.hangs(&why).await);
                    }
                }
            }
        }
    }

    fn said(&mut self, line: String) {
        tracing::info!(target: "kubo", "{line}");
        self.last_line = line;
    }

    /// It is asked to end, and has almost as long as the supervisor gives us.
    async fn end(mut self, running: &Running<KuboKeeper>) -> Result<(), Failure> {
        let wait = Duration::from_millis(running.all().supervisor.stop_wait_ms);
        self.send(Signal::SIGTERM);
        if self.gone_within(wait.saturating_sub(BEFORE_FORCE).max(wait / 2)).await.is_none() {
            tracing::warn!("Kubo did not end when it was asked to: killed");
            self.child.kill().await.or_fail("cannot kill Kubo")?;
        }
        tracing::info!("Kubo ended");
        Ok(())
    }

    /// Go's answer to SIGQUIT is the stacks of all that it does.
    async fn hangs(mut self, why: &str) -> Failure {
        tracing::error!(why, "Kubo hangs: making it write its stacks");
        self.send(Signal::SIGQUIT);
        self.gone_within(STACKS_WAIT).await;
        // Nothing of it may be there when the next one starts; an error means that it is gone.
        let _ = self.child.kill().await;
        Failure::failed(format!("Kubo hung: {why}, {FAILURES} times in a row"))
    }

    async fn ended_by_itself(mut self, status: std::io::Result<ExitStatus>) -> Failure {
        self.read_rest().await;
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Failure::failed(format!("Kubo ended by itself ({how}); it wrote last: {}", self.last_line))
    }

    /// Reads on while it ends: a full pipe must not keep it.
    async fn gone_within(&mut self, wait: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + wait;
        let mut hears = [true; 2];
        loop {
            let line = tokio::select! {
                status = self.child.wait() => {
                    self.read_rest().await;
                    return status.ok();
                }
                () = tokio::time::sleep_until(end) => return None,
                line = self.out.next(), if hears[0] => { hears[0] = line.is_some(); line }
                line = self.err.next(), if hears[1] => { hears[1] = line.is_some(); line }
            };
            line.into_iter().for_each(|line| self.said(line));
        }
    }

    /// What it wrote before it died. It has no children that would hold the pipes open, but who knows.
    async fn read_rest(&mut self) {
        let rest = async {
            while let Some(line) = self.out.next().await {
                self.said(line);
            }
            while let Some(line) = self.err.next().await {
                self.said(line);
            }
        };
        let _ = timeout(Duration::from_millis(500), rest).await;
    }

    /// Our own child, not waited for yet: the number is still its.
    fn send(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(Err(error)) = pid.map(|pid| kill(Pid::from_raw(pid), signal)) {
            tracing::debug!(%error, ?signal, "a signal was not sent");
        }
    }
}

/// The check that is under way, and how many failed before it.
#[derive(Debug, Default)]
struct Checks {
    asked: Option<tokio::task::JoinHandle<Result<(), String>>>,
    failed: u32,
}

impl Checks {
    fn ask(&mut self, listening: Listening) {
        self.asked = Some(tokio::spawn(health::check(listening.rpc)));
    }

    /// Waits for the answer to the check that is under way; for ever when there is none.
    async fn answer(&mut self) -> Result<(), String> {
        let Some(asked) = &mut self.asked else { return std::future::pending().await };
        let answered = asked.await.unwrap_or_else(|error| Err(error.to_string()));
        self.asked = None;
        answered
    }

    /// Why it has to be ended, if it has.
    fn judge(&mut self, result: Result<(), String>) -> Option<String> {
        match result {
            Ok(()) => self.failed = 0,
            Err(_) => self.failed += 1,
        }
        result.err().filter(|_| self.failed >= FAILURES)
    }
}

/// A copy of a listener that the next child inherits.
fn hand_down(listener: &TcpListener) -> rustix::io::Result<OwnedFd> {
    let copy = fcntl_dupfd_cloexec(listener, ABOVE)?;
    fcntl_setfd(&copy, FdFlags::empty())?;
    Ok(copy)
}

/// Go gives memory back before the supervisor would recycle it: at three quarters of that limit.
fn memory_limit() -> Option<(&'static str, String)> {
    let limit_bytes: u64 = env::var(MEMORY_VARIABLE).ok()?.parse().ok()?;
    Some(("GOMEMLIMIT", format!("{}B", limit_bytes / 4 * HEAP_QUARTERS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_in_a_row_end_it() {
        let mut checks = Checks::default();
        let failed = || Err("it answered 500".to_owned());
        for result in [failed(), failed(), Ok(()), failed(), failed()] {
            assert_eq!(checks.judge(result), None);
        }
        assert_eq!(checks.judge(failed()), Some("it answered 500".to_owned()));
    }
}
