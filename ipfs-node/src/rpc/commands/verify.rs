//! `pin/verify` and `repo/verify`: whether all that is pinned is here, and whether all that is here is as it was.
//!
//! Asked by the operator. The one walks below every pin, the other reads every block. Blocks that are not what their
//! name says can be dropped, and got anew from peers.

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use unixfs::Cid;

use super::{Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::{
    node::{Patience, Walk},
    rpc::{call::duration, cid_text::CidText},
    store::{Fault, PinKind},
};

/// How long peers are asked for one block, if the caller does not say.
const HEAL_WAIT: Duration = Duration::from_secs(30);
/// The check tells how far it is in steps of this.
const PROGRESS_BLOCKS: u64 = 1024;

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "pin/verify",
        args: &[],
        options: &[("verbose", "", Kind::Flag), ("quiet", "q", Kind::Flag)],
        run: pins,
    },
    Command {
        path: "repo/verify",
        args: &[],
        options: &[("drop", "", Kind::Flag), ("heal", "", Kind::Flag), ("heal-timeout", "", Kind::Text)],
        run: blocks,
    },
];

/// What was found out about a pin.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PinState {
    cid: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ok: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bad_nodes: Vec<BadNode>,
}

/// A block below a pin that cannot be read.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BadNode {
    cid: String,
    err: String,
}

fn pins(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (verbose, quiet) = (call.is_on("verbose"), call.is_on("quiet"));
    if verbose && quiet {
        return Err(Refusal::failed("the --verbose and --quiet options can not be used at the same time"));
    }
    let (text, here) = (CidText::of(call)?, node.here());
    let mut walk = Walk::default();
    reply.rows();
    for pin in node.store.pins() {
        let pin = pin?;
        if pin.kind == PinKind::Direct {
            continue;
        }
        walk.go_on(pin.cid);
        let bad_nodes = bad_nodes(&here, call, text, &mut walk)?;
        let ok = bad_nodes.is_empty();
        if !ok {
            // What two pins share is bad for both of them.
            walk = Walk::default();
        }
        if !ok || verbose {
            let bad_nodes = if quiet { Vec::new() } else { bad_nodes };
            reply.row(&PinState { cid: text.write(&pin.cid), ok, bad_nodes })?;
        }
    }
    Ok(())
}

fn bad_nodes(here: &Node, call: &Call, text: CidText, walk: &mut Walk) -> Result<Vec<BadNode>, Refusal> {
    let mut bad = Vec::new();
    while let Some((cid, found)) = walk.next_found(here) {
        call.check_time()?;
        if let Err(refusal) = found {
            bad.push(BadNode { cid: text.write(&cid), err: refusal.message });
        }
    }
    Ok(bad)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Checked {
    msg: String,
    progress: u64,
}

/// What is done about a damaged block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    Nothing,
    Drop,
    /// Dropped, and got anew within this time.
    Heal(Duration),
}

impl Remedy {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let wait = call.text("heal-timeout").map(duration).transpose()?;
        Ok(match (call.is_on("heal"), call.is_on("drop")) {
            (true, _) => Self::Heal(wait.unwrap_or(HEAL_WAIT)),
            (false, true) => Self::Drop,
            (false, false) => Self::Nothing,
        })
    }
}

/// How many blocks there were of each kind.
#[derive(Debug, Default)]
struct Counts {
    corrupt: u64,
    removed: u64,
    not_removed: u64,
    healed: u64,
    not_healed: u64,
}

impl Counts {
    fn in_words(&self) -> String {
        let mut words = format!("verify complete, {} blocks corrupt", self.corrupt);
        let kinds = [
            (self.removed, "removed"),
            (self.not_removed, "failed to remove"),
            (self.healed, "healed"),
            (self.not_healed, "failed to heal"),
        ];
        for (count, what) in kinds.iter().filter(|(count, _)| *count > 0) {
            let _ = write!(words, ", {count} {what}");
        }
        words
    }
}

fn blocks(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let remedy = Remedy::of(call)?;
    if matches!(remedy, Remedy::Heal(_)) {
        node.online()?;
    }
    let (mut progress, mut counts) = (0, Counts::default());
    reply.rows();
    for key in node.store.keys() {
        let key = key?;
        call.check_time()?;
        progress += 1;
        if let Some(fault) = node.store.fault(key) {
            let msg = remedy.apply(node, &fault, &mut counts);
            reply.row(&Checked { msg, progress: 0 })?;
        }
        if progress % PROGRESS_BLOCKS == 0 {
            reply.row(&Checked { msg: String::new(), progress })?;
        }
    }
    let words = counts.in_words();
    match counts {
        Counts { corrupt: 0, .. } => {
            reply.row(&Checked { msg: "verify complete, all blocks validated.".to_owned(), progress: 0 })
        }
        Counts { not_removed: 0, not_healed: 0, .. } if remedy != Remedy::Nothing => {
            reply.row(&Checked { msg: words, progress: 0 })
        }
        _ => Err(Refusal::failed(words)),
    }
}

impl Remedy {
    /// What is told of a damaged block, and of what was done about it.
    fn apply(self, node: &Node, fault: &Fault, counts: &mut Counts) -> String {
        counts.corrupt += 1;
        let cid = fault.key.raw_cid().unwrap_or_default();
        let mut words = format!("block {cid} was corrupt ({})", fault.what);
        if self == Self::Nothing {
            return words;
        }
        if let Err(error) = node.store.delete(&[fault.key]) {
            counts.not_removed += 1;
            let _ = write!(words, ", failed to remove ({error})");
            return words;
        }
        counts.removed += 1;
        words.push_str(", removed");
        let Self::Heal(wait) = self else { return words };
        match heal(node, &cid, wait) {
            Ok(()) => {
                counts.healed += 1;
                words.push_str(", healed");
            }
            Err(refusal) => {
                counts.not_healed += 1;
                let _ = write!(words, ", failed to heal ({refusal})");
            }
        }
        words
    }
}

/// Gets a block from peers, who know it by its hash, whatever its codec.
fn heal(node: &Node, cid: &Cid, wait: Duration) -> Result<(), Refusal> {
    let deadline = Some(Instant::now() + wait);
    let asker = node.reaching_out(Patience { deadline, per_wait: None, client: None });
    asker.block(cid)?;
    Ok(asker.commit([])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_in_kubos_words() {
        let counts = Counts { corrupt: 2, removed: 2, healed: 1, not_healed: 1, ..Counts::default() };
        assert_eq!(counts.in_words(), "verify complete, 2 blocks corrupt, 2 removed, 1 healed, 1 failed to heal");
        assert_eq!(Counts { corrupt: 1, ..Counts::default() }.in_words(), "verify complete, 1 blocks corrupt");
    }
}
