//! Blocks and archives over TCP, with blocks from memory.

use bytes::Bytes;
use daemon::bus::AskError;
use proto::Cid;
use unixfs::{Block, ChunkBytes, Entry, FileBuilder, ImportOptions, Link, MaxLinks, Profile, car, cid_raw, dir, links};

use super::{
    client::{Body, Reply},
    rig::{Rig, request, until},
};

/// Three hundred leaves of a hundred bytes.
fn file(rig: &Rig) -> (unixfs::Cid, Vec<Block>) {
    let chunk_bytes = ChunkBytes::new(100).unwrap();
    let options = ImportOptions { chunk_bytes, max_links: MaxLinks::new(20).unwrap(), ..Profile::V1_2025.options() };
    let mut blocks: Vec<Block> = Vec::new();
    let mut file = FileBuilder::new(options, &mut blocks);
    let text: String = (0..3_000).map(|n| format!("{n:09}\n")).collect();
    file.push(text.into()).unwrap();
    let root = file.finish().unwrap();
    put(rig, &blocks);
    (root.cid, blocks)
}

fn put(rig: &Rig, blocks: &[Block]) {
    let mut shelf = rig.shelf.handler.blocks.lock().unwrap();
    shelf.extend(blocks.iter().map(|block| (Cid(block.cid), block.bytes.clone())));
}

/// The blocks in the order of an archive, in which each of these stands once.
fn archive(root: unixfs::Cid, blocks: &[Block]) -> Vec<u8> {
    let (mut open, mut all) = (vec![root], car::header(&[root]).to_vec());
    while let Some(cid) = open.pop() {
        let block = blocks.iter().find(|block| block.cid == cid).unwrap();
        all.extend(car::section(block));
        open.extend(links(&cid, &block.bytes).unwrap().into_iter().rev());
    }
    all
}

/// An answer whose body comes in chunks, and whether it came to its end.
async fn streamed(rig: &Rig, path: &str) -> (Reply, Vec<u8>, bool) {
    let mut client = rig.connect().await;
    client.send(request(&[&format!("GET {path}"), "Connection: close"], "")).await;
    let reply = client.reply(Body::None).await;
    client.closed().await;
    let (mut rest, mut body) = (Bytes::from(client.take_left_over()), Vec::new());
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let size = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (reply, body, true);
        }
        let chunk = rest.slice(end + 2..).slice(..size);
        body.extend_from_slice(&chunk);
        rest = rest.slice(end + 2 + size + 2..);
    }
    (reply, body, false)
}

#[tokio::test]
async fn a_block_is_given_with_what_the_specification_asks_for() {
    let rig = Rig::start().await;
    let block = Block { cid: cid_raw(b"hello"), bytes: Bytes::from_static(b"hello") };
    put(&rig, std::slice::from_ref(&block));
    let path = format!("/ipfs/{}?format=raw", block.cid);
    let reply = rig.get(&path).await;
    assert_eq!((reply.status, reply.bytes.as_slice()), (200, &b"hello"[..]));
    assert_eq!(reply.header("content-type"), Some("application/vnd.ipld.raw"));
    assert_eq!(reply.header("etag"), Some(format!("\"{}.raw\"", block.cid).as_str()));
    assert_eq!(reply.header("x-ipfs-roots"), Some(block.cid.to_string().as_str()));
    assert_eq!(reply.header("vary"), None, "the address says all");
    let head = rig.ask(&[&format!("HEAD {path}")]).await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
    let part = rig.ask(&[&format!("GET {path}"), "Range: bytes=1-2"]).await;
    assert_eq!((part.status, part.body.as_str()), (206, "el"));
    let accept = rig.ask(&[&format!("GET /ipfs/{}", block.cid), "Accept: application/vnd.ipld.raw"]).await;
    assert_eq!((accept.body.as_str(), accept.header("vary")), ("hello", Some("Accept")));
    // What only looks like the parameter, or leaves something to `Accept`, does not say all.
    for query in ["xformat=raw", "format=", "format=strange&format=raw", "filename=format=raw", "format=car"] {
        let kind = if query == "format=car" { "car; dups=y" } else { "raw" };
        let accept = format!("Accept: application/vnd.ipld.{kind}");
        let reply = rig.ask(&[&format!("GET /ipfs/{}?{query}", block.cid), &accept]).await;
        assert_eq!((reply.status, reply.header("vary")), (200, Some("Accept")), "{query}");
    }
}

#[tokio::test]
async fn an_archive_is_streamed_and_its_blocks_come_many_at_a_time() {
    let rig = Rig::start().await;
    let (root, blocks) = file(&rig);
    let (reply, body, is_whole) = streamed(&rig, &format!("/ipfs/{root}?format=car")).await;
    assert_eq!((reply.status, is_whole), (200, true));
    assert_eq!(reply.header("content-type"), Some("application/vnd.ipld.car; version=1; order=dfs; dups=n"));
    assert!(body == archive(root, &blocks));
    let questions = rig.shelf.requests.lock().unwrap().len();
    assert!(questions < blocks.len() / 4, "{questions} questions for {} blocks", blocks.len());
}

#[tokio::test]
async fn an_archive_of_which_a_block_is_missing_is_broken_off() {
    let rig = Rig::start().await;
    let (root, blocks) = file(&rig);
    rig.shelf.handler.blocks.lock().unwrap().remove(&Cid(blocks[150].cid));
    let (reply, body, is_whole) = streamed(&rig, &format!("/ipfs/{root}?format=car")).await;
    assert_eq!((reply.status, is_whole), (200, false));
    assert!(archive(root, &blocks).starts_with(&body));
}

/// A folder of blocks of a mebibyte: more than sockets hold.
fn large(rig: &Rig) -> unixfs::Cid {
    let leaves = (0..48u8).map(|n| Bytes::from(vec![n; 1 << 20]));
    let leaves: Vec<_> = leaves.map(|bytes| Block { cid: cid_raw(&bytes), bytes }).collect();
    let mut blocks = leaves.clone();
    let entry = |block: &Block| Entry::new(block.cid.to_string(), Link { cid: block.cid, tsize: 1 << 20 });
    let entries = leaves.iter().map(entry).collect();
    let root = dir::build(entries, &Profile::V1_2025.options(), &mut blocks).unwrap();
    put(rig, &blocks);
    root.cid
}

#[tokio::test]
async fn a_client_that_leaves_within_an_archive_leaves_nothing_behind() {
    let rig = Rig::start().await;
    let root = large(&rig);
    let mut client = rig.connect().await;
    client.send(request(&[&format!("GET /ipfs/{root}?format=car")], "")).await;
    assert_eq!(client.reply(Body::None).await.status, 200);
    assert_eq!(rig.turns.archives_under_way(), 1);
    drop(client);
    until(|| rig.turns.archives_under_way() == 0).await;
}

#[tokio::test]
async fn what_cannot_be_had_is_a_problem_with_its_status() {
    let rig = Rig::start().await;
    let nowhere = cid_raw(b"nowhere");
    for (path, status) in [
        (format!("/ipfs/{nowhere}?format=raw"), 404),
        (format!("/ipfs/{nowhere}?format=car"), 404),
        (format!("/ipfs/{nowhere}"), 406),
        ("/ipfs/nonsense?format=raw".to_owned(), 400),
        ("/ipfs/bafkqaaa?format=raw".to_owned(), 200),
    ] {
        let reply = rig.get(&path).await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("content-type") == Some("application/problem+json"), status != 200);
    }
    rig.shelf.fails_with(AskError::NobodyThere);
    let down = rig.get(&format!("/ipfs/{nowhere}?format=raw")).await;
    assert_eq!((down.status, down.header("retry-after")), (503, Some("1")));
    assert_eq!(rig.get("/ipfs/bafkqaaa?format=raw").await.status, 200, "a probe asks nobody");
    assert_eq!(rig.ask(&[&format!("POST /ipfs/{nowhere}")]).await.status, 405);
}
