//! The section `[ipfs-node]` in the words of the crate `swarm`.
//!
//! Asked at the start. What of the file has the right shape but no meaning is told with its key.

use proto::{
    config::IpfsNode,
    peers::{DhtScope, PeerAddress},
};
use swarm::{Dht, Filter, KeyPair, Limits, Multiaddr, Settings};

use super::PeerError;
use crate::node::{AgentVersion, Identity};

/// Everything that the peer is told at its start.
pub(super) fn settings(config: &IpfsNode, identity: &Identity) -> Result<Settings, PeerError> {
    let key = KeyPair::from_protobuf(&identity.private_key()).map_err(PeerError::Key)?;
    let filters = config.filters.iter().map(filter).collect::<Result<_, _>>()?;
    Ok(Settings {
        listen: addresses("swarm_listen", &config.swarm_listen)?,
        announce: addresses("announce", &config.announce)?,
        bootstrap: addresses("bootstrap", &config.bootstrap)?,
        peering: addresses("peering", &config.peering)?,
        filters,
        agent_version: AgentVersion.to_string(),
        dht: dht(&config.dht),
        mdns: config.mdns,
        pubsub: config.pubsub,
        limits: Limits { connections: config.connections, ..Limits::default() },
        gateways: config.gateways.clone(),
        memory_bytes: usize::try_from(config.exchange_mib).unwrap_or(usize::MAX >> 20) << 20,
        ..Settings::new(key)
    })
}

fn addresses(key: &'static str, texts: &[PeerAddress]) -> Result<Vec<Multiaddr>, PeerError> {
    texts.iter().map(|text| address(key, text)).collect()
}

fn address(key: &'static str, text: &PeerAddress) -> Result<Multiaddr, PeerError> {
    text.as_str().parse().map_err(|error| wrong(key, text, &error))
}

fn filter(text: &PeerAddress) -> Result<Filter, PeerError> {
    text.as_str().parse().map_err(|error| wrong("filters", text, &error))
}

fn wrong(key: &'static str, text: &PeerAddress, error: &dyn std::error::Error) -> PeerError {
    PeerError::Config { key, text: text.to_string(), why: error.to_string() }
}

fn dht(scope: &DhtScope) -> Dht {
    match scope {
        DhtScope::Off => Dht::Off,
        DhtScope::Lan => Dht::Lan,
        DhtScope::Public => Dht::Public,
        DhtScope::Private(prefix) => Dht::Private(prefix.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity::open(&tempfile::tempdir().unwrap().path().join("identity")).unwrap()
    }

    fn config(key: &str, value: &str) -> IpfsNode {
        let text = format!("[ipfs-node]\n{key} = [\"{value}\"]\n");
        proto::config::Rookery::parse(&text).unwrap().ipfs_node
    }

    #[test]
    fn the_peer_is_who_the_node_is() {
        let identity = identity();
        let settings = settings(&IpfsNode::default(), &identity).unwrap();
        assert_eq!(settings.key.peer_id().to_string(), identity.peer_id());
        assert_eq!(settings.listen.len(), 3);
    }

    #[test]
    fn an_address_that_means_nothing_is_told_with_its_key() {
        for (key, value) in
            [("bootstrap", "/ip4/127.0.0.1/tcp/4001/p2p/nobody"), ("filters", "/ip4/127.0.0.1/tcp/4001")]
        {
            let error = settings(&config(key, value), &identity()).unwrap_err().to_string();
            assert!(error.contains(&format!("[ipfs-node] {key}")) && error.contains(value), "{error}");
        }
    }
}
