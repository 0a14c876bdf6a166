//! `provide/*`, `stats/provide`: what is announced to the network, and how that goes.

use std::{collections::HashSet, sync::Arc};

use ipns::Moment;
use proto::peers::Provide;
use serde::Serialize;
use unixfs::Cid;

use super::{
    Arg, Call, Command, Kind, Node, Opt, Refusal, Reply, Upload,
    routing::{each, local},
};
use crate::provide::{ROUND_S, Why};

/// A list of CIDs to announce.
const LIST_BYTES_MAX: usize = 16 << 20;
/// What Kubo's `provide stat` takes; they choose what its command line prints.
const STAT: &[Opt] = &[
    ("lan", "", Kind::Flag),
    ("all", "a", Kind::Flag),
    ("compact", "", Kind::Flag),
    ("connectivity", "", Kind::Flag),
    ("network", "", Kind::Flag),
    ("operations", "", Kind::Flag),
    ("queues", "", Kind::Flag),
    ("schedule", "", Kind::Flag),
    ("timings", "", Kind::Flag),
    ("workers", "", Kind::Flag),
];

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "provide/once", args: &[Arg::Any("cid")], options: &[("recursive", "r", Kind::Flag)], run: once },
    Command { path: "provide/stat", args: &[], options: STAT, run: stat },
    Command { path: "provide/clear", args: &[], options: &[("quiet", "q", Kind::Flag)], run: clear },
    Command { path: "stats/provide", args: &[], options: STAT, run: stat },
    Command { path: "stats/reprovide", args: &[], options: STAT, run: stat },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Queued {
    queued: String,
}

fn once(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    if node.config().provide == Provide::Off {
        return Err(Refusal::failed("cannot provide: [ipfs-node] provide is \"off\" in rookery.toml"));
    }
    if node.wait(swarm.peers())??.is_empty() {
        return Err(Refusal::failed("cannot provide: no connected peers"));
    }
    let list = listed(call, upload)?;
    let mut seen = HashSet::new();
    let mut queue = |cid: Cid| {
        if !seen.insert(cid) {
            return Ok(());
        }
        if !node.providing.announce_soon(cid, Why::Asked) {
            return Err(Refusal::failed("cannot provide: too much waits already; ask again in a few minutes"));
        }
        reply.row(&Queued { queued: cid.to_string() })
    };
    for text in &list {
        each(node, local(node, text)?, call.is_on("recursive"), &mut queue)?;
    }
    Ok(())
}

/// The arguments, and the lines of a file after them.
fn listed(call: &Call, upload: &mut Upload) -> Result<Vec<String>, Refusal> {
    let mut list = call.args().to_vec();
    if upload.next_part()?.is_some() {
        let bytes = upload.part_bytes(LIST_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        list.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if list.is_empty() { Err(Refusal::unreadable("argument \"cid\" is required")) } else { Ok(list) }
}

/// Kubo's shape of a provider that announces each CID by a search of its own, as ours does; and what it has no place for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stats {
    sweep: Option<()>,
    legacy: Legacy,
    #[serde(rename = "FullRT")]
    full_rt: bool,
    failed: u64,
    queued: usize,
    round_done: u64,
    round_total: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Legacy {
    total_reprovides: u64,
    last_reprovide_batch_size: u64,
    /// Nanoseconds, like all times below.
    reprovide_interval: u64,
    avg_reprovide_duration: u64,
    last_reprovide_duration: u64,
    last_run: String,
}

fn stat(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    node.online()?;
    let progress = node.providing.progress();
    let tally = progress.tally;
    let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let since = tally.last_at.and_then(|at| at.duration_since(std::time::SystemTime::UNIX_EPOCH).ok());
    reply.single(&Stats {
        sweep: None,
        legacy: Legacy {
            total_reprovides: tally.announced,
            last_reprovide_batch_size: tally.last_count,
            reprovide_interval: ROUND_S * 1_000_000_000,
            avg_reprovide_duration: nanos(tally.took).checked_div(tally.announced).unwrap_or_default(),
            last_reprovide_duration: nanos(tally.last_took),
            // Go's zero.
            last_run: since
                .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |since| Moment::from_unix(since).to_string()),
        },
        full_rt: false,
        failed: tally.failed,
        queued: progress.soon,
        round_done: progress.round_done,
        round_total: progress.round_total,
    })
}

fn clear(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let cleared = node.providing.clear();
    if call.is_on("quiet") { Ok(()) } else { reply.single(&cleared) }
}
