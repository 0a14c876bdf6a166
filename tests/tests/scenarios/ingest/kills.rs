//! Boxes are killed while files come in.

use std::{fs, io::Write as _};

use rookery_tests::{
    artc::{self, Uploader},
    kubo::{Kubo, Profile},
};

use super::{blocks_without_garbage, downloads, file, files_of_the_box, listed, pinned, start, uploads};

#[test]
fn an_upload_goes_on_while_the_shim_and_the_ipfs_daemon_are_killed() {
    let Some(kubo) = Kubo::or_skip("ingest_kills", Profile::AsItComes) else { return };
    let tree = start();
    let bytes = file(60_000_000, 1);
    let mut client = Uploader::connect(uploads(&tree)).unwrap();
    for (n, part) in bytes.chunks(10_000_000).enumerate() {
        client.send(&part[..5_000_000]).unwrap();
        let _ = tree.kill(if n % 2 == 0 { "ipfs-node.0" } else { "ipfs-shim.0" });
        client.send(&part[5_000_000..]).unwrap();
    }
    client.end().unwrap();
    let hash = client.hash().unwrap();
    let place = tree.folder().join("file");
    fs::write(&place, &bytes).unwrap();
    assert_eq!(hash, kubo.run(&["add", "--only-hash", "--quieter", place.to_str().unwrap()]));
    assert!(artc::download(downloads(&tree), hash.trim()).is_ok_and(|back| back == bytes));
}

#[test]
fn a_box_that_is_killed_leaves_nothing_and_its_successor_takes_files_at_once() {
    let tree = start();
    let (pins, blocks) = (pinned(&tree), blocks_without_garbage(&tree));
    let bytes = file(5_000_000, 1);
    let server = uploads(&tree);
    let mut client = Uploader::connect(server).unwrap();
    client.send(&bytes).unwrap();
    let old = tree.kill("ingest-server.0");
    // The port outlives the box: who connects now waits for the successor.
    let hash = artc::upload(server, b"after the crash\n", 7);
    assert!(hash.starts_with("Qm"), "{hash}");
    tree.await_successor("ingest-server.0", old);
    assert_eq!(uploads(&tree), server);
    let answer = client.end().and_then(|()| client.hash());
    assert!(answer.as_ref().map_or(true, String::is_empty), "nobody is left who could answer: {answer:?}");
    assert_eq!(listed(&tree).len(), 1);
    assert_eq!(files_of_the_box(&tree).len(), 1);
    let _ = tree.rpc().ask("POST", &format!("/api/v0/pin/rm?arg={}", hash.trim()), &[], b"").expect(200);
    assert_eq!((pinned(&tree), blocks_without_garbage(&tree)), (pins, blocks));
}

#[test]
fn a_journal_with_a_cut_last_line_is_read_and_gone_on_with() {
    let tree = start();
    let server = uploads(&tree);
    let first = artc::upload(server, b"first", 5);
    let journal = tree.folder().join("data/ingest-server/uploads.jsonl");
    let old = tree.kill("ingest-server.0");
    tree.await_successor("ingest-server.0", old);
    let _ = tree.command(&["stop", "ingest-server"]).well();
    fs::File::options().append(true).open(&journal).unwrap().write_all(b"{\"time\":\"2026-1").unwrap();
    assert_eq!(listed(&tree).len(), 1);
    let _ = tree.command(&["start", "ingest-server"]).well();
    let second = artc::upload(server, b"second", 5);
    let cids: Vec<_> = listed(&tree).iter().map(|upload| upload["cid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(cids, [first.trim(), second.trim()]);
}
