//! `id`, `version`, `shutdown`, `diag/healthy`: the node itself.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use swarm::{Identity, PeerId, Swarm};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload, swarm::Identified};
use crate::{
    node::{AgentVersion, KUBO_VERSION, REPO_VERSION},
    rpc::peer_text::{peer_id, required_peer_id, write_peer_id},
};

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "id", args: &[Arg::Maybe("peerid")], options: &[("peerid-base", "b", Kind::Text)], run: id },
    Command { path: "version", args: &[], options: &[("all", "", Kind::Flag)], run: version },
    Command { path: "shutdown", args: &[], options: &[], run: shutdown },
    Command { path: "diag/healthy", args: &[], options: &[], run: healthy },
];

/// A peer that was just connected to says who it is within this time.
const IDENTIFY_WAIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const NO_PEER_SIDE: &str = "'ipfs id <peer>' cannot query information on remote peers without a running daemon; if you only \
     want to convert --peerid-base, pass --offline option";

fn id(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let base = call.text("peerid-base");
    let own = required_peer_id(&node.identity.peer_id())?;
    let id = match call.args().first() {
        Some(text) => peer_id(text).ok_or_else(|| Refusal::failed("invalid peer id"))?,
        None => own,
    };
    let mut shown = match node.peer() {
        _ if id == own => own_identity(node)?,
        Some(peer) if !call.is_on("offline") => identify(node, peer.swarm(), id)?.into(),
        _ if call.is_on("offline") => Identified { id: id.to_string(), ..Identified::default() },
        _ => return Err(Refusal::failed(NO_PEER_SIDE)),
    };
    shown.id = write_peer_id(id, base)?;
    reply.single(&shown)
}

fn own_identity(node: &Node) -> Result<Identified, Refusal> {
    let mut shown = Identified {
        public_key: node.identity.public_key_base64(),
        agent_version: AgentVersion.to_string(),
        ..Identified::default()
    };
    if let Some(peer) = node.peer() {
        let swarm = peer.swarm();
        let addresses = swarm.with_id(node.wait(swarm.addresses())??);
        shown.addresses = Some(addresses.iter().map(ToString::to_string).collect());
        shown.protocols = Some(node.wait(swarm.protocols())??);
    }
    Ok(shown)
}

/// What a peer says of itself, once there is a connection with it.
fn identify(node: &Node, swarm: &Swarm, id: PeerId) -> Result<Identity, Refusal> {
    node.wait(swarm.connect_peer(id, Vec::new()))??;
    let end = Instant::now() + IDENTIFY_WAIT;
    while Instant::now() < end {
        if let Some(identity) = node.wait(swarm.peer(id))?? {
            return Ok(identity);
        }
        node.wait(tokio::time::sleep(LOOK_EVERY))?;
    }
    Err(Refusal::failed(format!("{id} is connected but did not say who it is")))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionReply {
    version: &'static str,
    commit: String,
    repo: &'static str,
    system: String,
    golang: &'static str,
}

fn version(_: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    reply.single(&VersionReply {
        version: KUBO_VERSION,
        commit: AgentVersion.to_string(),
        repo: REPO_VERSION,
        system: format!("{machine}/{}", std::env::consts::OS),
        golang: "",
    })
}

fn shutdown(node: &Arc<Node>, _: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    node.stopping.notify_one();
    Ok(())
}

fn healthy(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    // The index answers, and a block can be written and read: more than Kubo's check, which reads the empty folder.
    let probe = unixfs::dir::empty(&unixfs::Profile::V0_2015.into()).0;
    let session = node.store.session();
    session.put(&probe)?;
    session.commit([])?;
    if node.block(&probe.cid)? != probe.bytes {
        return Err(Refusal::failed("a block that was written is not read as it was"));
    }
    reply.single(&"ok")
}
