//! Nodes that meet: what one has the others read, and what is said between them. All over TCP of the loopback.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Rig, file, folder, noise};

const ABSENT: &str = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
const WAIT: Duration = Duration::from_secs(30);

async fn id(rig: &Rig) -> Value {
    rig.post("id").await.json()
}

async fn address(rig: &Rig) -> String {
    id(rig).await["Addresses"][0].as_str().unwrap().to_owned()
}

/// Two nodes that are connected.
async fn pair(section: &str) -> (Rig, Rig) {
    let (one, other) = (Rig::start_peer(section).await, Rig::start_peer(section).await);
    let connected = one.post(&format!("swarm/connect?arg={}", address(&other).await)).await;
    assert_eq!(connected.status, 200, "{}", connected.text());
    (one, other)
}

/// Looks until it is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = Instant::now() + WAIT;
    while !is_so().await {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_has_the_other_reads() {
    let (one, other) = pair("").await;
    let content = noise(1, 3 << 20);
    let root = one.add("pin=true", &content).await;
    let read = other.post(&format!("cat?arg={root}")).await;
    assert_eq!(read.status, 200, "{}", read.text());
    assert!(read.body == content);
    let stat = other.post(&format!("block/stat?arg={root}&offline=true")).await;
    assert_eq!(stat.status, 200, "what was read is kept: {}", stat.text());
    let archives = [&one, &other].map(|rig| rig.post(Box::leak(format!("dag/export?arg={root}").into_boxed_str())));
    let [ours, theirs] = archives;
    assert!(ours.await.body == theirs.await.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_one_node_is_listed_and_fetched_by_the_other() {
    let (one, other) = pair("").await;
    let files = (0..400).map(|at| file(&format!("d/f{at}"), noise(at, 2_000)));
    let parts: Vec<_> = [folder("d")].into_iter().chain(files).collect();
    let added = one.upload("add?cid-version=1", &parts).await;
    let root = added.rows().last().unwrap()["Hash"].as_str().unwrap().to_owned();
    let listed = other.post(&format!("ls?arg={root}")).await.json();
    assert_eq!(listed["Objects"][0]["Links"].as_array().unwrap().len(), 400);
    let [ours, theirs] = [&one, &other].map(|rig| rig.post(Box::leak(format!("get?arg={root}").into_boxed_str())));
    let (ours, theirs) = (ours.await, theirs.await);
    assert_eq!((theirs.status, theirs.cut), (200, false));
    assert_eq!(ours.body.len(), theirs.body.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_blocks_are_pinned_from_a_peer_while_progress_is_told() {
    let (one, other) = pair("").await;
    let root = one.add("chunker=size-1024&raw-leaves=true", noise(2, 10_000 << 10)).await;
    let began = Instant::now();
    let pinned = other.post(&format!("pin/add?arg={root}&progress=true")).await;
    let took = began.elapsed();
    assert_eq!(pinned.status, 200, "{}", pinned.text());
    let rows = pinned.rows();
    assert_eq!(rows.last().unwrap()["Pins"], json!([root]));
    assert!(rows.iter().any(|row| row["Progress"].as_u64() > Some(10_000)), "{rows:?}");
    // 100 times what it takes on a machine with nothing else to do.
    assert!(took < Duration::from_secs(60), "{took:?}");
    drop(one);
    let other = other.restart().await;
    let kept = other.post(&format!("cat?arg={root}&offline=true")).await;
    assert!(kept.body == noise(2, 10_000 << 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_comes_later_is_given_to_who_waits_for_it() {
    let (one, other) = pair("").await;
    let root = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";
    let waiting = tokio::spawn(async move {
        let answer = other.post(&format!("block/get?arg={root}&timeout=30s")).await;
        (other, answer)
    });
    let wants = || async {
        let id = one.post("swarm/peers").await.json()["Peers"][0]["Peer"].as_str().unwrap().to_owned();
        let wanted = one.post(&format!("bitswap/wantlist?peer={id}")).await.json();
        wanted["Keys"][0]["/"] == root
    };
    until("the other node wants it", wants).await;
    one.upload("block/put", &[file("f", "hello world\n")]).await;
    let (_other, answer) = waiting.await.unwrap();
    assert_eq!(answer.text(), "hello world\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_is_waited_for_as_long_as_was_said() {
    let (one, _other) = pair("").await;
    for (command, message) in [
        (format!("block/get?arg={ABSENT}&timeout=300ms"), "context deadline exceeded"),
        (format!("cat?arg={ABSENT}&timeout=300ms"), "context deadline exceeded"),
        (format!("pin/add?arg={ABSENT}&timeout=300ms"), "pin: context deadline exceeded"),
        (
            format!("block/get?arg={ABSENT}&offline=true"),
            "block was not found locally (offline): ipld: could not find \
             bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
        ),
    ] {
        let answer = one.post(&command).await;
        assert_eq!((answer.status, answer.message().as_str()), (500, message), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_takes_the_wish_along() {
    let (one, _other) = pair("").await;
    let wants =
        async |count: usize| one.post("bitswap/wantlist").await.json()["Keys"].as_array().unwrap().len() == count;
    let mut client = TcpStream::connect(one.rpc).await.unwrap();
    let request = format!("POST /api/v0/pin/add?arg={ABSENT} HTTP/1.1\r\nHost: x\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    until("it is wanted", || wants(1)).await;
    drop(client);
    until("it is wanted no more", || wants(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_gets_from_peers_what_is_not_here_unless_it_must_not() {
    let (one, other) = pair("").await;
    let root = one.add("", noise(3, 600_000)).await;
    let got = other.get(&format!("/ipfs/{root}?format=raw")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let (one, other) = pair("gateway_fetch = false").await;
    let root = one.add("", noise(3, 600_000)).await;
    assert_eq!(other.get(&format!("/ipfs/{root}?format=raw")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_shown_as_kubo_shows_them() {
    let lonely = Rig::start_peer("").await;
    assert_eq!(lonely.post("swarm/peers").await.json(), json!({ "Peers": null }));
    let (one, other) = pair("").await;
    let (our, their) = (id(&one).await, id(&other).await);
    let at = address(&other).await.replace(&format!("/p2p/{}", their["ID"].as_str().unwrap()), "");
    let nobody = json!({ "ID": "", "PublicKey": "", "Addresses": null, "AgentVersion": "", "Protocols": null });
    let expected = json!({ "Peers": [{ "Addr": at, "Peer": their["ID"], "Identify": nobody }] });
    assert_eq!(one.post("swarm/peers").await.json(), expected);
    let asked = one.post(&format!("id?arg={}", their["ID"].as_str().unwrap())).await.json();
    assert_eq!((&asked["ID"], &asked["PublicKey"]), (&their["ID"], &their["PublicKey"]));
    let shown = one.post("swarm/peers?verbose=true").await.json()["Peers"][0].clone();
    assert_eq!((&shown["Direction"], &shown["Identify"]), (&json!(2), &asked));
    assert!(our["Protocols"].as_array().unwrap().contains(&json!("/ipfs/bitswap/1.2.0")), "{our}");
    let peer = their["ID"].as_str().unwrap();
    let gone = one.post(&format!("swarm/disconnect?arg=/p2p/{peer}")).await.json();
    assert_eq!(gone, json!({ "Strings": [format!("disconnect {peer} success")] }));
    let again = one.post(&format!("swarm/disconnect?arg=/p2p/{peer}")).await.json();
    assert_eq!(again, json!({ "Strings": [format!("disconnect {peer} failure: not connected")] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_peer_is_refused_in_kubos_words() {
    let one = Rig::start_peer("").await;
    let own = id(&one).await["ID"].as_str().unwrap().to_owned();
    for (command, message) in [
        ("swarm/connect?arg=junk", "failed to parse multiaddr \"junk\": must begin with /"),
        ("swarm/connect?arg=/ip4/127.0.0.1/tcp/1", "found no ipfs peers at /ip4/127.0.0.1/tcp/1"),
        ("swarm/filters/add?arg=junk", "invalid multiaddr-filter format"),
        ("id?arg=junk", "invalid peer id"),
        ("bootstrap/add", "no bootstrap peers to add"),
        ("bootstrap/add?arg=/ip4/127.0.0.1/tcp/1", "invalid bootstrap address: /ip4/127.0.0.1/tcp/1"),
        ("bitswap/ledger?arg=junk", "failed to parse peer ID: invalid cid: selected encoding not supported"),
        (&format!("ping?arg={own}"), "error: can't ping self"),
        ("p2p/ls", "libp2p stream mounting not enabled: set stream_mounting = true in [ipfs-node]"),
    ] {
        let answer = one.post(command).await;
        assert_eq!((answer.status, answer.message().as_str()), (500, message), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kept_near_or_away_is_shown_and_changed() {
    let (one, other) = pair("").await;
    let (peer, at) = (id(&other).await["ID"].as_str().unwrap().to_owned(), address(&other).await);
    let bare = at.replace(&format!("/p2p/{peer}"), "");
    for (command, expected) in [
        ("swarm/filters".to_owned(), json!({ "Strings": null })),
        ("swarm/filters/add?arg=/ip4/10.0.0.0/ipcidr/8".to_owned(), json!({ "Strings": ["/ip4/10.0.0.0/ipcidr/8"] })),
        ("swarm/filters".to_owned(), json!({ "Strings": ["/ip4/10.0.0.0/ipcidr/8"] })),
        ("swarm/filters/rm?arg=all".to_owned(), json!({ "Strings": ["/ip4/10.0.0.0/ipcidr/8"] })),
        ("swarm/peering/ls".to_owned(), json!({ "Peers": [] })),
        (format!("swarm/peering/add?arg={at}"), json!({ "ID": peer, "Status": "success" })),
        ("swarm/peering/ls".to_owned(), json!({ "Peers": [{ "ID": peer, "Addrs": [bare] }] })),
        (format!("swarm/peering/rm?arg={peer}"), json!({ "ID": peer, "Status": "success" })),
        ("bootstrap/list".to_owned(), json!({ "Peers": [] })),
        (format!("bootstrap/add?arg={at}"), json!({ "Peers": [at] })),
        ("bootstrap".to_owned(), json!({ "Peers": [at] })),
        (format!("bootstrap/rm?arg={at}"), json!({ "Peers": [at] })),
        ("bootstrap/rm/all".to_owned(), json!({ "Peers": [] })),
    ] {
        assert_eq!(one.post(&command).await.json(), expected, "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_pinged_and_what_passed_is_counted() {
    let (one, other) = pair("").await;
    let peer = id(&other).await["ID"].as_str().unwrap().to_owned();
    let rows = one.post(&format!("ping?arg={peer}&count=1")).await.rows();
    assert_eq!(rows[0], json!({ "Success": true, "Time": 0, "Text": format!("PING {peer}.") }));
    assert!(rows[1]["Time"].as_u64() > Some(0), "{rows:?}");
    assert!(rows[2]["Text"].as_str().unwrap().starts_with("Average latency: "), "{rows:?}");
    let root = other.add("", noise(4, 100_000)).await;
    one.post(&format!("cat?arg={root}")).await;
    let ledger = other.post(&format!("bitswap/ledger?arg={}", id(&one).await["ID"].as_str().unwrap())).await.json();
    assert!(ledger["Sent"].as_u64() >= Some(100_000), "{ledger}");
    let stat = one.post("bitswap/stat").await.json();
    assert!(stat["DataReceived"].as_u64() >= Some(100_000) && stat["Peers"] == json!([peer]), "{stat}");
    let passed = one.post("stats/bw").await.json();
    assert!(passed["TotalIn"].as_u64() >= Some(100_000), "{passed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_read_by_who_reads_its_topic() {
    let (one, other) = pair("pubsub = true").await;
    let topic = "udG9waWM";
    let mut reader = TcpStream::connect(other.rpc).await.unwrap();
    let request = format!("POST /api/v0/pubsub/sub?arg={topic} HTTP/1.1\r\nHost: x\r\n\r\n");
    reader.write_all(request.as_bytes()).await.unwrap();
    let reads = || async { one.post(&format!("pubsub/peers?arg={topic}")).await.json()["Strings"] != json!([]) };
    until("the other node reads the topic", reads).await;
    assert_eq!(other.post("pubsub/ls").await.json(), json!({ "Strings": [topic] }));
    let mut heard = String::new();
    let end = Instant::now() + WAIT;
    while !heard.contains("uaGVsbG8") {
        assert!(Instant::now() < end, "heard {heard}");
        one.upload(&format!("pubsub/pub?arg={topic}"), &[file("f", "hello")]).await;
        let mut bytes = [0; 4096];
        if let Ok(read) = tokio::time::timeout(Duration::from_millis(200), reader.read(&mut bytes)).await {
            heard.push_str(&String::from_utf8_lossy(&bytes[..read.unwrap()]));
        }
    }
    let from = id(&one).await["ID"].as_str().unwrap().to_owned();
    assert!(heard.contains(&format!("{{\"from\":\"{from}\",\"data\":\"uaGVsbG8\",\"seqno\":\"u")), "{heard}");
    assert!(heard.contains("\"topicIDs\":[\"udG9waWM\"]}"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_other_programs_are_carried_between_peers() {
    let (one, other) = pair("stream_mounting = true").await;
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("/ip4/127.0.0.1/tcp/{}", echo.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut stream, _) = echo.accept().await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    });
    assert_eq!(other.post(&format!("p2p/listen?arg=/x/echo&arg={target}")).await.status, 200);
    let peer = id(&other).await["ID"].as_str().unwrap().to_owned();
    let forward = one.post(&format!("p2p/forward?arg=/x/echo&arg=/ip4/127.0.0.1/tcp/0&arg=/p2p/{peer}")).await;
    assert_eq!(forward.status, 200, "{}", forward.text());
    let mounts = one.post("p2p/ls").await.json();
    assert_eq!(mounts["Listeners"][0]["TargetAddress"], format!("/p2p/{peer}"));
    let listen = mounts["Listeners"][0]["ListenAddress"].as_str().unwrap();
    let port: u16 = listen.rsplit('/').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let said = Bytes::from(noise(5, 1 << 20));
    let (mut read, mut write) = stream.split();
    let mut heard = vec![0; said.len()];
    let (wrote, got) = tokio::join!(write.write_all(&said), read.read_exact(&mut heard));
    wrote.unwrap();
    got.unwrap();
    assert!(heard == said);
    assert_eq!(one.post("p2p/stream/ls").await.json()["Streams"][0]["Protocol"], "/x/echo");
    drop(stream);
    let none = || async { one.post("p2p/stream/ls").await.json() == json!({ "Streams": null }) };
    until("the stream is closed", none).await;
    assert_eq!(one.post("p2p/close?all=true").await.json(), json!(1));
    assert_eq!(one.post("p2p/ls").await.json(), json!({ "Listeners": null }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_shown_in_kubos_shape_and_set_elsewhere() {
    let one = Rig::start_peer("pubsub = true\ngateway_fetch = false").await;
    let shown = one.post("config/show").await.json();
    assert_eq!(shown["Pubsub"]["Enabled"], true);
    assert_eq!(shown["Gateway"]["NoFetch"], true);
    assert_eq!(shown["Addresses"]["Swarm"], json!(["/ip4/127.0.0.1/tcp/0"]));
    assert_eq!(shown["Identity"], json!({ "PeerID": id(&one).await["ID"] }));
    let asked = one.post("config?arg=Pubsub.Enabled").await.json();
    assert_eq!(asked, json!({ "Key": "Pubsub.Enabled", "Value": true }));
    let same = one.post("config?arg=Pubsub.Enabled&arg=true&bool=true").await;
    assert_eq!(same.json(), json!({ "Key": "Pubsub.Enabled", "Value": true }));
    let other = one.post("config?arg=Pubsub.Enabled&arg=false&bool=true").await;
    assert!(other.message().contains("set by pubsub in [ipfs-node] of rookery.toml"), "{}", other.text());
    let secret = one.post("config?arg=Identity.PrivKey").await;
    assert_eq!(secret.message(), "cannot show or change private key through API");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_were_known_are_met_again_after_a_restart() {
    let (one, other) = pair("").await;
    let root = other.add("", noise(6, 1_000)).await;
    let one = one.restart().await;
    let saved = std::fs::read_to_string(one.folder.path().join("peers")).unwrap();
    assert!(saved.contains(&address(&other).await), "{saved}");
    let peer = id(&other).await["ID"].as_str().unwrap().to_owned();
    let connected = one.post(&format!("swarm/connect?arg=/p2p/{peer}")).await;
    assert_eq!(connected.status, 200, "{}", connected.text());
    assert_eq!(one.post(&format!("block/get?arg={root}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let section = format!("[ipfs-node]\nswarm_listen = [\"/ip4/127.0.0.1/tcp/{port}\"]\n");
    let config = proto::config::Rookery::parse(&section).unwrap().ipfs_node;
    let error = ipfs_node::peer::Peer::start(&crate::support::open(folder.path()), &config).await.unwrap_err();
    let told = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {told}").contains(&format!("/ip4/127.0.0.1/tcp/{port}")), "{error}: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_for_how_long_is_served_by_a_peer_that_comes_late() {
    let (one, other) = (Rig::start_peer("dht = \"off\"").await, Rig::start_peer("dht = \"off\"").await);
    let root = other.add("raw-leaves=true", "late").await;
    let address = address(&other).await;
    let command = format!("block/get?arg={root}&timeout=60s");
    let (answer, ()) = tokio::join!(one.post(&command), async {
        until("it is wanted", || async { one.post("bitswap/wantlist").await.json()["Keys"] != json!([]) }).await;
        assert_eq!(one.post(&format!("swarm/connect?arg={address}")).await.status, 200);
    });
    assert_eq!((answer.status, answer.text().as_str()), (200, "late"));
}
