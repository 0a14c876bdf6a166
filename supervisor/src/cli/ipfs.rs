//! `ipfs`: which IPFS daemon this tree has and how it is: what `ipfs-shim` knows of it, and what the supervisor knows of its
//! process.

use std::{fmt::Write as _, time::Duration};

use daemon::config::Loaded;
use proto::{
    Blocks,
    blocks::{ClusterState, DaemonState, FindDaemon},
    config::IpfsDaemon,
    supervision::{Command, InstanceStatus, MemoryForecast, Status},
};
use serde_json::json;

use super::{
    Refusal,
    client::{self, Done},
    operator::{self, ask_boxes},
    show::{self, Form, age},
};

const MIB: u64 = 1024 * 1024;

/// Shows the daemon.
///
/// # Errors
///
/// When no tree runs here, or `ipfs-shim` does not answer.
pub fn ipfs(loaded: &Loaded, form: Form) -> Result<(), Refusal> {
    let Done::Status(status) = client::ask(loaded, &Command::Status)? else {
        return Err(Refusal::failed("the supervisor gave no status; run programs of one build"));
    };
    let state = ask_boxes(loaded, async |desk| operator::ask(&desk.asker::<Blocks>()?, &FindDaemon {}).await)?;
    let state = state.map_err(|error| Refusal::failed(error.to_string()))?;
    let kind = loaded.all.ipfs.daemon;
    let process = of_daemon(&status);
    show::text(&match form {
        Form::Table => table(kind, &state, process),
        Form::Json => {
            let all = json!({ "daemon": kind, "state": state, "process": process });
            let text = serde_json::to_string_pretty(&all).map_err(|error| Refusal::failed(error.to_string()))?;
            format!("{text}\n")
        }
    })
}

/// The box that is the daemon, or keeps it: the one whose memory is limited.
fn of_daemon(status: &Status) -> Option<&InstanceStatus> {
    status.boxes.iter().find(|one| one.memory.is_some())
}

fn table(kind: IpfsDaemon, state: &DaemonState, process: Option<&InstanceStatus>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{:<11}{value}", format!("{name}:"));
    };
    line(
        "daemon",
        match kind {
            IpfsDaemon::Embedded => "embedded (ipfs-node)".to_owned(),
            IpfsDaemon::Kubo => "Kubo".to_owned(),
            IpfsDaemon::Remote => "remote".to_owned(),
        },
    );
    let reachable = if state.reachable { "answers" } else { "does not answer" };
    let address = if state.rpc.is_empty() { "nowhere yet".to_owned() } else { format!("http://{}", state.rpc) };
    line("RPC", format!("{address}, {reachable}"));
    line("version", state.version.clone().unwrap_or_else(unknown));
    line("peers", state.peers.map_or_else(unknown, |peers| peers.to_string()));
    line("stores", state.repo_bytes.map_or_else(unknown, |bytes| format!("{} MiB", bytes.div_ceil(MIB))));
    let queue = state.stored_seq.0.saturating_sub(state.published_seq.0);
    // Before the first answer of the daemon the publisher has not counted: zero would be a guess.
    let was_reached = state.reachable || state.version.is_some();
    let waiting = || format!("{queue} of {} comments are not published yet", state.stored_seq);
    line("queue", if was_reached { waiting() } else { unknown() });
    line("root", state.published_root.map_or_else(unknown, |root| root.to_string()));
    if let Some((process, memory)) = process.and_then(|one| Some((one, one.memory?))) {
        line("memory", in_words(process.rss_anon_bytes, &memory));
    }
    if let Some(cluster) = &state.cluster {
        line("Cluster", of_cluster(cluster));
    }
    text
}

fn unknown() -> String {
    "not known yet".to_owned()
}

fn in_words(anon_bytes: u64, memory: &MemoryForecast) -> String {
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    let grows = match (memory.growth_bytes_per_h, memory.soft_in_s) {
        (None, _) => "watched for too short a time for a forecast".to_owned(),
        (Some(_), None) => "level".to_owned(),
        (Some(growth), Some(seconds)) => {
            let in_ms = u64::try_from(Duration::from_secs(seconds).as_millis()).unwrap_or(u64::MAX);
            format!("grows by {} MiB an hour, recycled in about {}", mib(growth.unsigned_abs()), age(in_ms))
        }
    };
    let limits = (mib(memory.soft_bytes), mib(memory.hard_bytes));
    format!(
        "{} MiB anonymous; recycled above {} MiB, killed above {} MiB; {grows}",
        mib(anon_bytes),
        limits.0,
        limits.1
    )
}

fn of_cluster(cluster: &ClusterState) -> String {
    let reachable = if cluster.reachable { "answers" } else { "does not answer" };
    let copies = match cluster.replicas {
        None => "nothing of it is known to be kept".to_owned(),
        Some(replicas) if replicas.are_enough() => format!("on {} peers, {} wanted", replicas.pinned, replicas.wanted),
        Some(replicas) => format!("ONLY on {} of {} peers", replicas.pinned, replicas.wanted),
    };
    let root = cluster.root.map_or_else(unknown, |root| root.to_string());
    format!("http://{}, {reachable}; root {root} {copies}", cluster.address)
}

#[cfg(test)]
mod tests {
    use proto::{Seq, blocks::Replicas};

    use super::*;

    fn state() -> DaemonState {
        DaemonState {
            reachable: true,
            rpc: "127.0.0.1:5001".to_owned(),
            version: Some("kubo/0.43.0/rookery".to_owned()),
            published_root: None,
            published_seq: Seq(7),
            stored_seq: Seq(9),
            repo_bytes: Some(3 * MIB),
            peers: Some(12),
            cluster: None,
        }
    }

    #[test]
    fn the_operator_sees_daemon_queue_and_cluster() {
        let cluster = ClusterState {
            reachable: true,
            address: "127.0.0.1:9094".to_owned(),
            version: None,
            root: None,
            published_seq: Seq(7),
            replicas: Some(Replicas { pinned: 1, wanted: 2 }),
        };
        let shown = table(IpfsDaemon::Kubo, &DaemonState { cluster: Some(cluster), ..state() }, None);
        let expected = "\
daemon:    Kubo
RPC:       http://127.0.0.1:5001, answers
version:   kubo/0.43.0/rookery
peers:     12
stores:    3 MiB
queue:     2 of 9 comments are not published yet
root:      not known yet
Cluster:   http://127.0.0.1:9094, answers; root not known yet ONLY on 1 of 2 peers
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_queue_of_a_daemon_that_never_answered_is_not_known() {
        let away = DaemonState { reachable: false, version: None, ..state() };
        assert!(table(IpfsDaemon::Remote, &away, None).contains("queue:     not known yet\n"));
        let gone = DaemonState { reachable: false, ..state() };
        assert!(table(IpfsDaemon::Remote, &gone, None).contains("queue:     2 of 9"));
    }

    #[test]
    fn a_leak_is_told_with_the_time_that_is_left() {
        let memory = MemoryForecast {
            soft_bytes: 100 * MIB,
            hard_bytes: 200 * MIB,
            growth_bytes_per_h: Some(6 * MIB as i64),
            soft_in_s: Some(7_200),
        };
        let told = in_words(20 * MIB, &memory);
        assert!(told.ends_with("grows by 6 MiB an hour, recycled in about 2 h 0 min"), "{told}");
        let young = MemoryForecast { growth_bytes_per_h: None, soft_in_s: None, ..memory };
        assert!(in_words(MIB, &young).contains("too short a time"));
    }
}
