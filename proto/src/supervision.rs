//! What a box tells the supervisor, and what the supervisor tells the operator.
//!
//! A child pushes a [`Beat`] over a socket pair that it inherits (`SOCK_SEQPACKET`: one MessagePack message a packet);
//! the supervisor sends nothing back. The operator's command line speaks [`Command`] and [`Reply`], one JSON line each,
//! over `supervisor.sock`; whoever connects to `status.sock` is sent one [`Status`] as JSON and the connection is closed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names the inherited descriptor for heartbeats, in a child's environment.
pub const BEAT_FD_VARIABLE: &str = "ROOKERY_BEAT_FD";
/// Names the inherited listeners, in a child's environment: `http=5,rpc=6`.
pub const LISTEN_VARIABLE: &str = "ROOKERY_LISTEN";
/// Says in a child's environment above how many bytes of anonymous memory it is recycled, if there is such a limit.
pub const MEMORY_VARIABLE: &str = "ROOKERY_MEMORY_BYTES";
/// The socket for the operator's commands, in the runtime directory.
pub const COMMAND_SOCKET: &str = "supervisor.sock";
/// The socket that tells the status to whoever connects, in the runtime directory.
pub const STATUS_SOCKET: &str = "status.sock";

/// Exit codes of every box.
pub mod exit {
    /// Ended because it was asked to.
    pub const OK: u8 = 0;
    /// Failed; a restart may help.
    pub const FAILED: u8 = 1;
    /// Another process holds the lock; a restart may help once that has ended (sysexits `EX_TEMPFAIL`).
    pub const LOCKED: u8 = 75;
    /// The configuration is wrong; a restart will not help (sysexits `EX_CONFIG`).
    pub const CONFIG: u8 = 78;
    /// The data on disk is damaged; a restart will not help (sysexits `EX_DATAERR`).
    pub const DAMAGED: u8 = 65;
}

/// Where a box stands in its life, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxState {
    /// Opening what it needs.
    Starting,
    /// May be used.
    Ready,
    /// Finishing what is open, taking nothing new.
    Draining,
}

/// One heartbeat, sent by the loop that does the work, at least once a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// Where the box stands.
    pub state: BoxState,
    /// The addresses it listens on, by purpose: `http` → `127.0.0.1:8780`.
    #[serde(default)]
    pub listen: BTreeMap<String, String>,
    /// All its metrics as OpenMetrics text without the closing `# EOF`; in some beats only.
    #[serde(default)]
    pub metrics: Option<String>,
    /// Why it is about to end, when it is about to fail.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the operator should know of, though the box works.
    #[serde(default)]
    pub alert: Option<String>,
}

impl Beat {
    /// Its bytes, one packet.
    ///
    /// # Panics
    ///
    /// Never: a beat has no field that cannot be serialised.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a beat can be serialised")
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn decode(packet: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(packet)
    }
}

/// Where an instance stands, by the supervisor's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// Runs, not yet ready.
    Starting,
    /// Runs and is ready.
    Running,
    /// Was asked to end.
    Draining,
    /// Ended, and waits for its next start.
    Waiting,
    /// Ended too often or for a reason that a restart does not mend; tried again after a pause.
    Held,
    /// Stopped by the operator.
    Stopped,
}

/// One instance of a box, as `supervisor status --json` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// The box's name.
    #[serde(rename = "box")]
    pub name: String,
    /// Counted from 0.
    pub instance: u16,
    /// Where it stands.
    pub state: InstanceState,
    /// Its process, when there is one.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// Since its process was started, 0 without one.
    pub uptime_ms: u64,
    /// Resident set, 0 without a process.
    pub rss_bytes: u64,
    /// Its anonymous part.
    pub rss_anon_bytes: u64,
    /// Since its last heartbeat; none without a process.
    pub heartbeat_age_ms: Option<u64>,
    /// The addresses it listens on, by purpose.
    pub listen: BTreeMap<String, String>,
    /// Why it is not running, in plain words.
    pub reason: Option<String>,
    /// What the operator should know of, though it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Where its memory is going, when that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryForecast>,
}

/// How much anonymous memory a box may have, and when that will be if it goes on as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryForecast {
    /// Above this it is recycled.
    pub soft_bytes: u64,
    /// Above this it is killed.
    pub hard_bytes: u64,
    /// By how much it grows in an hour; below zero when it shrinks. None until it was watched for long enough.
    pub growth_bytes_per_h: Option<i64>,
    /// When it reaches the soft limit, if it does within a month.
    pub soft_in_s: Option<u64>,
}

/// The whole tree, as `supervisor status --json` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Rookery's version.
    pub version: String,
    /// The supervisor's process.
    pub pid: u32,
    /// Since the supervisor started.
    pub uptime_ms: u64,
    /// The supervisor's own resident set.
    pub rss_bytes: u64,
    /// Whether every enabled box is running.
    pub ready: bool,
    /// Where the data is.
    pub data_dir: String,
    /// Where the sockets are.
    pub runtime_dir: String,
    /// Every instance of every enabled box, in start order.
    pub boxes: Vec<InstanceStatus>,
    /// The last metrics of each instance (`get-worker.0`), as OpenMetrics text; only on `status.sock`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
}

/// What the operator wants. A box is named `get-worker` (all its instances) or `get-worker.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// The status.
    Status,
    /// Answered when the tree is ready.
    AwaitReady,
    /// Stop everything and end; answered when all boxes are gone.
    Down,
    /// Stop a box and keep it stopped; answered when it is gone.
    Stop {
        /// Which.
        #[serde(rename = "box")]
        name: String,
    },
    /// Start a stopped or held box; answered when it is ready.
    Start {
        /// Which.
        #[serde(rename = "box")]
        name: String,
    },
    /// Stop and start; answered when it is ready again.
    Restart {
        /// Which.
        #[serde(rename = "box")]
        name: String,
    },
}

fn failed() -> u8 {
    exit::FAILED
}

/// What the supervisor says to a command. [`Reply::Working`] comes within a second, then the end of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Understood; it takes a while.
    Working,
    /// Done.
    Done,
    /// The status.
    Status {
        /// The whole tree.
        status: Box<Status>,
    },
    /// Not done.
    Refused {
        /// Why, and what to do.
        reason: String,
        /// The exit code that the command line should end with: one of [`exit`].
        #[serde(default = "failed")]
        code: u8,
    },
}
