//! Many at once: what is too much is turned away, and the peer goes on.

use std::{fs, net::SocketAddr};

use swarm::{Limits, Multiaddr, Settings};
use tokio::{net::TcpStream, task::JoinSet};

use crate::rig::{Peer, settings, start, until};

const CONNECTIONS: u32 = 64;

async fn limited() -> Peer {
    start(Settings { limits: Limits { connections: CONNECTIONS, ..Limits::default() }, ..settings() }).await
}

fn socket(address: &Multiaddr) -> SocketAddr {
    let parts: Vec<_> = address.iter().collect();
    let [libp2p::multiaddr::Protocol::Ip4(ip), libp2p::multiaddr::Protocol::Tcp(port)] = parts[..] else {
        panic!("{address}")
    };
    SocketAddr::new(ip.into(), port)
}

/// What this process holds in memory that no file backs.
fn anonymous_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_hundred_peers_as_many_are_let_in_as_the_limit_says() {
    let crowded = limited().await;
    let there = crowded.address().await;
    let mut crowd = JoinSet::new();
    for _ in 0..300 {
        let there = there.clone();
        crowd.spawn(async move {
            let peer = start(Settings { listen: Vec::new(), ..settings() }).await;
            let _ = peer.connect(there).await;
            peer
        });
    }
    let crowd = crowd.join_all().await;
    let count = crowded.peers().await.unwrap().len();
    assert!(count <= CONNECTIONS as usize, "{count}");
    assert!(count >= CONNECTIONS as usize / 2, "{count}");
    drop(crowd);
    until("the crowd has gone", || async { crowded.peers().await.unwrap().is_empty() }).await;
    let late = start(settings()).await;
    late.connect(there).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_say_nothing_cost_little() {
    let peer = limited().await;
    let there = socket(&peer.listen_addresses().await.unwrap()[0]);
    let before = anonymous_bytes();
    let mut silent = JoinSet::new();
    for _ in 0..1000 {
        silent.spawn(TcpStream::connect(there));
    }
    let silent: Vec<_> = silent.join_all().await.into_iter().flatten().collect();
    // It answers while they wait, and what they cost is bounded.
    assert!(peer.peers().await.unwrap().is_empty());
    let cost = anonymous_bytes().saturating_sub(before);
    assert!(cost < 64 << 20, "{} silent connections cost {cost} bytes", silent.len());
    drop(silent);
    let late = start(settings()).await;
    late.connect(peer.address().await).await.unwrap();
}

#[tokio::test]
async fn one_peer_has_no_more_connections_than_its_share() {
    let limits = Limits { connections_per_peer: 1, ..Limits::default() };
    let one = start(Settings { limits, ..settings() }).await;
    let other = start(settings()).await;
    other.meet(&one).await;
    let again = one.connect(other.address().await).await;
    assert_eq!(again.unwrap(), other.peer_id(), "connected already is connected");
    assert_eq!(one.peers().await.unwrap().len(), 1);
}
