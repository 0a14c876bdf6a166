//! `config`, `config/*`: what the node is configured with, in Kubo's shape, as Cluster and Kubo's clients read it.
//!
//! `rookery.toml` is the operator's: nothing here writes to it. Who sets what is set already is told that it is; for
//! anything else the answer says which key of the file it is.

use std::sync::Arc;

use proto::{
    config::IpfsNode,
    peers::{DhtScope, PeerAddress, Provide},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::server::multiaddr;

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "config",
        args: &[Arg::One("key"), Arg::Maybe("value")],
        options: &[("bool", "", Kind::Flag), ("json", "", Kind::Flag), ("expand-auto", "", Kind::Flag)],
        run: config,
    },
    Command { path: "config/show", args: &[], options: &[("expand-auto", "", Kind::Flag)], run: show },
    Command { path: "config/replace", args: &[Arg::File("file")], options: &[], run: replace },
    Command {
        path: "config/profile/apply",
        args: &[Arg::One("profile")],
        options: &[("dry-run", "", Kind::Flag)],
        run: apply,
    },
];

/// What Kubo calls a setting, and which key of `[ipfs-node]` that is; the first that fits counts.
const KEYS: &[(&str, &str)] = &[
    ("Addresses.API", "rpc_listen"),
    ("Addresses.Announce", "announce"),
    ("Addresses.AppendAnnounce", "announce"),
    ("Addresses.Gateway", "gateway_listen"),
    ("Addresses.NoAnnounce", "announce"),
    ("Addresses.Swarm", "swarm_listen"),
    ("API.HTTPHeaders", "rpc_allow_origins"),
    ("Bootstrap", "bootstrap"),
    ("Datastore.StorageMax", "storage_max_gib"),
    ("Discovery.MDNS", "mdns"),
    ("Experimental.Libp2pStreamMounting", "stream_mounting"),
    ("Gateway.DeserializedResponses", "gateway_paths"),
    ("Gateway.NoFetch", "gateway_fetch"),
    ("Gateway.PublicGateways", "gateway_subdomains"),
    ("HTTPRetrieval", "gateways"),
    ("Peering", "peering"),
    ("Provide", "provide"),
    ("Provider", "provide"),
    ("Reprovider", "provide"),
    ("Pubsub", "pubsub"),
    ("Routing", "dht"),
    ("Swarm.AddrFilters", "filters"),
    ("Swarm.ConnMgr", "connections"),
    ("Swarm.ResourceMgr", "connections"),
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Setting {
    key: String,
    value: Value,
}

fn config(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let key = call.arg(0);
    if key.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case("identity")) {
        return Err(Refusal::failed("cannot show or change private key through API"));
    }
    let all = shown(node);
    let Some(wanted) = call.args().get(1) else {
        let value = look_up(&all, key)?.clone();
        return reply.single(&Setting { key: key.to_owned(), value });
    };
    let value = read(call, wanted)?;
    if look_up(&all, key).ok() != Some(&value) {
        return Err(set_elsewhere(key));
    }
    reply.single(&Setting { key: key.to_owned(), value })
}

fn read(call: &Call, text: &str) -> Result<Value, Refusal> {
    if call.is_on("json") {
        return serde_json::from_str(text)
            .map_err(|error| Refusal::failed(format!("failed to unmarshal json. {error}")));
    }
    Ok(if call.is_on("bool") { Value::Bool(text == "true") } else { Value::String(text.to_owned()) })
}

fn look_up<'v>(all: &'v Value, key: &str) -> Result<&'v Value, Refusal> {
    let mut value = all;
    let mut so_far = String::new();
    for part in key.split('.') {
        let Some(object) = value.as_object() else {
            return Err(Refusal::failed(format!("failed to get config value: \"{so_far} key is not a map\"")));
        };
        so_far = if so_far.is_empty() { part.to_owned() } else { format!("{so_far}.{part}") };
        let absent = || Refusal::failed(format!("failed to get config value: \"{so_far} not found\""));
        value = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(part)).ok_or_else(absent)?.1;
    }
    Ok(value)
}

fn set_elsewhere(key: &str) -> Refusal {
    let is_below = |start: &str| key == start || key.strip_prefix(start).is_some_and(|rest| rest.starts_with('.'));
    match KEYS.iter().find(|(kubos, _)| is_below(kubos)) {
        Some((_, ours)) => Refusal::failed(format!(
            "{key} is set by {ours} in [ipfs-node] of rookery.toml: change it there and start the node again"
        )),
        None => Refusal::failed(format!(
            "{key} cannot be set: this daemon is configured by [ipfs-node] in rookery.toml, which has nothing like it"
        )),
    }
}

fn show(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    reply.single(&shown(node))
}

fn replace(_: &Arc<Node>, _: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    Err(Refusal::failed(
        "the configuration cannot be replaced here: edit [ipfs-node] in rookery.toml and start the node again",
    ))
}

fn apply(_: &Arc<Node>, call: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    let profile = call.arg(0);
    Err(Refusal::failed(format!(
        "{profile} is not a profile: this daemon has none, edit [ipfs-node] in rookery.toml and start the node again"
    )))
}

/// The configuration as Kubo would show it. What Kubo shows as `null` or `{}` when it is not set is so here.
fn shown(node: &Node) -> Value {
    let config = node.config();
    let bootstrap = node.peer().map_or_else(|| texts(&config.bootstrap), |peer| json!(peer.bootstrap_list()));
    json!({
        "API": { "HTTPHeaders": origins(config) },
        "Addresses": {
            "API": multiaddr(config.rpc_listen),
            "Announce": texts(&config.announce),
            "AppendAnnounce": [],
            "Gateway": multiaddr(config.gateway_listen),
            "NoAnnounce": [],
            "Swarm": texts(&config.swarm_listen),
        },
        "AutoConf": { "Enabled": false },
        "AutoNAT": {},
        "AutoTLS": { "Enabled": false },
        "Bitswap": {},
        "Bootstrap": null_if_empty(bootstrap),
        "DNS": { "Resolvers": {} },
        "Datastore": {
            "BloomFilterSize": 0,
            "GCPeriod": "1h",
            "HashOnRead": false,
            "Spec": { "path": "segments", "type": "rookery" },
            "StorageGCWatermark": 100,
            "StorageMax": format!("{}GiB", config.storage_max_gib),
        },
        "Discovery": { "MDNS": { "Enabled": config.mdns } },
        "Experimental": { "Libp2pStreamMounting": config.stream_mounting },
        "Gateway": {
            "DeserializedResponses": config.gateway_paths,
            "HTTPHeaders": {},
            "NoDNSLink": false,
            "NoFetch": !config.gateway_fetch,
            "PublicGateways": null,
            "RootRedirect": "",
        },
        "HTTPRetrieval": { "Enabled": !config.gateways.is_empty() },
        "Identity": { "PeerID": node.identity.peer_id() },
        "Import": {},
        "Internal": {},
        "Ipns": { "RecordLifetime": "", "RepublishPeriod": "", "ResolveCacheSize": 128 },
        "Migration": {},
        "Mounts": { "IPFS": "/ipfs", "IPNS": "/ipns", "MFS": "/mfs" },
        "Peering": { "Peers": null_if_empty(Value::Array(config.peering.iter().map(peering).collect())) },
        "Pinning": { "RemoteServices": {} },
        "Plugins": { "Plugins": null },
        "Provide": provide(config.provide),
        "Provider": {},
        "Pubsub": { "DisableSigning": false, "Enabled": config.pubsub, "Router": "" },
        "Reprovider": {},
        "Routing": routing(&config.dht),
        "Swarm": {
            "AddrFilters": null_if_empty(texts(&config.filters)),
            "ConnMgr": { "HighWater": config.connections },
            "DisableBandwidthMetrics": false,
            "DisableNatPortMap": true,
            "RelayClient": {},
            "RelayService": {},
            "ResourceMgr": {},
            "Transports": { "Multiplexers": {}, "Network": {}, "Security": {} },
        },
        "Version": {},
    })
}

fn texts(addresses: &[PeerAddress]) -> Value {
    addresses.iter().map(PeerAddress::as_str).collect()
}

fn null_if_empty(value: Value) -> Value {
    if value.as_array().is_some_and(Vec::is_empty) { Value::Null } else { value }
}

fn origins(config: &IpfsNode) -> Map<String, Value> {
    let allowed = (!config.rpc_allow_origins.is_empty()).then(|| json!(config.rpc_allow_origins));
    allowed.into_iter().map(|allowed| ("Access-Control-Allow-Origin".to_owned(), allowed)).collect()
}

/// `{"ID": …, "Addrs": […]}` of `/ip4/…/p2p/ID`.
fn peering(address: &PeerAddress) -> Value {
    let (at, id) = address.as_str().rsplit_once("/p2p/").unwrap_or((address.as_str(), ""));
    json!({ "ID": id, "Addrs": [at] })
}

fn provide(what: Provide) -> Value {
    match what {
        Provide::Off => json!({ "DHT": {}, "Enabled": false }),
        Provide::Roots => json!({ "DHT": {}, "Strategy": "roots" }),
        Provide::Pinned => json!({ "DHT": {}, "Strategy": "pinned" }),
    }
}

fn routing(dht: &DhtScope) -> Value {
    match dht {
        DhtScope::Off => json!({ "Type": "none" }),
        DhtScope::Public => json!({ "Type": "dht" }),
        DhtScope::Lan | DhtScope::Private(_) => json!({ "Type": "dht", "LoopbackAddressesOnLanDHT": true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_by_the_names_that_kubo_gives_them() {
        let all = json!({ "Addresses": { "API": "/ip4/127.0.0.1/tcp/1" } });
        assert_eq!(look_up(&all, "Addresses.API").unwrap(), "/ip4/127.0.0.1/tcp/1");
        let absent = look_up(&all, "Nope.Nope").unwrap_err();
        assert_eq!(absent.message, "failed to get config value: \"Nope not found\"");
    }

    #[test]
    fn what_cannot_be_set_here_is_said_to_be_set_in_the_file() {
        assert!(set_elsewhere("Swarm.ConnMgr.HighWater").message.contains("set by connections in [ipfs-node]"));
        assert!(set_elsewhere("Mounts.FuseAllowOther").message.contains("has nothing like it"));
        assert!(set_elsewhere("PeeringX").message.contains("has nothing like it"));
    }

    #[test]
    fn every_key_that_is_named_is_one_of_the_file() {
        let ours = serde_json::to_value(IpfsNode::default()).unwrap();
        for (kubos, key) in KEYS {
            assert!(ours.get(key).is_some(), "{kubos} is said to be {key}");
        }
    }
}
