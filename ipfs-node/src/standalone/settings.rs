//! What Kubo's configuration means for this node: its JSON becomes the section `[ipfs-node]` that a tree would have.
//!
//! Asked when a repository is opened. What has no meaning here is passed over, as Kubo passes over what it does not know.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use proto::{
    config::IpfsNode,
    peers::{DhtScope, PeerAddress, Provide},
};
use serde_json::{Value, json};

use super::repo::{Repo, RepoError, look_up, set};

const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

/// What a new repository is configured with.
pub(super) fn fresh(peer_id: &str) -> Value {
    json!({
        "Identity": { "PeerID": peer_id },
        "Addresses": {
            "Swarm": ["/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1", "/ip6/::/udp/4001/quic-v1"],
            "Announce": [],
            "API": "/ip4/127.0.0.1/tcp/5001",
            "Gateway": "/ip4/127.0.0.1/tcp/8080",
        },
        "Bootstrap": [],
        "Peering": { "Peers": [] },
        "Routing": { "Type": "lan" },
        "Provide": { "Enabled": true, "Strategy": "roots" },
        "Datastore": { "StorageMax": "10GB" },
        "Discovery": { "MDNS": { "Enabled": false } },
        "Swarm": { "AddrFilters": [], "ConnMgr": { "HighWater": 256 } },
        "Pubsub": { "Enabled": false },
        "Experimental": { "Libp2pStreamMounting": false },
        "Gateway": { "NoFetch": false, "DeserializedResponses": true },
        "API": { "HTTPHeaders": {} },
        "Internal": {},
    })
}

/// Applies a profile of Kubo, as far as it has a meaning here.
pub(crate) fn apply_profile(config: &mut Value, name: &str) -> Result<(), RepoError> {
    match name {
        "test" => {
            set(config, "Addresses.Swarm", json!([LOOPBACK]));
            set(config, "Addresses.API", json!(LOOPBACK));
            set(config, "Addresses.Gateway", json!(LOOPBACK));
            set(config, "Bootstrap", json!([]));
            set(config, "Discovery.MDNS.Enabled", json!(false));
            set(config, "Routing", json!({ "Type": "lan", "LoopbackAddressesOnLanDHT": true }));
        }
        "server" => set(config, "Discovery.MDNS.Enabled", json!(false)),
        "public" => {
            set(config, "Routing.Type", json!("dht"));
            set(config, "Bootstrap", json!(BOOTSTRAP));
        }
        other => return Err(RepoError::NoProfile(other.to_owned())),
    }
    Ok(())
}

/// The peers through which Kubo enters the public network.
const BOOTSTRAP: [&str; 4] = [
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
];

/// What the configuration of a repository means.
pub(super) fn read(repo: &Repo) -> Result<IpfsNode, RepoError> {
    let config = repo.config()?;
    let reader = Reader { repo, config: &config };
    let defaults = IpfsNode::default();
    Ok(IpfsNode {
        rpc_listen: reader.listener("Addresses.API")?,
        gateway_listen: reader.listener("Addresses.Gateway")?,
        storage_max_gib: reader.gibibytes("Datastore.StorageMax", defaults.storage_max_gib)?,
        rpc_allow_origins: reader.texts("API.HTTPHeaders.Access-Control-Allow-Origin")?,
        swarm_listen: reader.addresses("Addresses.Swarm")?,
        announce: reader.addresses("Addresses.Announce")?,
        bootstrap: reader.addresses("Bootstrap")?,
        peering: reader.peering()?,
        filters: reader.addresses("Swarm.AddrFilters")?,
        dht: reader.dht()?,
        provide: reader.provide()?,
        mdns: reader.flag("Discovery.MDNS.Enabled", false)?,
        pubsub: reader.flag("Pubsub.Enabled", false)?,
        stream_mounting: reader.flag("Experimental.Libp2pStreamMounting", false)?,
        connections: reader.number("Swarm.ConnMgr.HighWater", defaults.connections)?,
        gateway_fetch: !reader.flag("Gateway.NoFetch", false)?,
        gateway_paths: Some(reader.flag("Gateway.DeserializedResponses", true)?),
        ..defaults
    })
}

/// What Kubo calls a kind of routing.
pub(super) fn dht_of(kind: &str) -> Option<DhtScope> {
    match kind {
        "none" | "custom" => Some(DhtScope::Off),
        "" | "auto" | "autoclient" | "dht" | "dhtclient" | "dhtserver" => Some(DhtScope::Public),
        other => DhtScope::try_from(other.to_owned()).ok(),
    }
}

/// A JSON that tells where it is wrong.
struct Reader<'a> {
    repo: &'a Repo,
    config: &'a Value,
}

impl Reader<'_> {
    /// The value, unless it is not there or null.
    fn get(&self, key: &str) -> Option<&Value> {
        look_up(self.config, key).ok().filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, found: &Value, wanted: impl Into<String>) -> RepoError {
        let path = self.repo.config_path();
        RepoError::Setting { path, key: key.to_owned(), found: found.to_string(), wanted: wanted.into() }
    }

    fn flag(&self, key: &str, otherwise: bool) -> Result<bool, RepoError> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        value.as_bool().ok_or_else(|| self.wrong(key, value, "expected true or false"))
    }

    fn number(&self, key: &str, otherwise: u32) -> Result<u32, RepoError> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        let number = value.as_u64().and_then(|number| number.try_into().ok()).filter(|number| *number > 0);
        number.ok_or_else(|| self.wrong(key, value, "expected a number of at least 1"))
    }

    /// A list, or one alone.
    fn texts(&self, key: &str) -> Result<Vec<String>, RepoError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let one = value.as_str().map(|text| vec![text.to_owned()]);
        let list = || value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect();
        one.or_else(list).ok_or_else(|| self.wrong(key, value, "expected a list of texts"))
    }

    fn addresses(&self, key: &str) -> Result<Vec<PeerAddress>, RepoError> {
        let texts = self.texts(key)?.into_iter();
        texts
            .map(|text| {
                PeerAddress::try_from(text.clone()).map_err(|error| self.wrong(key, &text.into(), error.to_string()))
            })
            .collect()
    }

    fn listener(&self, key: &str) -> Result<SocketAddr, RepoError> {
        let text = self.texts(key)?.into_iter().next().unwrap_or_else(|| LOOPBACK.to_owned());
        let address = dialable(&text).and_then(|host| host.to_socket_addrs().ok()?.next());
        address.ok_or_else(|| self.wrong(key, &text.into(), "expected an address such as \"/ip4/127.0.0.1/tcp/5001\""))
    }

    fn peering(&self) -> Result<Vec<PeerAddress>, RepoError> {
        const KEY: &str = "Peering.Peers";
        let Some(peers) = self.get(KEY) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for peer in peers.as_array().map(Vec::as_slice).unwrap_or_default() {
            let id = peer["ID"].as_str().unwrap_or_default();
            for address in peer["Addrs"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let address = address.as_str().unwrap_or_default();
                let whole = if address.contains("/p2p/") { address.to_owned() } else { format!("{address}/p2p/{id}") };
                all.push(PeerAddress::try_from(whole).map_err(|error| self.wrong(KEY, peer, error.to_string()))?);
            }
        }
        Ok(all)
    }

    fn dht(&self) -> Result<DhtScope, RepoError> {
        const KEY: &str = "Routing.Type";
        let Some(value) = self.get(KEY) else { return Ok(DhtScope::Public) };
        let kind = value.as_str().and_then(dht_of);
        kind.ok_or_else(|| {
            self.wrong(KEY, value, "expected \"auto\", \"dht\", \"lan\", \"none\", or the prefix of a private network")
        })
    }

    fn provide(&self) -> Result<Provide, RepoError> {
        if !self.flag("Provide.Enabled", true)? {
            return Ok(Provide::Off);
        }
        let strategy = self.get("Provide.Strategy").and_then(Value::as_str).unwrap_or("roots");
        Ok(if strategy == "roots" || strategy == "mfs" { Provide::Roots } else { Provide::Pinned })
    }

    /// `10GB`, `512MiB`, `0`; a part of a gibibyte counts as a whole one.
    fn gibibytes(&self, key: &str, otherwise: u64) -> Result<u64, RepoError> {
        let Some(value) = self.get(key) else { return Ok(otherwise) };
        let bytes = value.as_str().and_then(size_bytes);
        let bytes = bytes.ok_or_else(|| self.wrong(key, value, "expected a size such as \"10GB\""))?;
        Ok(bytes.div_ceil(1 << 30))
    }
}

fn size_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" | "K" => 1_000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000,
        "TB" | "T" => 1_000_000_000_000,
        "KIB" => 1 << 10,
        "MIB" => 1 << 20,
        "GIB" => 1 << 30,
        "TIB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// `127.0.0.1:5001` of `/ip4/127.0.0.1/tcp/5001`, perhaps with more behind it.
pub(crate) fn dialable(multiaddr: &str) -> Option<String> {
    let mut parts = multiaddr.strip_prefix('/')?.split('/');
    let (kind, host) = (parts.next()?, parts.next()?);
    let port: u16 = if parts.next()? == "tcp" { parts.next()?.parse().ok()? } else { return None };
    match kind {
        "ip4" | "ip6" => Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port).to_string()),
        "dns" | "dns4" | "dns6" => Some(format!("{host}:{port}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(change: impl FnOnce(&mut Value)) -> Result<IpfsNode, RepoError> {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(Some(folder.path().to_owned()));
        let mut config = fresh("12D3KooW");
        change(&mut config);
        repo.write_config(&config).unwrap();
        read(&repo)
    }

    #[test]
    fn a_new_repository_means_what_a_new_kubo_would_without_the_public_network() {
        let settings = read_from(|_| {}).unwrap();
        assert_eq!(settings.rpc_listen.to_string(), "127.0.0.1:5001");
        assert_eq!(settings.gateway_listen.to_string(), "127.0.0.1:8080");
        assert_eq!((settings.swarm_listen.len(), settings.storage_max_gib), (4, 10));
        assert_eq!((settings.dht, settings.bootstrap.len()), (DhtScope::Lan, 0));
    }

    #[test]
    fn the_test_profile_listens_on_any_port_of_loopback() {
        let settings = read_from(|config| apply_profile(config, "test").unwrap()).unwrap();
        assert_eq!(settings.rpc_listen.to_string(), "127.0.0.1:0");
        assert_eq!(settings.swarm_listen[0].as_str(), LOOPBACK);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        let error = read_from(|config| set(config, "Addresses.API", json!("localhost:5001"))).unwrap_err().to_string();
        assert!(error.contains("Addresses.API") && error.contains("localhost:5001"), "{error}");
        let error = read_from(|config| set(config, "Swarm.ConnMgr.HighWater", json!("many"))).unwrap_err().to_string();
        assert!(error.contains("at least 1"), "{error}");
    }

    #[test]
    fn sizes_are_those_of_kubo() {
        assert_eq!(size_bytes("10GB"), Some(10_000_000_000));
        assert_eq!(size_bytes("512MiB"), Some(512 << 20));
        assert_eq!((size_bytes("ten"), size_bytes("10XB")), (None, None));
    }

    #[test]
    fn peers_to_which_connections_are_kept_have_their_name_behind_each_address() {
        let id = "12D3KooWGzh2";
        let peers = json!([{ "ID": id, "Addrs": ["/ip4/127.0.0.1/tcp/4001"] }]);
        let settings = read_from(|config| set(config, "Peering.Peers", peers)).unwrap();
        assert_eq!(settings.peering[0].as_str(), format!("/ip4/127.0.0.1/tcp/4001/p2p/{id}"));
    }
}
