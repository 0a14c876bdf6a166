//! Connecting over each transport, letting go, being kept, being kept away.

use swarm::{ConnectError, Direction, KeyPair, Settings, StartError};

use crate::rig::{Peer, address, settings, start, until};

async fn listening_everywhere() -> Peer {
    let listen =
        ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0/ws"].map(address).to_vec();
    start(Settings { listen, ..settings() }).await
}

#[tokio::test]
async fn peers_meet_over_tcp_quic_and_websocket() {
    let listener = listening_everywhere().await;
    for kind in ["/quic-v1", "/ws", "/tcp"] {
        let dialer = start(Settings { listen: Vec::new(), ..settings() }).await;
        let there = listener.address_with(kind).await;
        assert_eq!(dialer.connect(there.clone()).await.unwrap(), listener.peer_id());
        dialer.knows(listener.peer_id()).await;
        let seen = dialer.peers().await.unwrap();
        assert_eq!(seen.len(), 1, "{kind}");
        assert_eq!(seen[0].direction, Direction::Outbound);
        let identity = seen[0].identity.clone().unwrap();
        assert!(identity.agent.starts_with("rookery/"), "{}", identity.agent);
        assert!(identity.protocols.iter().any(|name| name == "/ipfs/ping/1.0.0"));
        assert!(there.to_string().starts_with(&seen[0].address.to_string()));
        listener.knows(dialer.peer_id()).await;
    }
}

#[tokio::test]
async fn a_peer_is_let_go_when_told() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    one.disconnect(other.peer_id()).await.unwrap();
    assert!(!one.is_connected(other.peer_id()).await.unwrap());
    until("the other side saw it too", || async { !other.is_connected(one.peer_id()).await.unwrap() }).await;
    assert!(matches!(one.disconnect(other.peer_id()).await, Err(ConnectError::NotConnected(_))));
    one.connect(other.address().await).await.unwrap();
    one.disconnect_address(other.address().await).await.unwrap();
    assert!(!one.is_connected(other.peer_id()).await.unwrap());
}

#[tokio::test]
async fn who_was_met_is_found_again_by_id_alone() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    let known = one.known_addresses().await.unwrap();
    one.disconnect(other.peer_id()).await.unwrap();
    one.connect_peer(other.peer_id(), Vec::new()).await.unwrap();
    let later = start(Settings { known, ..settings() }).await;
    later.connect_peer(other.peer_id(), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_dead_address_is_told_and_a_wrong_id_too() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    let dead = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", other.peer_id());
    let error = one.connect(address(&dead)).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let another = KeyPair::generate().peer_id();
    let there = other.listen_addresses().await.unwrap().remove(0).with_p2p(another).unwrap();
    assert!(matches!(one.connect(there).await, Err(ConnectError::Failed(_))));
    assert!(matches!(one.connect_peer(another, Vec::new()).await, Err(ConnectError::NoAddress(_))));
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_clear_error() {
    let one = start(settings()).await;
    let taken = one.listen_addresses().await.unwrap();
    let another = Settings { listen: taken.clone(), ..settings() };
    let Err(error) = swarm::start(another, std::sync::Arc::new(crate::rig::Empty)).await else { panic!("it started") };
    assert!(matches!(&error, StartError::Listen { address, .. } if *address == taken[0]), "{error}");
}

#[tokio::test]
async fn a_ping_comes_back() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    assert!(one.ping(other.peer_id()).await.unwrap().as_secs() < 5);
}

#[tokio::test]
async fn a_filtered_network_is_neither_dialled_nor_let_in() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    let loopback: swarm::Filter = "/ip4/127.0.0.0/ipcidr/8".parse().unwrap();
    one.add_filter(loopback);
    assert!(one.connect(other.address().await).await.is_err());
    assert!(other.connect(one.address().await).await.is_err());
    assert!(one.remove_filter(loopback));
    one.connect(other.address().await).await.unwrap();
}

#[tokio::test]
async fn a_peering_comes_back_by_itself() {
    let kept = start(settings()).await;
    let keeper = start(Settings { peering: vec![kept.address().await], ..settings() }).await;
    until("the peer is connected to", || async { keeper.is_connected(kept.peer_id()).await.unwrap() }).await;
    kept.disconnect(keeper.peer_id()).await.unwrap();
    until("the peer is connected to again", || async { keeper.is_connected(kept.peer_id()).await.unwrap() }).await;
    assert_eq!(keeper.peering().await.unwrap().len(), 1);
    assert!(keeper.remove_peering(kept.peer_id()).await.unwrap());
}

#[tokio::test]
async fn what_passes_is_counted() {
    let (one, other) = (start(settings()).await, start(settings()).await);
    one.meet(&other).await;
    let seen = one.bandwidth().await.unwrap();
    assert!(seen.in_bytes > 100 && seen.out_bytes > 100, "{seen:?}");
}

#[tokio::test]
async fn a_stopped_peer_says_so() {
    let one = start(settings()).await;
    one.stop().await;
    until("it has stopped", || async { one.peers().await.is_err() }).await;
    let error = one.peers().await.unwrap_err();
    assert!(error.to_string().contains("stopped"), "{error}");
}

#[tokio::test]
async fn keys_of_every_kind_connect() {
    let listener = start(settings()).await;
    for kind in [ipns::KeyKind::Ed25519, ipns::KeyKind::Secp256k1, ipns::KeyKind::Rsa { bits: 2048 }] {
        let private = ipns::KeyPair::generate(kind, &[9; 32]).unwrap();
        let key = KeyPair::from_protobuf(&private.encode()).unwrap();
        assert_eq!(key.peer_id().to_string(), private.name().peer_id());
        let one = start(Settings { key, ..settings() }).await;
        one.meet(&listener).await;
        let identity = listener.peer(one.peer_id()).await.unwrap().unwrap();
        assert_eq!(identity.public_key, one.public_key());
        one.disconnect(listener.peer_id()).await.unwrap();
        listener.connect(one.address().await).await.unwrap();
    }
}

#[tokio::test]
async fn a_small_network_is_entered_again_through_those_who_were_met() {
    let dht = swarm::Dht::Lan;
    let (one, other) = (start(crate::rig::in_dht(dht.clone())).await, start(settings()).await);
    one.meet(&other).await;
    let known = one.known_addresses().await.unwrap();
    drop(one);
    let again = start(Settings { known, ..crate::rig::in_dht(dht) }).await;
    until("it is connected again", || async { again.is_connected(other.peer_id()).await.unwrap() }).await;
    let passed = again.bandwidth_with(other.peer_id()).await.unwrap();
    assert!(passed.in_bytes > 0 && passed.out_bytes > 0, "{passed:?}");
}
