//! Clients that go before their time leave nothing.

use std::{net::Shutdown, time::Duration};

use rookery_tests::{
    artc::{END, Uploader},
    tree::Tree,
    wait,
};

use super::{blocks_without_garbage, file, files_of_the_box, listed, pinned, start, uploads};

const DEADLINE: Duration = Duration::from_secs(20);

/// How many uploads have ended because their client did.
fn hung_up(tree: &Tree) -> u64 {
    let metrics = tree.web().get("/metrics").expect(200).text();
    let line =
        metrics.lines().find(|line| line.starts_with("rookery_ingest_files_total") && line.contains("\"hung_up\""));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_client_that_hangs_up_at_any_stage_leaves_nothing() {
    let tree = start();
    let (pins, blocks) = (pinned(&tree), blocks_without_garbage(&tree));
    let bytes = file(3_000_000, 1);
    let stages: [&[u8]; 6] = [b"", b"x", &bytes[..262_144], &bytes[..1_000_000], &bytes, END.as_bytes()];
    for sent in stages {
        let mut client = Uploader::connect(uploads(&tree)).unwrap();
        client.send(sent).unwrap();
        drop(client);
    }
    let mut half = Uploader::connect(uploads(&tree)).unwrap();
    half.send(&bytes).unwrap();
    half.stream().shutdown(Shutdown::Write).unwrap();
    assert!(half.hash().unwrap().starts_with("ERROR the connection ended before the end marker"));
    drop(half);
    wait::until("the box has seen them go", DEADLINE, || (hung_up(&tree) == 7).then_some(()));
    assert_eq!(pinned(&tree), pins);
    assert_eq!(listed(&tree), Vec::<serde_json::Value>::new());
    assert_eq!(blocks_without_garbage(&tree), blocks);
    assert_eq!(files_of_the_box(&tree), [tree.folder().join("data/ingest-server/uploads.jsonl")]);
}
