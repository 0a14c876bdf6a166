//! `routing/*` and what is left of `dht/*`: who has what, who is where, and records in the network.

use std::sync::Arc;

use cid::multibase::{self, Base};
use ipns::{Name, PublicKey, Record};
use serde::Serialize;
use swarm::{DhtError, PeerId, Provider};
use unixfs::Cid;

use super::{Arg, Call, Command, Kind, Node, Opt, Refusal, Reply, Upload, name::network};
use crate::{
    names::{self, Values},
    node::Walk,
    rpc::peer_text::required_peer_id,
};

const PROVIDERS: i64 = 20;
const VALUE_BYTES_MAX: usize = 1 << 20;
const VERBOSE: Opt = ("verbose", "v", Kind::Flag);
/// In the DHT a public key stands under this and the bytes of its name.
const KEYS: &str = "/pk/";

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "routing/findprovs",
        args: &[Arg::Many("key")],
        options: &[VERBOSE, ("num-providers", "n", Kind::Int)],
        run: find_providers,
    },
    Command { path: "routing/findpeer", args: &[Arg::Many("peerID")], options: &[VERBOSE], run: find_peer },
    Command { path: "routing/get", args: &[Arg::Many("key")], options: &[], run: get },
    Command {
        path: "routing/put",
        args: &[Arg::One("key"), Arg::File("value-file")],
        options: &[("allow-offline", "", Kind::Flag)],
        run: put,
    },
    Command {
        path: "routing/provide",
        args: &[Arg::Many("key")],
        options: &[VERBOSE, ("recursive", "r", Kind::Flag)],
        run: provide,
    },
    Command { path: "routing/reprovide", args: &[], options: &[], run: reprovide },
    Command { path: "bitswap/reprovide", args: &[], options: &[], run: reprovide },
    Command { path: "dht/query", args: &[Arg::Many("peerID")], options: &[VERBOSE], run: query },
    Command { path: "dht/findprovs", args: &[Arg::Any("key")], options: &[], run: removed },
    Command { path: "dht/findpeer", args: &[Arg::Any("peerID")], options: &[], run: removed },
    Command { path: "dht/get", args: &[Arg::Any("key")], options: &[], run: removed },
    Command { path: "dht/put", args: &[Arg::Any("key")], options: &[], run: removed },
    Command { path: "dht/provide", args: &[Arg::Any("key")], options: &[], run: removed },
];

/// The kinds of events, by libp2p's numbers; what happens inside a search is not told.
#[derive(Clone, Copy)]
enum Type {
    FinalPeer = 2,
    Provider = 4,
    Value = 5,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    extra: String,
    #[serde(rename = "ID")]
    id: String,
    responses: Option<Vec<Response>>,
    #[serde(rename = "Type")]
    kind: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    addrs: Vec<String>,
    #[serde(rename = "ID")]
    id: String,
}

impl Event {
    fn of(kind: Type) -> Self {
        Self { extra: String::new(), id: String::new(), responses: None, kind: kind as u8 }
    }

    fn about(kind: Type, peer: &Provider) -> Self {
        let addrs = peer.addresses.iter().map(ToString::to_string).collect();
        Self { responses: Some(vec![Response { addrs, id: peer.id.to_string() }]), ..Self::of(kind) }
    }
}

/// A CID as an argument: bare, or as the root of a path.
pub(super) fn cid_of(text: &str) -> Result<Cid, Refusal> {
    let bare = text.strip_prefix("/ipfs/").or_else(|| text.strip_prefix("ipfs://")).unwrap_or(text);
    let wrong = |_| Refusal::failed(format!("invalid path {text:?}: path does not have enough components"));
    bare.parse().map_err(wrong)
}

fn find_providers(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let count = call.number("num-providers")?.unwrap_or(PROVIDERS);
    let count = usize::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| Refusal::failed("number of providers must be greater than 0"))?;
    let cid = cid_of(call.arg(0))?;
    reply.rows();
    let mut found = node.wait(swarm.find_providers(&cid, count))??;
    while let Some(provider) = node.wait(found.recv())? {
        reply.row(&Event::about(Type::Provider, &provider))?;
    }
    Ok(())
}

fn find_peer(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let id = required_peer_id(call.arg(0))?;
    if id == swarm.peer_id() {
        return Err(Refusal::failed("cannot find peer: that is this peer; `ipfs id` shows its addresses"));
    }
    match node.wait(swarm.find_peer(id))? {
        Ok(addresses) => reply.row(&Event::about(Type::FinalPeer, &Provider { id, addresses })),
        Err(error) => Err(in_kubos_words(error)),
    }
}

fn in_kubos_words(error: DhtError) -> Refusal {
    match error {
        DhtError::NotFound => Refusal::failed("routing: not found"),
        DhtError::NoPeers => Refusal::failed("failed to find any peer in table"),
        other => other.into(),
    }
}

/// What a key of the network names.
enum NetKey {
    Record(Name),
    PublicKey(Name),
}

impl NetKey {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let wrong = || Refusal::failed("invalid key");
        let name = |text| Name::parse(text).map_err(|error| Refusal::from_error(&error));
        match text.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
            Some(("ipns", rest)) if !rest.contains('/') => name(rest).map(Self::Record),
            Some(("pk", rest)) if !rest.contains('/') => name(rest).map(Self::PublicKey),
            _ => Err(wrong()),
        }
    }
}

fn public_key_at(name: &Name) -> Vec<u8> {
    [KEYS.as_bytes(), &name.to_bytes()].concat()
}

fn get(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let network = network(node, call, None);
    let network = network.as_ref().map(|network| network as &dyn Values);
    let value = match NetKey::parse(call.arg(0))? {
        NetKey::Record(name) => node.names.record(&name, network).map(|record| record.map(|record| record.encode())),
        NetKey::PublicKey(name) => match (name.public_key(), network) {
            (Some(key), _) => Ok(Some(key.encode())),
            (None, Some(network)) => network.get(&public_key_at(&name)),
            (None, None) => Ok(None),
        },
    };
    let value = value.map_err(|fault| Refusal::from_error(&fault))?;
    let value = value.ok_or_else(|| Refusal::failed("routing: not found"))?;
    let extra = multibase::encode(Base::Base64Pad, value)[1..].to_owned();
    reply.row(&Event { extra, ..Event::of(Type::Value) })
}

fn put(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let key = NetKey::parse(call.arg(0))?;
    let value = super::file(upload, VALUE_BYTES_MAX)?;
    let network = network(node, call, None);
    let network = network.as_ref().map(|network| network as &dyn Values);
    if node.peer().is_none() && !call.is_on("allow-offline") {
        return Err(Refusal::failed("can't put while offline: pass `--allow-offline` to override"));
    }
    let (name, done) = match key {
        NetKey::Record(name) => {
            let record = Record::decode(&value).map_err(|error| Refusal::from_error(&error))?;
            record.check(&name, names::now()).map_err(|error| Refusal::from_error(&error))?;
            (name, node.names.keep(&name, &record, network))
        }
        NetKey::PublicKey(name) => {
            let key = PublicKey::decode(&value).map_err(|error| Refusal::from_error(&error))?;
            if key.name() != name {
                return Err(Refusal::failed("public key does not match storage key"));
            }
            (name, network.map_or(Ok(()), |network| network.put(&public_key_at(&name), value.to_vec()).map(drop)))
        }
    };
    match done {
        Err(fault) if !call.is_on("allow-offline") => Err(Refusal::from_error(&fault)),
        _ => reply.row(&Event { id: name.peer_id(), ..Event::of(Type::Value) }),
    }
}

/// Announced before this answers, each by a search of its own.
fn provide(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    if node.wait(swarm.peers())??.is_empty() {
        return Err(Refusal::failed("cannot provide, no connected peers"));
    }
    let cids = call.args().iter().map(|text| local(node, text)).collect::<Result<Vec<_>, _>>()?;
    reply.rows();
    for cid in cids {
        each(node, cid, call.is_on("recursive"), |cid| {
            let provided = node.wait(swarm.provide(&cid))?;
            provided.map(drop).map_err(|error| in_kubos_words(error).while_doing("error providing cid"))
        })?;
    }
    Ok(())
}

/// The CID of a block that is here: what is not cannot be given to who comes for it.
pub(super) fn local(node: &Node, text: &str) -> Result<Cid, Refusal> {
    let cid = cid_of(text)?;
    if node.store.has(&cid)? {
        return Ok(cid);
    }
    Err(Refusal::failed(format!("block {cid} not found locally, cannot provide")))
}

/// A block, and all below it that are here when they are wanted.
pub(super) fn each(
    node: &Node,
    root: Cid,
    recursive: bool,
    mut then: impl FnMut(Cid) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    if !recursive {
        return then(root);
    }
    let mut walk = Walk::new(root);
    while let Some((cid, _)) = walk.next_here(node)? {
        then(cid)?;
    }
    Ok(())
}

fn reprovide(node: &Arc<Node>, _: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    node.online()?;
    node.providing.hurry();
    Ok(())
}

fn query(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let id: PeerId = required_peer_id(call.arg(0))?;
    for near in node.wait(swarm.closest_peers(&id.to_bytes()))?.map_err(in_kubos_words)? {
        reply.row(&Event { id: near.id.to_string(), ..Event::of(Type::FinalPeer) })?;
    }
    Ok(())
}

fn removed(_: &Arc<Node>, _: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    Err(Refusal::failed("removed, use 'ipfs routing' instead"))
}
