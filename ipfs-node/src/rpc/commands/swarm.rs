//! `swarm/*`: connections with other peers, where they are, and who is kept near or away.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use swarm::{Direction, Filter, Identity, PeerView};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::rpc::peer_text::{go_duration, peer_address, required_peer_id};

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "swarm/connect", args: &[Arg::Many("address")], options: &[], run: connect },
    Command { path: "swarm/disconnect", args: &[Arg::Many("address")], options: &[], run: disconnect },
    Command {
        path: "swarm/peers",
        args: &[],
        options: &[
            ("verbose", "v", Kind::Flag),
            ("streams", "", Kind::Flag),
            ("latency", "", Kind::Flag),
            ("direction", "", Kind::Flag),
            ("identify", "", Kind::Flag),
        ],
        run: peers,
    },
    Command { path: "swarm/addrs", args: &[], options: &[], run: addrs },
    Command { path: "swarm/addrs/local", args: &[], options: &[("id", "", Kind::Flag)], run: local },
    Command { path: "swarm/addrs/listen", args: &[], options: &[], run: listen },
    Command { path: "swarm/filters", args: &[], options: &[], run: filters },
    Command { path: "swarm/filters/add", args: &[Arg::Many("address")], options: &[], run: add_filters },
    Command { path: "swarm/filters/rm", args: &[Arg::Many("address")], options: &[], run: remove_filters },
    Command { path: "swarm/peering/add", args: &[Arg::Many("address")], options: &[], run: add_peering },
    Command { path: "swarm/peering/ls", args: &[], options: &[], run: list_peering },
    Command { path: "swarm/peering/rm", args: &[Arg::Many("ID")], options: &[], run: remove_peering },
];

/// What many commands answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Strings {
    pub(super) strings: Option<Vec<String>>,
}

fn connect(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let addresses = call.args().iter().map(|text| peer_address(text)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    for (id, address) in addresses {
        let is_bare = address.iter().count() == 1;
        let connected = node.wait(swarm.connect_peer(id, if is_bare { Vec::new() } else { vec![address] }))?;
        connected.map_err(|error| Refusal::from_error(&error).while_doing(&format!("connect {id} failure")))?;
        lines.push(format!("connect {id} success"));
    }
    reply.single(&Strings { strings: Some(lines) })
}

fn disconnect(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let addresses = call.args().iter().map(|text| peer_address(text)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    for (id, address) in addresses {
        // Kubo tells this, too, and does not fail.
        lines.push(match node.wait(swarm.disconnect_address(address))? {
            Ok(()) => format!("disconnect {id} success"),
            Err(swarm::ConnectError::NotConnected(_)) => format!("disconnect {id} failure: not connected"),
            Err(error) => format!("disconnect {id} failure: {error}"),
        });
    }
    reply.single(&Strings { strings: Some(lines) })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Peers {
    /// `null` when there is none.
    peers: Option<Vec<Connected>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Connected {
    addr: String,
    peer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    latency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    streams: Vec<StreamOf>,
    identify: Identified,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamOf {
    protocol: String,
}

/// What a peer says of itself, as `id` and `swarm/peers` show it.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Identified {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) public_key: String,
    /// `null` while nothing is known.
    pub(super) addresses: Option<Vec<String>>,
    pub(super) agent_version: String,
    pub(super) protocols: Option<Vec<String>>,
}

impl From<Identity> for Identified {
    fn from(identity: Identity) -> Self {
        let id = identity.id.to_string();
        let mut addresses: Vec<_> = identity.addresses.iter().map(|address| format!("{address}/p2p/{id}")).collect();
        let mut protocols = identity.protocols;
        addresses.sort_unstable();
        protocols.sort_unstable();
        Self {
            public_key: base64(&identity.public_key),
            addresses: Some(addresses),
            agent_version: identity.agent,
            protocols: Some(protocols),
            id,
        }
    }
}

/// As Go writes bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    cid::multibase::encode(cid::multibase::Base::Base64Pad, bytes).split_off(1)
}

fn peers(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let mut views = node.wait(node.online()?.swarm().peers())??;
    views.sort_by_cached_key(|view| (view.id.to_string(), view.address.to_string()));
    let shows = |option: &str| call.is_on("verbose") || call.is_on(option);
    let show = |view: PeerView| Connected {
        addr: view.address.to_string(),
        peer: view.id.to_string(),
        latency: if shows("latency") { latency(&view) } else { String::new() },
        direction: shows("direction").then_some(match view.direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        }),
        streams: match shows("streams") {
            true => view.streams.into_iter().map(|protocol| StreamOf { protocol }).collect(),
            false => Vec::new(),
        },
        identify: view.identity.filter(|_| shows("identify")).map(Identified::from).unwrap_or_default(),
    };
    let peers: Vec<_> = views.into_iter().map(show).collect();
    reply.single(&Peers { peers: Some(peers).filter(|peers| !peers.is_empty()) })
}

fn latency(view: &PeerView) -> String {
    view.latency.map_or_else(|| "n/a".to_owned(), go_duration)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Addresses {
    addrs: BTreeMap<String, Vec<String>>,
}

fn addrs(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let known = node.wait(swarm.known_addresses())??;
    let own = (swarm.peer_id(), node.wait(swarm.addresses())??);
    let texts = |addresses: Vec<swarm::Multiaddr>| addresses.iter().map(ToString::to_string).collect();
    let addrs = known.into_iter().chain([own]).map(|(id, addresses)| (id.to_string(), texts(addresses))).collect();
    reply.single(&Addresses { addrs })
}

fn local(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let addresses = node.wait(swarm.addresses())??;
    let addresses = if call.is_on("id") { swarm.with_id(addresses) } else { addresses };
    reply.single(&Strings { strings: Some(addresses.iter().map(ToString::to_string).collect()) })
}

fn listen(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let addresses = node.wait(node.online()?.swarm().listen_addresses())??;
    reply.single(&Strings { strings: Some(addresses.iter().map(ToString::to_string).collect()) })
}

fn filter(text: &str) -> Result<Filter, Refusal> {
    text.parse().map_err(|_| Refusal::failed("invalid multiaddr-filter format"))
}

fn filters(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let filters: Vec<_> = node.online()?.swarm().filters().iter().map(ToString::to_string).collect();
    reply.single(&Strings { strings: Some(filters).filter(|filters| !filters.is_empty()) })
}

fn add_filters(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let filters = call.args().iter().map(|text| filter(text)).collect::<Result<Vec<_>, _>>()?;
    filters.iter().for_each(|filter| swarm.add_filter(*filter));
    reply.single(&Strings { strings: Some(filters.iter().map(ToString::to_string).collect()) })
}

fn remove_filters(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let gone = match call.args() {
        [all] if all == "all" => swarm.filters(),
        some => some.iter().map(|text| filter(text)).collect::<Result<_, _>>()?,
    };
    let removed = gone.into_iter().filter(|filter| swarm.remove_filter(*filter)).map(|filter| filter.to_string());
    reply.single(&Strings { strings: Some(removed.collect()) })
}

#[derive(Serialize)]
struct Done {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Status")]
    status: &'static str,
}

fn done(id: swarm::PeerId) -> Done {
    Done { id: id.to_string(), status: "success" }
}

fn add_peering(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let addresses = call.args().iter().map(|text| peer_address(text)).collect::<Result<Vec<_>, _>>()?;
    for (id, address) in addresses {
        node.wait(swarm.add_peering(id, vec![address]))??;
        reply.row(&done(id))?;
    }
    Ok(())
}

fn remove_peering(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let ids = call.args().iter().map(|text| required_peer_id(text)).collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        node.wait(swarm.remove_peering(id))??;
        reply.row(&done(id))?;
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PeeringList {
    peers: Vec<Kept>,
}

#[derive(Serialize)]
struct Kept {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Addrs")]
    addrs: Vec<String>,
}

fn list_peering(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let kept = node.wait(node.online()?.swarm().peering())??;
    let show = |(id, addresses): (swarm::PeerId, Vec<swarm::Multiaddr>)| {
        let end = format!("/p2p/{id}");
        let addrs = addresses.iter().map(|address| address.to_string().trim_end_matches(&end).to_owned()).collect();
        Kept { id: id.to_string(), addrs }
    };
    reply.single(&PeeringList { peers: kept.into_iter().map(show).collect() })
}
