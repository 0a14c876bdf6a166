//! `p2p/*`: streams of other programs, carried between peers.

use std::{net::SocketAddr, sync::Arc};

use serde::Serialize;
use tokio::{net::TcpListener, runtime::Handle};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::{
    peer::{Greeting, MountView, Mounts},
    rpc::peer_text::{address, peer_id, tcp_address},
};

const ANY_NAME: super::Opt = ("allow-custom-protocol", "", Kind::Flag);
const FOREGROUND: super::Opt = ("foreground", "f", Kind::Flag);

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "p2p/listen",
        args: &[Arg::One("protocol"), Arg::One("target-address")],
        options: &[ANY_NAME, FOREGROUND, ("report-peer-id", "r", Kind::Flag)],
        run: listen,
    },
    Command {
        path: "p2p/forward",
        args: &[Arg::One("protocol"), Arg::One("listen-address"), Arg::One("target-address")],
        options: &[ANY_NAME, FOREGROUND],
        run: forward,
    },
    Command { path: "p2p/ls", args: &[], options: &[("headers", "v", Kind::Flag)], run: list },
    Command {
        path: "p2p/close",
        args: &[],
        options: &[
            ("all", "a", Kind::Flag),
            ("protocol", "p", Kind::Text),
            ("listen-address", "l", Kind::Text),
            ("target-address", "t", Kind::Text),
        ],
        run: close,
    },
    Command { path: "p2p/stream/ls", args: &[], options: &[("headers", "v", Kind::Flag)], run: list_streams },
    Command {
        path: "p2p/stream/close",
        args: &[Arg::Maybe("id")],
        options: &[("all", "a", Kind::Flag)],
        run: close_streams,
    },
];

fn mounts(node: &Node) -> Result<&Mounts, Refusal> {
    let mounts = &node.online()?.mounts;
    mounts.check()?;
    Ok(mounts)
}

fn check_name(call: &Call) -> Result<&str, Refusal> {
    let name = call.arg(0);
    match name.starts_with("/x/") || call.is_on("allow-custom-protocol") {
        true => Ok(name),
        false => Err(Refusal::failed("protocol name must be within '/x/' namespace")),
    }
}

fn listen(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (mounts, name, target) = (mounts(node)?, check_name(call)?, tcp_address(call.arg(1))?);
    let greeting = if call.is_on("report-peer-id") { Greeting::PeerId } else { Greeting::None };
    mounts.listen(name, target, greeting)?;
    let own = format!("/p2p/{}", node.identity.peer_id());
    stay(node, call, reply, |mount| mount.protocol == name && mount.listen == own)
}

fn forward(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (mounts, name, at) = (mounts(node)?, check_name(call)?, tcp_address(call.arg(1))?);
    let target = call.arg(2);
    let address = address(target)?;
    let (before, id) = target.rsplit_once("/p2p/").unwrap_or((target, ""));
    let peer = peer_id(id).ok_or_else(|| Refusal::failed(format!("found no ipfs peers at {target}")))?;
    if !before.is_empty() {
        node.wait(node.online()?.swarm().learn(peer, vec![address]))??;
    }
    let listener = node.wait(bind(at))?.map_err(|error| Refusal::from_error(&error))?;
    let listen = listener.local_addr().map_err(|error| Refusal::from_error(&error))?;
    mounts.forward(name, listener, peer)?;
    let listen = crate::server::multiaddr(listen);
    stay(node, call, reply, |mount| mount.listen == listen)
}

async fn bind(at: SocketAddr) -> std::io::Result<TcpListener> {
    // The listener belongs to the runtime, whatever thread asks for it.
    let _runtime = Handle::current().enter();
    TcpListener::bind(at).await
}

/// In the foreground a mount lasts as long as its client.
fn stay(node: &Node, call: &Call, reply: &mut Reply, mount: impl Fn(&MountView) -> bool) -> Result<(), Refusal> {
    reply.rows();
    if !call.is_on("foreground") {
        return Ok(());
    }
    reply.begin_now()?;
    let ended = node.wait(std::future::pending::<()>());
    node.online()?.mounts.close(mount);
    ended
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listeners {
    /// `null` when there is none.
    listeners: Option<Vec<Listener>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listener {
    protocol: String,
    listen_address: String,
    target_address: String,
}

fn list(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let show = |mount: MountView| Listener {
        protocol: mount.protocol,
        listen_address: mount.listen,
        target_address: mount.target,
    };
    let listeners: Vec<_> = mounts(node)?.list().into_iter().map(show).collect();
    reply.single(&Listeners { listeners: Some(listeners).filter(|all| !all.is_empty()) })
}

fn close(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let mounts = mounts(node)?;
    let [protocol, listen, target] = ["protocol", "listen-address", "target-address"].map(|name| call.text(name));
    let named = [protocol, listen, target].iter().flatten().count();
    match (call.is_on("all"), named) {
        (true, 1..) => return Err(Refusal::failed("can't combine --all with other matching options")),
        (false, 0) => return Err(Refusal::failed("no matching options given")),
        _ => {}
    }
    let fits = |wanted: Option<&str>, is: &str| wanted.is_none_or(|wanted| wanted == is);
    let closed = mounts
        .close(|mount| fits(protocol, &mount.protocol) && fits(listen, &mount.listen) && fits(target, &mount.target));
    reply.single(&closed)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Streams {
    /// `null` when there is none.
    streams: Option<Vec<Stream>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    #[serde(rename = "HandlerID")]
    handler_id: String,
    protocol: String,
    origin_address: String,
    target_address: String,
}

fn list_streams(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let show = |(id, stream): (u64, crate::peer::StreamView)| Stream {
        handler_id: id.to_string(),
        protocol: stream.protocol,
        origin_address: stream.origin,
        target_address: stream.target,
    };
    let streams: Vec<_> = mounts(node)?.streams().into_iter().map(show).collect();
    reply.single(&Streams { streams: Some(streams).filter(|all| !all.is_empty()) })
}

fn close_streams(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let mounts = mounts(node)?;
    reply.rows();
    if call.is_on("all") {
        mounts.close_streams(|_| true);
        return Ok(());
    }
    let id = call.args().first().ok_or_else(|| Refusal::failed("no id specified"))?;
    let id: u64 = id.parse().map_err(|_| Refusal::failed(format!("{id:?} is no number of a stream")))?;
    mounts.close_streams(|open| open == id);
    Ok(())
}
