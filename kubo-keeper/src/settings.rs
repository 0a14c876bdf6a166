//! Kubo's configuration as we need it: a server's, with little memory, in the networks that `[ipfs-node]` names.
//!
//! Pure: keys and values. What is not named here is left as it is, so whatever else an operator sets in Kubo's own `config`
//! stays.

use std::net::{IpAddr, SocketAddr};

use proto::{
    config::{IpfsNode, Rookery},
    outside::Network,
    peers::{DhtScope, PeerAddress, Provide},
};
use serde_json::{Value, json};

/// Ranges that are no use on the public internet: what Kubo's profile `server` neither announces nor connects to.
const NOT_PUBLIC: [&str; 19] = [
    "/ip4/10.0.0.0/ipcidr/8",
    "/ip4/100.64.0.0/ipcidr/10",
    "/ip4/127.0.0.0/ipcidr/8",
    "/ip4/169.254.0.0/ipcidr/16",
    "/ip4/172.16.0.0/ipcidr/12",
    "/ip4/192.0.0.0/ipcidr/24",
    "/ip4/192.0.2.0/ipcidr/24",
    "/ip4/192.168.0.0/ipcidr/16",
    "/ip4/198.18.0.0/ipcidr/15",
    "/ip4/198.51.100.0/ipcidr/24",
    "/ip4/203.0.113.0/ipcidr/24",
    "/ip4/240.0.0.0/ipcidr/4",
    "/ip6/::/ipcidr/3",
    "/ip6/::1/ipcidr/128",
    "/ip6/100::/ipcidr/64",
    "/ip6/2001:2::/ipcidr/48",
    "/ip6/2001:db8::/ipcidr/32",
    "/ip6/fc00::/ipcidr/7",
    "/ip6/fe80::/ipcidr/10",
];
/// More connections than this cost memory and find nothing that fewer would not.
const CONNECTIONS: u32 = 96;

/// Where the listeners that Kubo takes over are.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// The RPC.
    pub rpc: SocketAddr,
    /// The gateway.
    pub gateway: SocketAddr,
}

/// Every key that is set, with its value.
#[must_use]
pub fn settings(all: &Rookery, listening: Listening) -> Vec<(&'static str, Value)> {
    let node = &all.ipfs_node;
    let mut rows = addresses(node, listening);
    rows.extend(networks(node));
    rows.extend(swarm(node));
    rows.extend(providing(node));
    rows.extend(gateway(node));
    rows.extend([
        ("API.HTTPHeaders.Access-Control-Allow-Origin", json!(node.rpc_allow_origins)),
        ("Datastore.StorageMax", json!(storage(node.storage_max_gib))),
        ("Pubsub.Enabled", json!(node.pubsub)),
        ("Experimental.Libp2pStreamMounting", json!(node.stream_mounting)),
        // Less than the keeper waits: so it is Kubo that says what did not end.
        ("Internal.ShutdownTimeout", json!(format!("{}ms", all.supervisor.stop_wait_ms.saturating_mul(3) / 4))),
    ]);
    rows
}

/// Sets a key, `Swarm.ConnMgr.HighWater`, and makes the objects that lead to it.
pub fn set(document: &mut Value, key: &str, value: Value) {
    let mut place = document;
    for part in key.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    *place = value;
}

fn addresses(node: &IpfsNode, listening: Listening) -> Vec<(&'static str, Value)> {
    let (announced, refused) = match node.dht {
        // Whoever is met by address or on the local network may be anywhere, this machine included.
        DhtScope::Off | DhtScope::Lan | DhtScope::Private(_) => (Vec::new(), Vec::new()),
        DhtScope::Public => {
            (NOT_PUBLIC.to_vec(), NOT_PUBLIC.into_iter().filter(|range| !is_used(node, range)).collect())
        }
    };
    let filters: Vec<_> = refused.into_iter().chain(node.filters.iter().map(PeerAddress::as_str)).collect();
    vec![
        ("Addresses.API", json!([multiaddr(listening.rpc)])),
        ("Addresses.Gateway", json!([multiaddr(listening.gateway)])),
        ("Addresses.Swarm", json!(node.swarm_listen)),
        ("Addresses.Announce", json!(node.announce)),
        ("Addresses.NoAnnounce", json!(announced)),
        ("Swarm.AddrFilters", json!(filters)),
    ]
}

/// Whether a range holds an address that the operator has named: then the connections with it are wanted.
fn is_used(node: &IpfsNode, range: &str) -> bool {
    let Some(range) = network(range) else { return false };
    let named = node.swarm_listen.iter().chain(&node.bootstrap).chain(&node.peering);
    named.filter_map(ip).any(|ip| !ip.is_unspecified() && range.contains(ip))
}

fn network(range: &str) -> Option<Network> {
    let mut parts = range.split('/').skip(2);
    let (ip, bits) = (parts.next()?, parts.nth(1)?);
    format!("{ip}/{bits}").parse().ok()
}

fn ip(address: &PeerAddress) -> Option<IpAddr> {
    address.as_str().split('/').nth(2)?.parse().ok()
}

fn multiaddr(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => format!("/ip4/{ip}/tcp/{}", address.port()),
        IpAddr::V6(ip) => format!("/ip6/{ip}/tcp/{}", address.port()),
    }
}

fn networks(node: &IpfsNode) -> Vec<(&'static str, Value)> {
    let is_public = node.dht == DhtScope::Public;
    // What Kubo looks up by itself on the public network; off it, nothing may be looked up at all.
    let auto = if is_public { json!(["auto"]) } else { json!([]) };
    let bootstrap = if is_public && node.bootstrap.is_empty() { auto.clone() } else { json!(node.bootstrap) };
    let kind = match node.dht {
        DhtScope::Off => "none",
        DhtScope::Lan | DhtScope::Private(_) => "dht",
        // Kubo's profile `lowpower`: asks and announces, but answers nobody.
        DhtScope::Public => "autoclient",
    };
    vec![
        ("Routing.Type", json!(kind)),
        ("Routing.LoopbackAddressesOnLanDHT", json!(!is_public)),
        ("Routing.DelegatedRouters", auto.clone()),
        ("Ipns.DelegatedPublishers", auto),
        ("DNS.Resolvers", if is_public { json!({ ".": "auto" }) } else { json!({}) }),
        ("Bootstrap", bootstrap),
        ("Peering.Peers", json!(node.peering.iter().filter_map(peer).collect::<Vec<_>>())),
        ("Discovery.MDNS.Enabled", json!(node.mdns)),
        ("AutoConf.Enabled", json!(is_public)),
        ("AutoTLS.Enabled", json!(false)),
    ]
}

/// Kubo has peers by name; an address without one says nothing to it.
fn peer(address: &PeerAddress) -> Option<Value> {
    let (place, id) = address.as_str().rsplit_once("/p2p/")?;
    Some(json!({ "ID": id, "Addrs": [place] }))
}

fn swarm(node: &IpfsNode) -> Vec<(&'static str, Value)> {
    let is_public = node.dht == DhtScope::Public;
    let listens =
        |part: &str| node.swarm_listen.iter().any(|address| address.as_str().split('/').any(|name| name == part));
    let most = node.connections.min(CONNECTIONS);
    vec![
        ("Swarm.ConnMgr.Type", json!("basic")),
        ("Swarm.ConnMgr.LowWater", json!(most.div_ceil(2))),
        ("Swarm.ConnMgr.HighWater", json!(most)),
        ("Swarm.DisableBandwidthMetrics", json!(true)),
        ("Swarm.DisableNatPortMap", json!(true)),
        ("Swarm.RelayService.Enabled", json!(false)),
        ("Swarm.RelayClient.Enabled", json!(is_public)),
        ("Swarm.EnableHolePunching", json!(is_public)),
        ("Swarm.Transports.Network.TCP", json!(true)),
        // The two transports that leaked memory before, and those that need them, only where somebody listens on them.
        ("Swarm.Transports.Network.QUIC", json!(listens("quic-v1"))),
        ("Swarm.Transports.Network.Websocket", json!(listens("ws") || listens("wss"))),
        ("Swarm.Transports.Network.WebTransport", json!(listens("webtransport"))),
        ("Swarm.Transports.Network.WebRTCDirect", json!(listens("webrtc-direct"))),
        ("AutoNAT.ServiceMode", json!("disabled")),
    ]
}

fn providing(node: &IpfsNode) -> Vec<(&'static str, Value)> {
    let strategy = match node.provide {
        Provide::Roots | Provide::Off => "roots",
        Provide::Pinned => "pinned",
    };
    vec![
        ("Provide.Enabled", json!(node.provide != Provide::Off && node.dht != DhtScope::Off)),
        ("Provide.Strategy", json!(strategy)),
        ("Provide.DHT.MaxWorkers", json!(4)),
    ]
}

/// What the node's own gateway gives at this address, and no more: a page of a stranger's stays off an address of the world.
fn gateway(node: &IpfsNode) -> Vec<(&'static str, Value)> {
    let gives_paths = node.gateway_paths.unwrap_or_else(|| node.gateway_listen.ip().is_loopback());
    let host = |name: &String| (name.clone(), json!({ "Paths": ["/ipfs", "/ipns"], "UseSubdomains": true }));
    // Kubo adds `localhost` by itself, unless it is told not to.
    let mut hosts = serde_json::Map::from_iter([("localhost".to_owned(), Value::Null)]);
    hosts.extend(node.gateway_subdomains.iter().filter(|_| gives_paths).map(host));
    vec![
        ("Gateway.NoFetch", json!(!node.gateway_fetch)),
        ("Gateway.DeserializedResponses", json!(gives_paths)),
        ("Gateway.NoDNSLink", json!(!gives_paths)),
        ("Gateway.PublicGateways", Value::Object(hosts)),
    ]
}

/// Without a limit collection is not started either: see [`crate::keep`].
fn storage(max_gib: u64) -> String {
    if max_gib == 0 { "1EB".to_owned() } else { format!("{max_gib}GiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(toml: &str) -> Value {
        let all = Rookery::parse(toml).unwrap();
        let listening = Listening { rpc: "127.0.0.1:5001".parse().unwrap(), gateway: "[::1]:8781".parse().unwrap() };
        let mut document = json!({ "Identity": { "PeerID": "kept" }, "Swarm": { "ResourceMgr": { "Enabled": true } } });
        settings(&all, listening).into_iter().for_each(|(key, value)| set(&mut document, key, value));
        document
    }

    #[test]
    fn what_is_not_ours_stays() {
        let document = found("");
        assert_eq!(document["Identity"]["PeerID"], "kept");
        assert_eq!(document["Swarm"]["ResourceMgr"]["Enabled"], true);
    }

    #[test]
    fn the_default_is_a_server_on_this_machine_that_meets_only_whom_it_is_told_of() {
        let document = found("");
        assert_eq!(document["Addresses"]["API"], json!(["/ip4/127.0.0.1/tcp/5001"]));
        assert_eq!(document["Addresses"]["Gateway"], json!(["/ip6/::1/tcp/8781"]));
        assert_eq!(document["Swarm"]["AddrFilters"], json!([]), "peers on loopback are let in");
        assert_eq!(document["Bootstrap"], json!([]));
        assert_eq!(document["AutoConf"]["Enabled"], false);
        assert_eq!(document["Routing"]["Type"], "dht");
        assert_eq!(document["Routing"]["LoopbackAddressesOnLanDHT"], true);
        assert_eq!(document["Internal"]["ShutdownTimeout"], "7500ms");
        assert_eq!(document["Datastore"]["StorageMax"], "10GiB");
        assert_eq!(document["Provide"]["Strategy"], "roots");
    }

    #[test]
    fn on_the_public_network_private_ranges_are_refused_but_for_those_that_are_used() {
        let listen = "[ipfs-node]\ndht = \"public\"\nswarm_listen = [\"/ip4/0.0.0.0/tcp/4001\"]\n";
        let document = found(listen);
        assert_eq!(document["Swarm"]["AddrFilters"].as_array().unwrap().len(), NOT_PUBLIC.len());
        assert_eq!(document["Addresses"]["NoAnnounce"].as_array().unwrap().len(), NOT_PUBLIC.len());
        assert_eq!(document["Bootstrap"], json!(["auto"]));
        assert_eq!(document["Routing"]["Type"], "autoclient");
        assert_eq!(document["Swarm"]["Transports"]["Network"]["QUIC"], false);
        let peering = format!("{listen}peering = [\"/ip4/10.0.0.5/tcp/4001/p2p/12D3KooWGzh2\"]\n");
        let document = found(&peering);
        let filters: Vec<String> = serde_json::from_value(document["Swarm"]["AddrFilters"].clone()).unwrap();
        assert_eq!(filters.len(), NOT_PUBLIC.len() - 1);
        assert!(!filters.iter().any(|range| range.starts_with("/ip4/10.")));
        let expected = json!([{ "ID": "12D3KooWGzh2", "Addrs": ["/ip4/10.0.0.5/tcp/4001"] }]);
        assert_eq!(document["Peering"]["Peers"], expected);
    }

    #[test]
    fn what_the_gateway_gives_is_what_the_embedded_one_would() {
        let here = found("");
        assert_eq!(here["Gateway"]["DeserializedResponses"], true);
        assert_eq!(here["Gateway"]["PublicGateways"]["localhost"]["UseSubdomains"], true);
        let world = found("[ipfs-node]\ngateway_listen = \"0.0.0.0:8781\"\n");
        assert_eq!(world["Gateway"]["DeserializedResponses"], false);
        assert_eq!(world["Gateway"]["PublicGateways"], json!({ "localhost": null }));
        let hosts = "[ipfs-node]\ngateway_paths = true\ngateway_subdomains = [\"ipfs.example.org\"]\n";
        let named = &found(hosts)["Gateway"]["PublicGateways"];
        assert!(named["ipfs.example.org"].is_object() && named["localhost"].is_null());
    }

    #[test]
    fn every_private_range_is_one() {
        assert!(NOT_PUBLIC.iter().all(|range| network(range).is_some()));
    }

    #[test]
    fn without_a_dht_nothing_is_announced() {
        let document = found("[ipfs-node]\ndht = \"off\"\n");
        assert_eq!(document["Routing"]["Type"], "none");
        assert_eq!(document["Provide"]["Enabled"], false);
    }
}
