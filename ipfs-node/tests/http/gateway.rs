//! The trustless gateway.

use hyper::Method;
use unixfs::car::{CarReader, CarStep};

use crate::support::{Answer, Rig, file, noise, request};

const MISSING: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_serves_blocks_and_archives_only() {
    let rig = Rig::start().await;
    let cid = rig.add("cid-version=1", "hi\n").await;
    let block = rig.get(&format!("/ipfs/{cid}?format=raw")).await;
    assert_eq!((block.status, block.body.as_slice()), (200, &b"hi\n"[..]));
    assert_eq!(block.header("content-type"), "application/vnd.ipld.raw");
    assert_eq!(block.header("etag"), format!("\"{cid}.raw\""));
    assert_eq!(block.header("access-control-allow-origin"), "*");
    let accept = [("accept", "application/vnd.ipld.raw")];
    let by_accept = request(rig.gateway, Method::GET, &format!("/ipfs/{cid}"), &accept, Vec::new()).await;
    assert_eq!(by_accept.body, b"hi\n");
    assert_eq!(by_accept.header("content-location"), format!("/ipfs/{cid}?format=raw"));
    let head = request(rig.gateway, Method::HEAD, &format!("/ipfs/{cid}?format=raw"), &[], Vec::new()).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "3", 0));
    let part =
        request(rig.gateway, Method::GET, &format!("/ipfs/{cid}?format=raw"), &[("range", "bytes=1-")], Vec::new())
            .await;
    assert_eq!((part.status, part.header("content-range"), &part.body[..]), (206, "bytes 1-2/3", &b"i\n"[..]));
    assert_eq!(rig.get("/ipfs/bafkqaaa?format=raw").await.status, 200);
    for (path, status) in [
        (format!("/ipfs/{MISSING}?format=raw"), 404),
        (format!("/ipfs/{cid}"), 406),
        (format!("/ipfs/{cid}/path?format=raw"), 404),
        (format!("/ipfs/{cid}?format=car&dag-scope=some"), 400),
        ("/ipfs/nonsense?format=raw".to_owned(), 400),
        ("/other".to_owned(), 404),
    ] {
        assert_eq!(rig.get(&path).await.status, status, "{path}");
    }
    let known = [("if-none-match", block.header("etag"))];
    let again = request(rig.gateway, Method::GET, &format!("/ipfs/{cid}?format=raw"), &known, Vec::new()).await;
    assert_eq!(again.status, 304);
}

/// How many blocks an archive holds; each is checked.
fn blocks(answer: &Answer) -> usize {
    assert!(!answer.cut);
    let (mut reader, mut count) = (CarReader::new(), 0);
    reader.push(&answer.body);
    loop {
        match reader.step().unwrap() {
            CarStep::Header(_) => {}
            CarStep::Block(_) => count += 1,
            CarStep::More => break,
        }
    }
    reader.finish().unwrap();
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_hold_what_was_asked_for() {
    let rig = Rig::start().await;
    // Five leaves below one node, in a folder.
    let added =
        rig.upload("add?cid-version=1&chunker=size-1000&wrap-with-directory=true", &[file("f", noise(1, 4_500))]).await;
    let folder = added.rows().last().unwrap()["Hash"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("?format=car", 7),
        ("/f?format=car", 7),
        ("/f?format=car&dag-scope=block", 2),
        ("?format=car&dag-scope=entity", 1),
        ("/f?format=car&dag-scope=entity&entity-bytes=999:1000", 4),
        ("/f?format=car&dag-scope=entity&entity-bytes=-1:*", 3),
        ("/nothing?format=car", 1),
    ] {
        assert_eq!(blocks(&rig.get(&format!("/ipfs/{folder}{query}")).await), expected, "{query}");
    }
}
