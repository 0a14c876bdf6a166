//! Bytes that make no sense, said in every protocol: nothing breaks, and those who make sense are served as before.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use swarm::{Dht, Settings, Swarm};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::{in_dht, soon, start};

const PROTOCOLS: [&str; 6] = [
    "/ipfs/id/1.0.0",
    "/ipfs/id/push/1.0.0",
    "/ipfs/ping/1.0.0",
    "/ipfs/lan/kad/1.0.0",
    "/meshsub/1.1.0",
    "/meshsub/1.0.0",
];

/// Lengths that promise more than anybody would keep, messages that end in the middle, and noise.
fn junk(random: &mut StdRng) -> Vec<Vec<u8>> {
    let noise = |random: &mut StdRng, length| (0..length).map(|_| random.random()).collect::<Vec<u8>>();
    let mut all = vec![
        Vec::new(),
        vec![0],
        vec![0xff; 10],
        [vec![0xff, 0xff, 0xff, 0xff, 0x7f], noise(random, 100)].concat(),
        [vec![0x80, 0x80, 0x01], noise(random, 20_000)].concat(),
        [vec![10], vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(),
    ];
    for _ in 0..20 {
        let length = random.random_range(1..120u8);
        all.push([vec![length], noise(random, length.into())].concat());
    }
    all
}

async fn say(peer: &Swarm, other: &Swarm, protocol: &str, bytes: &[u8]) {
    let Ok(mut stream) = peer.open_stream(other.peer_id(), protocol).await else { return };
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ =
        tokio::time::timeout(std::time::Duration::from_millis(20), stream.take(1 << 16).read_to_end(&mut answer)).await;
}

#[tokio::test]
async fn junk_in_any_protocol_does_no_harm() {
    let victim = start(Settings { pubsub: true, ..in_dht(Dht::Lan) }).await;
    let (honest, rude) = (start(in_dht(Dht::Lan)).await, start(in_dht(Dht::Lan)).await);
    honest.meet(&victim).await;
    rude.meet(&victim).await;
    let mut random = StdRng::seed_from_u64(7);
    for protocol in PROTOCOLS {
        for bytes in junk(&mut random) {
            say(&rude, &victim, protocol, &bytes).await;
        }
    }
    assert!(victim.is_connected(honest.peer_id()).await.unwrap());
    soon("a ping", honest.ping(victim.peer_id())).await.unwrap();
    let cid = cid::Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x12, &[5; 32]).unwrap());
    assert!(soon("providing", honest.provide(&cid)).await.unwrap() >= 1);
    let mut found = victim.find_providers(&cid, 1).await.unwrap();
    assert_eq!(soon("the provider", found.recv()).await.unwrap().id, honest.peer_id());
}
