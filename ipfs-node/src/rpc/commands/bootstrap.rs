//! `bootstrap`, `bootstrap/*`: the peers through which a network is entered. Changes last until the next start; what lasts
//! longer is `bootstrap` in `[ipfs-node]`.

use std::sync::Arc;

use serde::Serialize;
use swarm::Multiaddr;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::rpc::peer_text::{address, peer_address};

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "bootstrap", args: &[], options: &[], run: list },
    Command { path: "bootstrap/list", args: &[], options: &[("expand-auto", "", Kind::Flag)], run: list },
    Command { path: "bootstrap/add", args: &[Arg::Any("peer")], options: &[("default", "", Kind::Flag)], run: add },
    Command { path: "bootstrap/add/default", args: &[], options: &[], run: add_default },
    Command { path: "bootstrap/rm", args: &[Arg::Any("peer")], options: &[("all", "", Kind::Flag)], run: remove },
    Command { path: "bootstrap/rm/all", args: &[], options: &[], run: remove_all },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Peers {
    peers: Vec<String>,
}

fn tell(peers: &[Multiaddr], reply: &mut Reply) -> Result<(), Refusal> {
    reply.single(&Peers { peers: peers.iter().map(ToString::to_string).collect() })
}

fn list(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    tell(&node.online()?.bootstrap_list(), reply)
}

fn read(texts: &[String]) -> Result<Vec<Multiaddr>, Refusal> {
    let one = |text: &String| {
        address(text)?;
        let (_, address) =
            peer_address(text).map_err(|_| Refusal::failed(format!("invalid bootstrap address: {text}")))?;
        Ok(address)
    };
    texts.iter().map(one).collect()
}

fn add(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    if call.args().is_empty() {
        return Err(Refusal::failed("no bootstrap peers to add"));
    }
    let (peer, added) = (node.online()?, read(call.args())?);
    peer.change_bootstrap(|all| {
        let new: Vec<_> = added.iter().filter(|address| !all.contains(address)).cloned().collect();
        all.extend(new);
    });
    for address in &added {
        // It is entered at once; a peer that is away now is tried again by the next start.
        if let Err(error) = node.wait(peer.swarm().connect(address.clone()))? {
            tracing::info!(%address, %error, "a new bootstrap peer was not reached");
        }
    }
    node.wait(peer.swarm().bootstrap())??;
    tell(&added, reply)
}

fn add_default(_: &Arc<Node>, _: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    Err(Refusal::failed(
        "cannot add default bootstrap peers: this daemon has none, add specific peer addresses instead",
    ))
}

fn remove(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    if call.is_on("all") {
        return remove_all(node, call, upload, reply);
    }
    let (peer, gone) = (node.online()?, read(call.args())?);
    let removed = peer.change_bootstrap(|all| all.extract_if(.., |known| gone.contains(known)).collect::<Vec<_>>());
    tell(&removed, reply)
}

fn remove_all(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    tell(&node.online()?.change_bootstrap(std::mem::take), reply)
}
