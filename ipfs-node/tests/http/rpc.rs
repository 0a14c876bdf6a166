//! The commands and the wire rules.

use hyper::Method;
use serde_json::json;
use unixfs::Cid;

use crate::support::{Answer, Part, Rig, file, folder, noise, request};

const MISSING: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
const EMPTY_FOLDER: &str = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";

fn tree() -> [Part; 2] {
    [file("d/a.txt", "hi\n"), file("d/sub/b.txt", "ho\n")]
}

fn not_found(cid: &str) -> String {
    format!("block was not found locally (offline): ipld: could not find {cid}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_added_and_read_back() {
    let rig = Rig::start().await;
    let content = noise(1, 3_000_000);
    let cid = rig.add("", &content).await;
    let answer = rig.post(&format!("cat?arg={cid}")).await;
    assert_eq!((answer.status, answer.header("x-content-length")), (200, "3000000"));
    assert_eq!((answer.header("x-stream-output"), answer.header("content-type")), ("1", "text/plain"));
    assert!(answer.body == content);
    let part = rig.post(&format!("cat?arg={cid}&offset=262140&length=10")).await;
    assert_eq!(part.body, content[262_140..262_150]);
    let two = rig.post(&format!("cat?arg={cid}&arg={cid}&offset=3000001&length=5")).await;
    assert_eq!(two.body, content[1..6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_added_as_kubo_adds_them() {
    let rig = Rig::start().await;
    let wrapped = rig.upload("add?wrap-with-directory=true&cid-version=1", &tree()).await;
    let row = |name: &str, hash: &str, size: &str| json!({"Name": name, "Hash": hash, "Size": size});
    let expected = [
        row("d/a.txt", "bafkreiey5jxe6ilpf62lnh77tm5ejbbmhbugzjuf6p2v3remlu73ced34q", "3"),
        row("d/sub/b.txt", "bafkreicwzrpoyvo4lddqiowhet4wfzayslxvsfks3ubdvg4b7fmvrp77mm", "3"),
        row("d/sub", "bafybeigtszryoylgwk5fyx6fw7iz2vr5bywskuu66pa7onszplxcjcxjji", "56"),
        row("d", "bafybeibkjrtswztq56ps3hqti3weoymcx7i46pjwdhosxiwspjzjelku7a", "159"),
        row("", "bafybeicqjaqkv5gs74ofrffv7r7jrxbkomfwxbkiqy3z3dvdk6igiivtba", "209"),
    ];
    assert_eq!(wrapped.rows(), expected);
    assert_eq!(wrapped.header("x-chunked-output"), "1");

    let parts = [&tree()[..], &[file("x", "hi\n"), folder("empty")]].concat();
    let plain = rig.upload("add", &parts).await;
    let expected = [
        row("d/a.txt", "QmZLRFWaz9Kypt2ACNMDzA5uzACDRiCqwdkNSP1UZsu56D", "11"),
        row("d/sub/b.txt", "QmY7dyMDpFmMUKcWPMRgCWiyhxWQSNVGuSQvMsGeBzp1YD", "11"),
        row("d/sub", "QmXEQh13i7NUVMBaUjPkimeMug8CoEVuREUvZuv5XwwS8Q", "62"),
        row("d", "Qmedxym5Ur7ky6UDJKTaDXUPHzqEcWtFLCugytdD6UWdL2", "169"),
        row("x", "QmZLRFWaz9Kypt2ACNMDzA5uzACDRiCqwdkNSP1UZsu56D", "11"),
        row("empty", EMPTY_FOLDER, "4"),
    ];
    assert_eq!(plain.rows(), expected);
    assert_eq!(rig.post("cat?arg=Qmedxym5Ur7ky6UDJKTaDXUPHzqEcWtFLCugytdD6UWdL2/sub/b.txt").await.body, b"ho\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_change_cids_are_obeyed_or_refused() {
    let rig = Rig::start().await;
    let hello = |query: &'static str| rig.add(query, "hi\n");
    assert_eq!(hello("only-hash=true").await, "QmZLRFWaz9Kypt2ACNMDzA5uzACDRiCqwdkNSP1UZsu56D");
    assert_eq!(rig.post("repo/stat").await.json()["NumObjects"], 1);
    assert_eq!(hello("raw-leaves=true").await, "bafkreiey5jxe6ilpf62lnh77tm5ejbbmhbugzjuf6p2v3remlu73ced34q");
    assert_eq!(hello("cid-base=base16&cid-version=1&only-hash=1").await[..3], *"f01");
    for (query, status, message) in [
        ("chunker=size-0", 500, "chunker size must be greater than 0"),
        ("chunker=size-99999999", 500, "chunker parameters may not exceed the maximum chunk size of 2096896"),
        ("hash=blake", 500, "unrecognized hash function: \"blake\""),
        ("cid-version=2", 500, "unknown CID version: 2"),
        ("max-hamt-fanout=7", 500, "HAMT fanout must be a power of 2, between 8 and 1024 (got 7)"),
        ("pin=false&pin-name=x", 500, "pin-name option requires pin to be set"),
        ("trickle=true", 400, "option \"trickle\" with value \"true\" is not supported by this daemon; leave it out"),
    ] {
        let answer = rig.upload(&format!("add?{query}"), &[file("f", "hi\n")]).await;
        assert_eq!((answer.status, answer.message().as_str()), (status, message), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_while_a_file_arrives() {
    let rig = Rig::start().await;
    let answer = rig.upload("add?progress=true", &[file("f", noise(2, 1_000_000))]).await;
    let rows = answer.rows();
    let (last, progress) = rows.split_last().unwrap();
    assert!(progress.iter().all(|row| row["Name"] == "f" && row["Bytes"].as_u64().unwrap() <= 1_000_000));
    assert_eq!(progress.last().unwrap()["Bytes"], 1_000_000);
    assert!(last["Hash"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wire_rules_are_kubos() {
    let rig = Rig::start().await;
    for (method, headers, status) in [
        (Method::GET, vec![], 405),
        (Method::POST, vec![], 200),
        (Method::POST, vec![("origin", "https://evil.example")], 403),
        (Method::POST, vec![("user-agent", "Mozilla/5.0")], 403),
        (Method::OPTIONS, vec![], 204),
    ] {
        let answer = rig.send(method, "version", &headers, Vec::new()).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let own = format!("http://{}", rig.rpc);
    let answer = rig.send(Method::POST, "version", &[("origin", &own)], Vec::new()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, own.as_str()));
    assert_eq!(answer.json()["Version"], "0.43.0");

    let unknown = rig.post("nope").await;
    assert_eq!((unknown.status, unknown.text().as_str()), (404, "404 page not found\n"));
    let missing = rig.post("cat").await;
    assert_eq!((missing.status, missing.text().as_str()), (400, "argument \"ipfs-path\" is required\n"));
    let missing = rig.post("add").await;
    assert_eq!((missing.status, missing.text().as_str()), (400, "file argument 'path' is required\n"));
    let late = rig.post(&format!("cat?arg={EMPTY_FOLDER}&timeout=soon")).await;
    assert_eq!(late.status, 400);
    let outside = request(rig.rpc, Method::POST, "/api/v1/version", &[], Vec::new()).await;
    assert_eq!(outside.status, 404);
    let metrics = request(rig.rpc, Method::GET, "/debug/metrics/prometheus", &[], Vec::new()).await;
    assert!(metrics.text().contains("ipfs_datastore_blocks 1"), "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_here_is_said_in_kubos_words() {
    let rig = Rig::start().await;
    for command in ["cat", "ls", "get", "block/get", "block/stat", "dag/export"] {
        let answer = rig.post(&format!("{command}?arg={MISSING}")).await;
        assert_eq!((answer.status, answer.message()), (500, not_found(MISSING)), "{command}");
    }
    let pin = rig.post(&format!("pin/add?arg={MISSING}")).await;
    assert_eq!(pin.message(), format!("pin: {}", not_found(MISSING)));
    rig.upload("add", &[folder("empty")]).await;
    let entry = rig.post(&format!("cat?arg={EMPTY_FOLDER}/a")).await;
    assert_eq!(entry.message(), format!("no link named \"a\" under {EMPTY_FOLDER}"));
    assert_eq!(rig.post(&format!("cat?arg={EMPTY_FOLDER}")).await.message(), "this dag node is a directory");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_still_sending_sees_why_it_was_refused() {
    let rig = Rig::start().await;
    let large = [file("f", vec![7u8; 20_000_000])];
    let early = rig.upload("add?chunker=size-0", &large).await;
    assert_eq!((early.status, early.message().as_str()), (500, "chunker size must be greater than 0"));
    let unread = rig.upload("nope", &large).await;
    assert_eq!((unread.status, unread.text().as_str()), (404, "404 page not found\n"));
}

/// A file of many blocks whose last one is gone: an answer begins and cannot be ended.
async fn cut_file(rig: &Rig) -> String {
    let cid = rig.add("pin=false&raw-leaves=true", noise(3, 3_000_000)).await;
    let root: Cid = cid.parse().unwrap();
    let links = unixfs::links(&root, &rig.node.store.get(&root).unwrap().unwrap()).unwrap();
    rig.node.store.delete(&[ipfs_node::store::Key::of(links.last().unwrap())]).unwrap();
    cid
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_never_looks_like_a_whole_one() {
    let rig = Rig::start().await;
    let cid = cut_file(&rig).await;
    let path = format!("cat?arg={cid}");
    let told = rig.send(Method::POST, &path, &[("te", "trailers")], Vec::new()).await;
    let trailer = told.trailers.as_ref().and_then(|trailers| trailers.get("x-stream-error"));
    assert!(trailer.unwrap().to_str().unwrap().starts_with("block was not found locally"), "{told:?}");
    assert_eq!((told.status, told.cut), (200, false));
    let cut = rig.post(&path).await;
    assert!(cut.cut && cut.trailers.is_none());
    let archive = rig.get(&format!("/ipfs/{cid}?format=car")).await;
    assert!(archive.cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_put_many_at_a_time() {
    let rig = Rig::start().await;
    let blocks: Vec<_> = (0..20).map(|number| file("b", format!("block {number}"))).collect();
    let rows = rig.upload("block/put", &blocks).await.rows();
    assert_eq!(rows.len(), 20);
    let key = rows[7]["Key"].as_str().unwrap();
    assert_eq!((key, &rows[7]["Size"]), (unixfs::cid_raw(b"block 7").to_string().as_str(), &json!(7)));
    let block = rig.post(&format!("block/get?arg={key}")).await;
    assert_eq!((block.body.as_slice(), block.header("content-type")), (&b"block 7"[..], "application/vnd.ipld.raw"));
    assert_eq!(rig.post(&format!("block/stat?arg={key}")).await.json(), json!({"Key": key, "Size": 7}));

    let large = [file("b", vec![1u8; (2 << 20) + 1])];
    let refused = rig.upload("block/put", &large).await;
    assert!(refused.message().starts_with("produced block is over 2MiB"), "{}", refused.text());
    assert_eq!(rig.upload("block/put?allow-big-block=true", &large).await.status, 200);
    let v0 = rig.upload("block/put?format=v0", &[file("b", "\n\x02\x08\x01")]).await;
    assert_eq!(v0.json()["Key"], EMPTY_FOLDER);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_a_pin_keeps_are_not_removed() {
    let rig = Rig::start().await;
    rig.upload("add", &tree()).await;
    let root = "Qmedxym5Ur7ky6UDJKTaDXUPHzqEcWtFLCugytdD6UWdL2";
    let leaf = "QmZLRFWaz9Kypt2ACNMDzA5uzACDRiCqwdkNSP1UZsu56D";
    let rm = |cid: &str| format!("block/rm?arg={cid}");
    assert_eq!(rig.post(&rm(root)).await.json(), json!({"Hash": root, "Error": "pinned: recursive"}));
    let kept = rig.post(&rm(leaf)).await.json();
    assert_eq!(kept, json!({"Hash": leaf, "Error": format!("pinned via {root}")}));
    rig.post(&format!("pin/rm?arg={root}")).await;
    assert_eq!(rig.post(&rm(leaf)).await.json(), json!({"Hash": leaf}));
    let gone = rig.post(&rm(leaf)).await.json();
    assert_eq!(gone, json!({"Hash": leaf, "Error": format!("ipld: could not find {leaf}")}));
    assert_eq!(rig.post(&format!("{}&force=true", rm(leaf))).await.json(), json!({"Hash": leaf}));
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_are_made_moved_listed_and_given_up() {
    let rig = Rig::start().await;
    rig.upload("add?pin=false", &tree()).await;
    let root = "Qmedxym5Ur7ky6UDJKTaDXUPHzqEcWtFLCugytdD6UWdL2";
    let sub = "QmXEQh13i7NUVMBaUjPkimeMug8CoEVuREUvZuv5XwwS8Q";
    assert_eq!(rig.post("pin/ls").await.json(), json!({}));
    let pinned = rig.post(&format!("pin/add?arg={sub}&name=mine&progress=true")).await;
    assert_eq!(pinned.rows(), [json!({"Pins": null, "Progress": 2, "Bytes": 62}), json!({"Pins": [sub]})]);
    let direct = rig.post(&format!("pin/add?arg={sub}&recursive=false")).await;
    assert_eq!(direct.message(), format!("pin: {sub} already pinned recursively"));
    let moved = rig.post(&format!("pin/update?arg={sub}&arg={root}")).await;
    assert_eq!(moved.json(), json!({"Pins": [sub, root]}));
    let rows = rig.post("pin/ls?type=recursive&stream=true&names=true").await.rows();
    assert_eq!(rows, [json!({"Cid": root, "Name": "mine", "Type": "recursive"})]);
    let all = rig.post("pin/ls").await.json();
    assert_eq!(all["Keys"][root], json!({"Type": "recursive", "Name": ""}));
    assert_eq!(all["Keys"].as_object().unwrap().len(), 4);
    let via = rig.post(&format!("pin/ls?arg={sub}")).await.json();
    assert_eq!(via["Keys"][sub]["Type"], format!("indirect through {root}"));
    let other = rig.post(&format!("pin/ls?arg={EMPTY_FOLDER}&type=direct")).await;
    assert_eq!(other.message(), format!("path '{EMPTY_FOLDER}' is not pinned"));
    assert_eq!(rig.post(&format!("pin/rm?arg={root}&recursive=false")).await.status, 500);
    assert_eq!(rig.post(&format!("pin/rm?arg={root}")).await.json(), json!({"Pins": [root]}));
    assert_eq!(rig.post(&format!("pin/rm?arg={root}")).await.message(), "not pinned or pinned indirectly");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_here_as_a_whole_is_pinned() {
    let rig = Rig::start().await;
    let cid = cut_file(&rig).await;
    let refused = rig.post(&format!("pin/add?arg={cid}")).await;
    assert!(refused.message().starts_with("pin: block was not found locally (offline)"), "{}", refused.text());
    assert_eq!(rig.post(&format!("pin/add?arg={cid}&recursive=false")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_carries_a_dag_to_another_node() {
    let (from, to) = (Rig::start().await, Rig::start().await);
    from.upload("add", &tree()).await;
    let root = "Qmedxym5Ur7ky6UDJKTaDXUPHzqEcWtFLCugytdD6UWdL2";
    let archive = from.post(&format!("dag/export?arg={root}")).await;
    assert_eq!(archive.header("content-type"), "application/vnd.ipld.car");
    let served = from.get(&format!("/ipfs/{root}?format=car")).await;
    assert!(archive.body == served.body);

    let imported = to.upload("dag/import?stats=true", &[file("a.car", &archive.body)]).await;
    let root_row = json!({"Root": {"Cid": {"/": root}, "PinErrorMsg": ""}});
    let stats = json!({"Stats": {"BlockCount": 4, "BlockBytesCount": 169}});
    assert_eq!(imported.rows(), [root_row, stats]);
    assert_eq!(to.post(&format!("cat?arg={root}/a.txt")).await.body, b"hi\n");

    let cut = to.upload("dag/import", &[file("a.car", &archive.body[..200])]).await;
    assert_eq!(cut.message(), format!("import failed after block \"{root}\": unexpected EOF"));
    assert_eq!(to.upload("dag/import", &[file("a.car", vec![0u8; 100])]).await.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_archive_is_imported_but_not_pinned() {
    let rig = Rig::start().await;
    let root: Cid = MISSING.parse().unwrap();
    let leaf = unixfs::Block { cid: unixfs::cid_raw(b"x"), bytes: "x".into() };
    let archive = [unixfs::car::header(&[root]), unixfs::car::section(&leaf)].concat();
    let answer = rig.upload("dag/import", &[file("a.car", &archive)]).await;
    let error = format!("ipld: could not find {root}");
    assert_eq!(answer.rows(), [json!({"Root": {"Cid": {"/": MISSING}, "PinErrorMsg": error}})]);
    assert_eq!(rig.post(&format!("block/get?arg={}", leaf.cid)).await.body, b"x");
    let quiet = rig.upload("dag/import?pin-roots=false", &[file("a.car", &archive)]).await;
    assert_eq!((quiet.status, quiet.body.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn collection_keeps_pins_and_the_writable_folder() {
    let rig = Rig::start().await;
    let kept = rig.add("", noise(4, 600_000)).await;
    let linked = rig.add("pin=false&to-files=/kept", noise(5, 600_000)).await;
    let lost = rig.add("pin=false", noise(6, 600_000)).await;
    let rows = rig.post("repo/gc").await.rows();
    let removed: Vec<_> = rows.iter().map(|row| row["Key"]["/"].as_str().unwrap()).collect();
    // The lost file's root and three leaves, under their raw names, and the first, empty root of the folder.
    let raw_name = |cid: &str| ipfs_node::store::Key::of(&cid.parse().unwrap()).raw_cid().unwrap().to_string();
    assert_eq!(removed.len(), 5);
    assert!([raw_name(&lost), raw_name(EMPTY_FOLDER)].iter().all(|name| removed.contains(&name.as_str())));
    assert_eq!(rig.post(&format!("cat?arg={kept}")).await.body, noise(4, 600_000));
    assert_eq!(rig.post("files/read?arg=/kept").await.body, noise(5, 600_000));
    assert_eq!(rig.post(&format!("cat?arg={linked}")).await.status, 200);
    assert_eq!(rig.post(&format!("cat?arg={lost}")).await.message(), not_found(&lost));
    let verified = rig.post("repo/verify").await.rows();
    assert_eq!(verified.last().unwrap()["Msg"], "verify complete, all blocks validated.");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_acknowledged_is_there_after_a_restart() {
    let rig = Rig::start().await;
    let cid = rig.add("pin-name=mine", noise(7, 2_000_000)).await;
    rig.upload("files/write?arg=/a/b&create=true&parents=true", &[file("f", "text")]).await;
    let id = rig.post("id").await.json();
    let rig = rig.restart().await;
    assert_eq!(rig.post(&format!("cat?arg={cid}")).await.body, noise(7, 2_000_000));
    assert_eq!(rig.post("files/read?arg=/a/b").await.body, b"text");
    let pins = rig.post("pin/ls?names=true").await.json();
    assert_eq!(pins["Keys"][&cid], json!({"Type": "recursive", "Name": "mine"}));
    assert_eq!(rig.post("id").await.json(), id);
    assert!(id["ID"].as_str().unwrap().starts_with("12D3KooW"));
    assert_eq!(rig.post("diag/healthy").await.json(), json!("ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_add_at_once() {
    let rig = Rig::start().await;
    let adds = (0..24u64).map(|seed| rig.add("cid-version=1", noise(seed, 300_000 + 1000 * seed as usize)));
    let cids = futures_util::future::join_all(adds).await;
    for (seed, cid) in cids.iter().enumerate() {
        let answer = rig.post(&format!("cat?arg={cid}")).await;
        assert!(answer.body == noise(seed as u64, 300_000 + 1000 * seed), "{cid}");
    }
    assert_eq!(rig.post("repo/verify").await.rows().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_listed_and_fetched() {
    let rig = Rig::start().await;
    rig.upload("add", &tree()).await;
    let root = "Qmedxym5Ur7ky6UDJKTaDXUPHzqEcWtFLCugytdD6UWdL2";
    let link = |name: &str, hash: &str, size: u64, kind: u64| {
        json!({"Name": name, "Hash": hash, "Size": size, "Type": kind, "Target": "", "Mode": 0,
            "ModTime": "0001-01-01T00:00:00Z"})
    };
    let file = link("a.txt", "QmZLRFWaz9Kypt2ACNMDzA5uzACDRiCqwdkNSP1UZsu56D", 3, 2);
    let sub = link("sub", "QmXEQh13i7NUVMBaUjPkimeMug8CoEVuREUvZuv5XwwS8Q", 0, 1);
    let listing = |links: Vec<serde_json::Value>| json!({"Objects": [{"Hash": root, "Links": links}]});
    assert_eq!(rig.post(&format!("ls?arg={root}")).await.json(), listing(vec![file.clone(), sub.clone()]));
    let streamed = rig.post(&format!("ls?arg={root}&stream=true")).await.rows();
    assert_eq!(streamed, [listing(vec![file]), listing(vec![sub])]);

    let answer = rig.post(&format!("get?arg={root}")).await;
    assert_eq!((answer.header("content-type"), answer.header("x-content-length")), ("application/x-tar", "169"));
    assert_eq!(unpack(&answer.body), expected_files(root));
    let packed = rig.post(&format!("get?arg={root}&archive=true&compress=true")).await;
    assert_eq!(unpack(&gunzip(&packed)), expected_files(root));
    let one = rig.post(&format!("get?arg={root}/a.txt&compress=true")).await;
    assert_eq!(gunzip(&one), b"hi\n");
    assert_eq!(rig.post(&format!("get?arg={root}&compress=true")).await.message(), "file is not regular");
}

fn expected_files(root: &str) -> Vec<(String, String)> {
    let path = |rest: &str| format!("{root}{rest}");
    [("", ""), ("/a.txt", "hi\n"), ("/sub", ""), ("/sub/b.txt", "ho\n")].map(|(p, c)| (path(p), c.to_owned())).to_vec()
}

fn unpack(archive: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(archive);
    let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string().trim_end_matches('/').to_owned();
        (path, std::io::read_to_string(&mut entry).unwrap())
    };
    archive.entries().unwrap().map(entry).collect()
}

fn gunzip(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.header("content-type"), "application/gzip");
    let mut bytes = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_the_node_and_takes_its_addresses_back() {
    let rig = Rig::start().await;
    // Whoever is answered finds the files written.
    assert_eq!(rig.post("version").await.status, 200);
    let told = std::fs::read_to_string(rig.folder.path().join("api")).unwrap();
    assert_eq!(told, format!("/ip4/127.0.0.1/tcp/{}", rig.rpc.port()));
    assert_eq!(rig.post("shutdown").await.status, 200);
    rig.served.await.unwrap().unwrap();
    assert!(!rig.folder.path().join("api").exists() && !rig.folder.path().join("gateway").exists());
}
