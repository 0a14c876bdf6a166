//! `id`, `version`, `shutdown`, `diag/healthy`: the node itself.

use std::sync::Arc;

use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::node::{AgentVersion, KUBO_VERSION, REPO_VERSION};

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "id", args: &[Arg::Maybe("peerid")], options: &[("peerid-base", "b", Kind::Text)], run: id },
    Command { path: "version", args: &[], options: &[("all", "", Kind::Flag)], run: version },
    Command { path: "shutdown", args: &[], options: &[], run: shutdown },
    Command { path: "diag/healthy", args: &[], options: &[], run: healthy },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Id {
    #[serde(rename = "ID")]
    id: String,
    public_key: String,
    /// `null` while there is no peer side.
    addresses: Option<Vec<String>>,
    agent_version: String,
    protocols: Option<Vec<String>>,
}

fn id(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let own = node.identity.peer_id();
    if call.args().first().is_some_and(|peer| *peer != own) {
        return Err(Refusal::failed("cannot look up another peer: this daemon has no peer side yet"));
    }
    reply.single(&Id {
        id: own,
        public_key: node.identity.public_key_base64(),
        addresses: None,
        agent_version: AgentVersion.to_string(),
        protocols: None,
    })
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
