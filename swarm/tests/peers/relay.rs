//! A peer that can only be reached through another one, which nobody here wrote: the relay of libp2p.

use libp2p::{
    Multiaddr, SwarmBuilder,
    futures::StreamExt as _,
    identify, noise, relay,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use swarm::Settings;

use crate::rig::{address, settings, soon, start, until};

#[derive(NetworkBehaviour)]
struct Relay {
    relay: relay::Behaviour,
    identify: identify::Behaviour,
}

/// Starts a relay; where it is, with its id.
async fn relay() -> Multiaddr {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    let tcp = builder.with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default).unwrap();
    let behaviour = tcp.with_behaviour(|key| Relay {
        relay: relay::Behaviour::new(key.public().to_peer_id(), relay::Config::default()),
        identify: identify::Behaviour::new(identify::Config::new("ipfs/0.1.0".to_owned(), key.public())),
    });
    let mut swarm = behaviour.unwrap().build();
    swarm.listen_on(address("/ip4/127.0.0.1/tcp/0")).unwrap();
    let there = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = soon("the relay listens", swarm.select_next_some()).await {
            break address;
        }
    };
    swarm.add_external_address(there.clone());
    let there = there.with_p2p(*swarm.local_peer_id()).unwrap();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    there
}

#[tokio::test]
async fn a_peer_behind_a_relay_is_reached_through_it() {
    let relay = relay().await;
    let circuit = relay.with(libp2p::multiaddr::Protocol::P2pCircuit);
    let hidden = start(Settings { listen: vec![circuit.clone()], ..settings() }).await;
    until("the relay has agreed", || async { !hidden.listen_addresses().await.unwrap().is_empty() }).await;
    let other = start(Settings { listen: Vec::new(), ..settings() }).await;
    let there = circuit.with_p2p(hidden.peer_id()).unwrap();
    assert_eq!(soon("the connection", other.connect(there.clone())).await.unwrap(), hidden.peer_id());
    // The relay may break a circuit that it has just made, while it is busy: then whoever needs it dials again.
    until("a ping comes back through the relay", || async {
        other.connect(there.clone()).await.is_ok() && other.ping(hidden.peer_id()).await.is_ok()
    })
    .await;
    let seen = other.peers().await.unwrap().into_iter().find(|view| view.id == hidden.peer_id()).unwrap();
    assert!(seen.address.to_string().contains("/p2p-circuit"), "{}", seen.address);
}
