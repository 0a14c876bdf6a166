//! The work: what is due is handed to the network, a few at a time; without peers it waits.
//!
//! Started with the peer side, and ended with it.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use proto::peers::Provide;
use swarm::{DhtError, Swarm};
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use unixfs::Cid;

use super::{Why, now_s};
use crate::node::{Node, Walk};

/// Announcements at a time. Each asks a few dozen peers.
const AT_A_TIME: usize = 8;
/// What is taken at a time; a crash repeats no more.
const BATCH: usize = 64;
/// The round is looked at so often.
const TICK: Duration = Duration::from_secs(10);
/// Without peers, or when all failed.
const PAUSE: Duration = Duration::from_secs(5);
/// Blocks on their way from a walk.
const WALKED: usize = 64;

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Soon(Cid, Why),
    InRound(Cid),
}

impl Due {
    const fn cid(self) -> Cid {
        match self {
            Self::Soon(cid, _) | Self::InRound(cid) => cid,
        }
    }
}

/// How a batch went.
#[derive(Debug, Default)]
struct Went {
    announced: u64,
    failed: u64,
    /// Not even tried: there are no peers.
    left: Vec<Due>,
}

/// Has every CID announced that is pinned from now on, unless nothing is to be announced.
pub(crate) fn watch_pins(node: &Node) {
    if node.config().provide == Provide::Off {
        return;
    }
    let providing = Arc::clone(&node.providing);
    // A pin for which there is no room has its turn with the next round.
    node.store.tell_pins(move |cid| _ = providing.announce_soon(*cid, Why::Pinned));
}

/// Goes on until it is dropped.
pub(crate) async fn run(node: Arc<Node>, swarm: Swarm) {
    let what = node.config().provide;
    loop {
        let asked = Arc::clone(&node);
        let Ok(due) = spawn_blocking(move || due(&asked)).await else { return };
        if due.is_empty() {
            node.providing.save();
            let _ = timeout(TICK, node.providing.woken.notified()).await;
            continue;
        }
        let began = Instant::now();
        let went = announce(&node, &swarm, what, due.clone()).await;
        let is_stuck = went.announced == 0;
        settle(&node, &due, went, began.elapsed());
        if is_stuck {
            sleep(PAUSE).await;
        }
    }
}

/// What is due now: what waits first, then what the round has come to.
fn due(node: &Node) -> Vec<Due> {
    let soon = node.providing.plan().take_soon(BATCH);
    let mut due: Vec<_> = soon
        .into_iter()
        .filter(|(cid, why)| *why == Why::Asked || matches!(node.store.pin(cid), Ok(Some(_))))
        .map(|(cid, why)| Due::Soon(cid, why))
        .collect();
    if due.len() < BATCH && node.config().provide != Provide::Off {
        due.extend(due_in_round(node, BATCH - due.len()).into_iter().map(Due::InRound));
    }
    due
}

fn due_in_round(node: &Node, most: usize) -> Vec<Cid> {
    let round = node.providing.plan().round.clone();
    let count = usize::try_from(round.due(now_s())).unwrap_or(usize::MAX).min(most);
    if count == 0 {
        return Vec::new();
    }
    let pins: Vec<_> =
        node.store.pins_after(round.after).take(count).filter_map(Result::ok).map(|pin| pin.cid).collect();
    if pins.is_empty() && round.due(now_s()) == u64::MAX {
        let total = node.store.pins().filter(Result::is_ok).count() as u64;
        let mut plan = node.providing.plan();
        plan.round = plan.round.next(now_s(), total);
        plan.is_saved = false;
    }
    pins
}

async fn announce(node: &Arc<Node>, swarm: &Swarm, what: Provide, due: Vec<Due>) -> Went {
    let (mut went, mut tasks) = (Went::default(), JoinSet::new());
    let mut rest = due.into_iter();
    loop {
        while tasks.len() < AT_A_TIME
            && let Some(one) = rest.next()
        {
            let (node, swarm) = (Arc::clone(node), swarm.clone());
            tasks.spawn(async move { (one, announce_one(&node, &swarm, what, one).await) });
        }
        match tasks.join_next().await {
            None => return went,
            Some(Ok((one, Err(DhtError::NoPeers | DhtError::Off)))) => went.left.push(one),
            Some(Ok((_, Ok(_)))) => went.announced += 1,
            Some(Ok((one, Err(error)))) => {
                tracing::debug!(cid = %one.cid(), %error, "something could not be announced");
                went.failed += 1;
            }
            // The runtime ends.
            Some(Err(_)) => went.failed += 1,
        }
    }
}

/// One root, or everything below it.
async fn announce_one(node: &Arc<Node>, swarm: &Swarm, what: Provide, one: Due) -> Result<(), DhtError> {
    let is_whole = what == Provide::Pinned && !matches!(one, Due::Soon(_, Why::Asked));
    swarm.provide(&one.cid()).await?;
    if !is_whole {
        return Ok(());
    }
    let mut blocks = walk(node, one.cid());
    while let Some(cid) = blocks.recv().await {
        // One block that fails is found through its root.
        if let Err(error @ (DhtError::NoPeers | DhtError::Off)) = swarm.provide(&cid).await {
            return Err(error);
        }
    }
    Ok(())
}

/// The blocks below a root, as far as they are here. The walk ends when nobody listens.
fn walk(node: &Arc<Node>, root: Cid) -> mpsc::Receiver<Cid> {
    let (sender, receiver) = mpsc::channel(WALKED);
    let node = Arc::clone(node);
    spawn_blocking(move || {
        let mut walk = Walk::new(root);
        while let Ok(Some((cid, _))) = walk.next_here(&node) {
            if cid != root && sender.blocking_send(cid).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What went out is counted and has had its turn; what did not waits again.
fn settle(node: &Node, due: &[Due], went: Went, took: Duration) {
    let mut plan = node.providing.plan();
    let in_round = |one: &&Due| matches!(one, Due::InRound(_));
    // The round stays where it is if there is nobody to tell.
    let turned = due.iter().filter(in_round).count();
    if !went.left.iter().any(|one| in_round(&one))
        && let Some(last) = due.iter().rfind(in_round)
    {
        plan.round.advance(turned as u64, last.cid());
    }
    for one in went.left {
        if let Due::Soon(cid, why) = one {
            plan.add(cid, why);
        }
    }
    let tally = &mut plan.tally;
    tally.announced += went.announced;
    tally.failed += went.failed;
    tally.took += took;
    (tally.last_count, tally.last_took, tally.last_at) = (went.announced, took, Some(SystemTime::now()));
    plan.is_saved = false;
    drop(plan);
    node.providing.save();
}
