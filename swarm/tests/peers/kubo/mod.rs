//! Peers of ours and Kubo, which nobody here wrote: connections, the DHT, names, topics, mounted streams.

mod blocks;
mod daemon;

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use cid::Cid;
use swarm::{Dht, Settings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::block_in_place,
};

use crate::rig::{Peer, address, settings, soon, start, until};
use daemon::Kubo;

async fn ours() -> Peer {
    let listen =
        ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0/ws"].map(address).to_vec();
    start(Settings { listen, dht: Dht::Lan, pubsub: true, ..settings() }).await
}

/// Both know each other, and each is in the other's routing table.
async fn met(kubo: &Kubo) -> Peer {
    let ours = ours().await;
    ours.connect(kubo.address_with("/tcp/")).await.unwrap();
    ours.knows(kubo.id()).await;
    until("Kubo is in the routing table", || async { ours.routing_table().await.unwrap() == [kubo.id()] }).await;
    let id = ours.peer_id().to_string();
    let known = || block_in_place(|| kubo.run(&["stats", "dht", "lan"])).contains(&id);
    until("we are in Kubo's routing table", || async { known() }).await;
    ours
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubo_is_met_over_tcp_quic_and_websocket_from_both_sides() {
    let Some(kubo) = Kubo::or_skip("transports") else { return };
    for kind in ["/tcp/", "/quic-v1", "/ws"] {
        let ours = ours().await;
        soon(kind, ours.connect(kubo.address_with(kind))).await.unwrap();
        ours.knows(kubo.id()).await;
        let identity = ours.peer(kubo.id()).await.unwrap().unwrap();
        assert!(identity.agent.starts_with("kubo/0.43"), "{}", identity.agent);
        soon("our ping", ours.ping(kubo.id())).await.unwrap();
        assert!(kubo.run(&["swarm", "peers"]).contains(&ours.peer_id().to_string()), "{kind}");
    }
    for kind in ["/tcp/", "/quic-v1", "/ws"] {
        let ours = ours().await;
        let there = ours.with_id(ours.listen_addresses().await.unwrap());
        let mut there = there.iter().map(ToString::to_string);
        let there = there.find(|text| text.contains(kind) && (kind == "/ws") == text.contains("/ws")).unwrap();
        block_in_place(|| kubo.run(&["swarm", "connect", &there]));
        let id = ours.peer_id().to_string();
        assert!(block_in_place(|| kubo.run(&["ping", "-n", "1", &id])).contains("Pong received"), "{kind}");
        let told = block_in_place(|| kubo.run(&["id", &id]));
        assert!(told.contains("rookery/") && told.contains("/ipfs/lan/kad/1.0.0"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kubo_provides_we_find_and_the_other_way_round() {
    let Some(kubo) = Kubo::or_skip("providers") else { return };
    let ours = met(&kubo).await;
    let theirs: Cid = block_in_place(|| kubo.run_with(&["add", "-Q", "--cid-version=1"], b"of Kubo")).parse().unwrap();
    block_in_place(|| kubo.run(&["routing", "provide", &theirs.to_string()]));
    let mut found = ours.find_providers(&theirs, 3).await.unwrap();
    let provider = soon("Kubo as a provider", found.recv()).await.unwrap();
    assert_eq!(provider.id, kubo.id());
    assert!(!provider.addresses.is_empty());

    let own = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";
    assert_eq!(soon("providing", ours.provide(&own.parse().unwrap())).await.unwrap(), 1);
    let id = ours.peer_id().to_string();
    let finds = || block_in_place(|| kubo.run(&["routing", "findprovs", own])).contains(&id);
    until("Kubo finds us", || async { finds() }).await;
    let there = block_in_place(|| kubo.run(&["routing", "findpeer", &id]));
    assert!(there.contains("/ip4/127.0.0.1/tcp/"), "{there}");
    assert!(!soon("where Kubo is", ours.find_peer(kubo.id())).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_we_put_kubo_resolves_and_the_other_way_round() {
    let Some(kubo) = Kubo::or_skip("names") else { return };
    let ours = met(&kubo).await;
    let key = ipns::KeyPair::generate(ipns::KeyKind::Ed25519, &[3; 32]).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let draft = ipns::Draft {
        value: "/ipfs/bafkqaaa".to_owned(),
        sequence: 1,
        expires: ipns::Moment::from_unix(now + Duration::from_secs(3600)),
        ttl: Duration::from_secs(60),
        compatibility: ipns::Compatibility::default(),
    };
    let record = ipns::Record::create(&key, &draft).encode();
    soon("putting", ours.put_value(&key.name().routing_key(), &record)).await.unwrap();
    let name = format!("/ipns/{}", key.name().peer_id());
    assert_eq!(block_in_place(|| kubo.run(&["name", "resolve", "--nocache", &name])), "/ipfs/bafkqaaa");

    block_in_place(|| kubo.run(&["name", "publish", "--allow-offline", "/ipfs/bafkqaaa"]));
    let theirs = [b"/ipns/".to_vec(), kubo.id().to_bytes()].concat();
    let got = soon("getting", ours.get_value(&theirs)).await.unwrap();
    assert_eq!(ipns::Record::decode(&got).unwrap().value().unwrap(), "/ipfs/bafkqaaa");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_read_on_both_sides() {
    let Some(kubo) = Kubo::or_skip("topics") else { return };
    let ours = met(&kubo).await;
    let mut read = ours.subscribe("rookery-news").await.unwrap();
    let mut reader = kubo.command();
    reader.args(["pubsub", "sub", "rookery-news"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut reader = reader.spawn().unwrap();
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    let reads = || async { ours.topic_peers(Some("rookery-news")).await.unwrap() == [kubo.id()] };
    until("Kubo reads the topic", reads).await;
    let id = ours.peer_id().to_string();
    until("Kubo knows that we read it", || async {
        block_in_place(|| kubo.run(&["pubsub", "peers", "rookery-news"])).contains(&id)
    })
    .await;
    ours.publish("rookery-news", b"from us\n".to_vec()).await.unwrap();
    let line = soon("our message at Kubo", tokio::task::spawn_blocking(move || lines.next())).await.unwrap();
    assert_eq!(line.unwrap().unwrap(), "from us");
    block_in_place(|| kubo.run_with(&["pubsub", "pub", "rookery-news"], b"from Kubo"));
    let first = soon("our own message", read.next()).await.unwrap();
    assert_eq!((first.from, &first.body[..]), (ours.peer_id(), &b"from us\n"[..]));
    let second = soon("Kubo's message", read.next()).await.unwrap();
    assert_eq!((second.from, &second.body[..]), (kubo.id(), &b"from Kubo"[..]));
    let _ = reader.kill();
    let _ = reader.wait();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounted_streams_are_carried_both_ways() {
    let Some(kubo) = Kubo::or_skip("mounts") else { return };
    let ours = met(&kubo).await;
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("/ip4/127.0.0.1/tcp/{}", service.local_addr().unwrap().port());
    block_in_place(|| kubo.run(&["p2p", "listen", "/x/echo", &target]));
    let mut stream = soon("the stream", ours.open_stream(kubo.id(), "/x/echo")).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let (mut served, _) = soon("Kubo connects to the service", service.accept()).await.unwrap();
    let mut heard = [0; 4];
    soon("the bytes", served.read_exact(&mut heard)).await.unwrap();
    served.write_all(b"pong").await.unwrap();
    soon("the answer", stream.read_exact(&mut heard)).await.unwrap();
    assert_eq!(&heard, b"pong");

    let mut incoming = ours.accept("/x/ours").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (there, us) = (format!("/ip4/127.0.0.1/tcp/{}", free.port()), format!("/p2p/{}", ours.peer_id()));
    block_in_place(|| kubo.run(&["p2p", "forward", "/x/ours", &there, &us]));
    let mut client = soon("Kubo's port", TcpStream::connect(free)).await.unwrap();
    client.write_all(b"through Kubo").await.unwrap();
    client.shutdown().await.unwrap();
    let mut carried = soon("the carried stream", incoming.next()).await.unwrap();
    let mut text = String::new();
    soon("its bytes", carried.read_to_string(&mut text)).await.unwrap();
    assert_eq!((carried.peer(), &text[..]), (kubo.id(), "through Kubo"));
}
