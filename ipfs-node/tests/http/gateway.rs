//! The trustless gateway.

use hyper::Method;

use crate::support::{Rig, request};

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
    let head = request(rig.gateway, Method::HEAD, &format!("/ipfs/{cid}?format=raw"), &[], Vec::new()).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "3", 0));
    assert_eq!(rig.get("/ipfs/bafkqaaa?format=raw").await.status, 200);
    for (path, status) in [
        (format!("/ipfs/{MISSING}?format=raw"), 404),
        (format!("/ipfs/{cid}"), 501),
        (format!("/ipfs/{cid}/path?format=car"), 501),
        (format!("/ipfs/{cid}?format=car&dag-scope=block"), 501),
        ("/ipfs/nonsense?format=raw".to_owned(), 400),
        ("/other".to_owned(), 404),
    ] {
        assert_eq!(rig.get(&path).await.status, status, "{path}");
    }
    let known = [("if-none-match", block.header("etag"))];
    let again = request(rig.gateway, Method::GET, &format!("/ipfs/{cid}?format=raw"), &known, Vec::new()).await;
    assert_eq!(again.status, 304);
}
