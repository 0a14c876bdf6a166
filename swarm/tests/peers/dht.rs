//! Who has what, who is where, and records, in a private network and in that of the local network.

use cid::Cid;
use swarm::{Dht, DhtError, Settings};

use crate::rig::{Peer, in_dht, settings, soon, start, until};

fn cid(byte: u8) -> Cid {
    let hash = cid::multihash::Multihash::wrap(0x12, &[byte; 32]).unwrap();
    Cid::new_v1(0x55, hash)
}

/// A row of peers, each of which knows the one before.
async fn network(dht: &Dht, count: usize) -> Vec<Peer> {
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..count {
        let bootstrap = match peers.last() {
            Some(last) => vec![last.address().await],
            None => Vec::new(),
        };
        peers.push(start(Settings { bootstrap, ..in_dht(dht.clone()) }).await);
    }
    for peer in &peers {
        until("the network is known", || async { !peer.routing_table().await.unwrap().is_empty() }).await;
    }
    peers
}

#[tokio::test]
async fn what_one_provides_another_finds_though_they_never_met() {
    for dht in [Dht::Lan, Dht::Private("/rookery-test".to_owned())] {
        let peers = network(&dht, 4).await;
        let (first, last) = (&peers[0], &peers[3]);
        let told = soon("providing", first.provide(&cid(1))).await.unwrap();
        assert!(told >= 1, "{dht:?}");
        let mut found = last.find_providers(&cid(1), 5).await.unwrap();
        let provider = soon("a provider", found.recv()).await.expect("a provider is found");
        assert_eq!(provider.id, first.peer_id());
        assert!(!provider.addresses.is_empty());
        last.connect_peer(provider.id, provider.addresses).await.unwrap();
        let mut nobody = last.find_providers(&cid(9), 5).await.unwrap();
        assert_eq!(soon("the end of the search", nobody.recv()).await, None);
    }
}

#[tokio::test]
async fn a_peer_is_found_by_its_id() {
    let peers = network(&Dht::Lan, 4).await;
    let there = soon("where it is", peers[3].find_peer(peers[0].peer_id())).await.unwrap();
    assert!(there.iter().any(|address| address.to_string().starts_with("/ip4/127.0.0.1/tcp/")), "{there:?}");
    soon("the connection", peers[3].connect_peer(peers[0].peer_id(), Vec::new())).await.unwrap();
}

#[tokio::test]
async fn a_record_that_one_puts_another_gets() {
    let peers = network(&Dht::Lan, 3).await;
    let key = [b"/pk/".to_vec(), peers[0].peer_id().to_bytes()].concat();
    let told = soon("putting", peers[0].put_value(&key, &peers[0].public_key())).await.unwrap();
    assert!(told >= 1);
    assert_eq!(soon("getting", peers[2].get_value(&key)).await.unwrap(), peers[0].public_key());
}

#[tokio::test]
async fn a_record_that_is_not_what_its_key_promises_is_refused() {
    let peers = network(&Dht::Lan, 2).await;
    let key = [b"/pk/".to_vec(), peers[0].peer_id().to_bytes()].concat();
    let wrong = peers[0].put_value(&key, &peers[1].public_key()).await;
    assert!(matches!(wrong, Err(DhtError::Invalid(_))));
    assert!(matches!(peers[0].put_value(b"/v/x", b"y").await, Err(DhtError::Invalid(_))));
    assert!(matches!(soon("getting", peers[0].get_value(&key)).await, Err(DhtError::NotFound)));
}

#[tokio::test]
async fn private_networks_do_not_mix() {
    let one = start(in_dht(Dht::Private("/one".to_owned()))).await;
    let other = start(in_dht(Dht::Private("/other".to_owned()))).await;
    one.meet(&other).await;
    assert!(one.routing_table().await.unwrap().is_empty());
    assert!(matches!(soon("providing", one.provide(&cid(1))).await, Err(DhtError::NoPeers)));
}

#[tokio::test]
async fn without_a_dht_that_is_said() {
    let one = start(settings()).await;
    assert!(matches!(one.find_providers(&cid(1), 1).await, Err(DhtError::Off)));
    assert!(matches!(one.provide(&cid(1)).await, Err(DhtError::Off)));
}

#[tokio::test]
async fn the_public_network_is_told_no_private_address() {
    let (one, other) = (start(in_dht(Dht::Public)).await, start(in_dht(Dht::Public)).await);
    one.meet(&other).await;
    until("the local network knows it", || async { one.routing_table().await.unwrap() == [other.peer_id()] }).await;
    let spoken = one.protocols().await.unwrap();
    assert!(spoken.iter().any(|name| name == "/ipfs/lan/kad/1.0.0"), "{spoken:?}");
    assert!(
        !spoken.iter().any(|name| name == "/ipfs/kad/1.0.0"),
        "it serves nobody where it cannot be reached: {spoken:?}"
    );
}
