//! Names and providers in a network of nodes, each with a peer side of its own on the loopback.

use std::time::{Duration, Instant};

use ipfs_node::peer::Peer;
use proto::{
    config::IpfsNode,
    peers::{DhtScope, Provide},
};
use serde_json::Value;

use crate::support::{Rig, file};

/// A search of the loopback takes milliseconds; a busy machine may need more.
const DEADLINE: Duration = Duration::from_secs(60);

async fn node(provide: Provide) -> Rig {
    let rig = Rig::start().await;
    let config = IpfsNode {
        swarm_listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned().try_into().unwrap()],
        dht: DhtScope::Lan,
        provide,
        ..IpfsNode::default()
    };
    Peer::start(&rig.node, &config).await.unwrap();
    rig
}

/// Nodes that know each other.
async fn network<const N: usize>(provide: Provide) -> [Rig; N] {
    let mut rigs = Vec::new();
    for _ in 0..N {
        rigs.push(node(provide).await);
    }
    let first = rigs[0].post("id").await.json();
    let address = first["Addresses"][0].as_str().unwrap().to_owned();
    for rig in &rigs[1..] {
        let connected = rig.post(&format!("swarm/connect?arg={address}")).await;
        assert_eq!(connected.status, 200, "{}", connected.text());
    }
    // A peer is of use to the DHT once it has said that it speaks it.
    for rig in &rigs[1..] {
        let (id, own) = (first["ID"].clone(), rig.post("id").await.json()["ID"].clone());
        until("both know that the other is in the DHT", async || {
            let there = rig.post(&format!("dht/query?arg={}", id.as_str().unwrap())).await;
            let back = rigs[0].post(&format!("dht/query?arg={}", own.as_str().unwrap())).await;
            let has = |answer: &crate::support::Answer, id: &Value| answer.rows().iter().any(|row| &row["ID"] == id);
            (there.status == 200 && back.status == 200 && has(&there, &id) && has(&back, &own)).then_some(())
        })
        .await;
    }
    let Ok(rigs) = rigs.try_into() else { unreachable!("so many were started") };
    rigs
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "it did not come true in time that {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn providers(rig: &Rig, cid: &str) -> Vec<String> {
    let found = rig.post(&format!("routing/findprovs?arg={cid}&num-providers=3")).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let rows = found.rows();
    assert!(rows.iter().all(|row| row["Type"] == 4), "{rows:?}");
    rows.iter().map(|row| row["Responses"][0]["ID"].as_str().unwrap().to_owned()).collect()
}

async fn id(rig: &Rig) -> String {
    rig.post("id").await.json()["ID"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_one_node_publishes_is_resolved_by_another() {
    let [a, b, c] = network(Provide::Off).await;
    let cid = a.add("cid-version=1&pin=false", "named").await;
    a.post("key/gen?arg=k&type=rsa").await;
    for key in ["self", "k"] {
        let published = a.post(&format!("name/publish?arg={cid}&key={key}")).await;
        assert_eq!(published.status, 200, "{}", published.text());
        let name = published.json()["Name"].as_str().unwrap().to_owned();
        for rig in [&b, &c] {
            assert_eq!(rig.post(&format!("name/resolve?arg={name}")).await.json()["Path"], format!("/ipfs/{cid}"));
        }
        let event = c.post(&format!("routing/get?arg=/ipns/{name}")).await.json();
        assert_eq!(event["Type"], 5);
        let record = c.post(&format!("name/get?arg={name}")).await;
        let put = b.upload(&format!("routing/put?arg=/ipns/{name}"), &[file("record", &record.body)]).await;
        assert_eq!(put.status, 200, "{}", put.text());
    }
    // The second value is seen by who asks anew.
    let other = a.add("cid-version=1&pin=false", "named otherwise").await;
    let published = a.post(&format!("name/publish?arg={other}")).await.json();
    let name = published["Name"].as_str().unwrap();
    until("the newer record is found", async || {
        let path = b.post(&format!("name/resolve?arg={name}&nocache=true")).await.json()["Path"].clone();
        (path == format!("/ipfs/{other}")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pinned_is_announced_soon_and_what_is_not_only_when_asked_for() {
    let [a, b, c] = network(Provide::Roots).await;
    let pinned = a.add("cid-version=1", "pinned").await;
    let own = id(&a).await;
    until("the pin is found", async || providers(&b, &pinned).await.contains(&own).then_some(())).await;
    let loose = a.add("cid-version=1&pin=false", "loose").await;
    assert_eq!(providers(&c, &loose).await, Vec::<String>::new());
    let queued = a.post(&format!("provide/once?arg={loose}")).await.json();
    assert_eq!(queued["Queued"], loose);
    until("what was asked for is found", async || providers(&c, &loose).await.contains(&own).then_some(())).await;
    let stat = a.post("provide/stat").await.json();
    assert!(stat["Legacy"]["TotalReprovides"].as_u64().unwrap() >= 2, "{stat}");
    assert_eq!(stat["Legacy"]["ReprovideInterval"], 79_200_000_000_000_u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_block_of_a_pin_is_announced_when_that_is_configured() {
    let [a, b] = network(Provide::Pinned).await;
    let root = a.add("cid-version=1&chunker=size-4", "12345678").await;
    let links = a.post(&format!("refs?arg={root}")).await.rows();
    let leaf = links[0]["Ref"].as_str().unwrap();
    let own = id(&a).await;
    until("a leaf is found", async || providers(&b, leaf).await.contains(&own).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routing_is_asked_and_refused_as_kubo_does_it() {
    let [a, b] = network(Provide::Off).await;
    let (cid, other) = (a.add("cid-version=1&pin=false", "here").await, id(&b).await);
    let nowhere = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";
    let provided = a.post(&format!("routing/provide?arg={cid}")).await;
    assert_eq!(provided.status, 200, "{}", provided.text());
    assert_eq!(providers(&b, &cid).await, [id(&a).await]);
    let found = a.post(&format!("routing/findpeer?arg={other}")).await.json();
    assert_eq!((&found["Type"], &found["Responses"][0]["ID"]), (&2.into(), &other.as_str().into()));
    assert!(found["Responses"][0]["Addrs"][0].as_str().unwrap().starts_with("/ip4/127.0.0.1/tcp/"));
    for (call, words) in [
        (format!("routing/provide?arg={nowhere}"), format!("block {nowhere} not found locally, cannot provide")),
        (
            format!("routing/findprovs?arg={cid}&num-providers=0"),
            "number of providers must be greater than 0".to_owned(),
        ),
        ("routing/get?arg=/other/x".to_owned(), "invalid key".to_owned()),
        (format!("dht/findprovs?arg={cid}"), "removed, use 'ipfs routing' instead".to_owned()),
        (
            format!("provide/once?arg={cid}"),
            "cannot provide: [ipfs-node] provide is \"off\" in rookery.toml".to_owned(),
        ),
    ] {
        assert_eq!(a.post(&call).await.message(), words, "{call}");
    }
    let alone = Rig::start().await;
    for call in ["routing/findprovs?arg=bafkqaaa", "routing/provide?arg=bafkqaaa", "provide/stat", "routing/reprovide"]
    {
        assert!(alone.post(call).await.message().starts_with("this command must be run in online mode"), "{call}");
    }
}
