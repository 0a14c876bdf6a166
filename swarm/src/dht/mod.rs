//! The DHT: what is kept for its network, which addresses it learns, and which records are taken.
//!
//! Used by the host, which asks it and hears its events. Nothing here is kept on disk.

mod records;
mod scoped;
mod shelf;

use std::time::Duration;

use libp2p::{PeerId, StreamProtocol, kad};

pub(crate) use records::{better, check};
pub(crate) use scoped::Scoped;
pub(crate) use shelf::Shelf;

use crate::{errors::StartError, scope::Scope, settings::Dht};

/// How long one search may take.
pub(crate) const SEARCH_WAIT: Duration = Duration::from_secs(60);
/// A message of the DHT; what is larger is not read.
const MESSAGE_BYTES: usize = 64 << 10;
/// How often the neighbourhood is looked over.
pub(crate) const REFRESH: Duration = Duration::from_secs(600);

/// Which of the DHTs: the wide one (public, or a private network's), or that of the local network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Net {
    Wide,
    Local,
}

/// The DHTs that a configuration asks for: the wide one and the local one.
pub(crate) fn make(id: PeerId, dht: &Dht) -> Result<(Option<Scoped>, Option<Scoped>), StartError> {
    let lan = || StreamProtocol::new("/ipfs/lan/kad/1.0.0");
    Ok(match dht {
        Dht::Off => (None, None),
        Dht::Lan => (None, Some(network(id, lan(), Scope::All))),
        Dht::Public => {
            let wide = network(id, StreamProtocol::new("/ipfs/kad/1.0.0"), Scope::World);
            (Some(wide), Some(network(id, lan(), Scope::Local)))
        }
        Dht::Private(prefix) => (Some(network(id, private(prefix)?, Scope::All)), None),
    })
}

fn private(prefix: &str) -> Result<StreamProtocol, StartError> {
    let wrong = || StartError::Prefix(prefix.to_owned());
    let shape = prefix.len() > 1 && prefix.len() <= 100 && !prefix.contains(char::is_whitespace);
    if !shape || prefix.ends_with('/') {
        return Err(wrong());
    }
    StreamProtocol::try_from_owned(format!("{prefix}/kad/1.0.0")).map_err(|_| wrong())
}

fn network(id: PeerId, protocol: StreamProtocol, scope: Scope) -> Scoped {
    let mut config = kad::Config::new(protocol);
    config
        .set_query_timeout(SEARCH_WAIT)
        // The host does it when there is somebody to ask; the library warns again and again when there is not.
        .set_periodic_bootstrap_interval(None)
        // The node says again what it has when it is due, spread over time; the library would do it all at once.
        .set_provider_publication_interval(None)
        .set_publication_interval(None)
        .set_replication_interval(None)
        .set_max_packet_size(MESSAGE_BYTES)
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled);
    Scoped::new(kad::Behaviour::with_config(id, Shelf::new(id), config), scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_network_is_named_by_its_prefix() {
        assert_eq!(private("/my-network").unwrap().as_ref(), "/my-network/kad/1.0.0");
        for wrong in ["", "/", "my-network", "/a b", "/a/"] {
            assert!(private(wrong).is_err(), "{wrong:?}");
        }
    }
}
