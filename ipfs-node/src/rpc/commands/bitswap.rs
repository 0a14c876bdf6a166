//! `bitswap/*`, `stats/bitswap`: blocks that went to and fro between peers and this node.

use std::sync::Arc;

use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload, dag::CidLink};
use crate::rpc::peer_text::required_peer_id;

const STAT_OPTIONS: &[super::Opt] = &[("verbose", "v", Kind::Flag), ("human", "", Kind::Flag)];

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "bitswap/stat", args: &[], options: STAT_OPTIONS, run: stat },
    Command { path: "stats/bitswap", args: &[], options: STAT_OPTIONS, run: stat },
    Command { path: "bitswap/wantlist", args: &[], options: &[("peer", "p", Kind::Text)], run: wantlist },
    Command { path: "bitswap/ledger", args: &[Arg::One("peer")], options: &[], run: ledger },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    wantlist: Vec<CidLink>,
    peers: Vec<String>,
    blocks_received: u64,
    data_received: u64,
    dup_blks_received: u64,
    dup_data_received: u64,
    messages_received: u64,
    blocks_sent: u64,
    data_sent: u64,
}

fn stat(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let tally = node.wait(node.online()?.swarm().bitswap_stats())??;
    let mut peers: Vec<_> = tally.peers.iter().map(ToString::to_string).collect();
    peers.sort_unstable();
    reply.single(&Stat {
        wantlist: tally.wantlist.iter().map(CidLink::from).collect(),
        peers,
        blocks_received: tally.received_blocks,
        data_received: tally.received_bytes,
        dup_blks_received: tally.duplicate_blocks,
        dup_data_received: tally.duplicate_bytes,
        messages_received: tally.received_messages,
        blocks_sent: tally.sent_blocks,
        data_sent: tally.sent_bytes,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wantlist {
    /// `null` for a peer that wants nothing.
    keys: Option<Vec<CidLink>>,
}

fn wantlist(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let peer = call.text("peer").filter(|peer| !peer.is_empty()).map(required_peer_id).transpose()?;
    let keys = match peer {
        Some(peer) if peer != swarm.peer_id() => {
            let wanted = node.wait(swarm.wantlist_of(peer))??;
            Some(wanted).filter(|wanted| !wanted.is_empty())
        }
        _ => Some(node.wait(swarm.bitswap_stats())??.wantlist),
    };
    reply.single(&Wantlist { keys: keys.map(|keys| keys.iter().map(CidLink::from).collect()) })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ledger {
    peer: String,
    /// What we gave for each byte that we got.
    value: f64,
    sent: u64,
    recv: u64,
    exchanged: u64,
}

fn ledger(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let peer = required_peer_id(call.arg(0))?;
    let ledger = node.wait(node.online()?.swarm().ledger(peer))??.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
    let value = ledger.sent_bytes as f64 / (ledger.received_bytes + 1) as f64;
    reply.single(&Ledger {
        peer: peer.to_string(),
        value,
        sent: ledger.sent_bytes,
        recv: ledger.received_bytes,
        exchanged: ledger.exchanges,
    })
}
