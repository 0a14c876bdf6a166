//! Files over TCP to a CID, by clients that behave on the wire as the original ones do.

mod crowds;
mod files;
mod kills;
mod large;
mod partings;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use rookery_tests::{setup::Setup, tree::Tree, wait};
use serde_json::Value;

const PUBLISHED_WITHIN: Duration = Duration::from_secs(30);
const ENABLED: &str = r#"
[ingest-server]
enabled = true
upload_listen = "127.0.0.1:0"
download_listen = "127.0.0.1:0"
"#;

/// A tree whose publisher has done what it does at the start.
fn start() -> Tree {
    let tree = Setup::new().with(ENABLED).start();
    wait::until("the root of no comments is published", PUBLISHED_WITHIN, || (!pinned(&tree).is_empty()).then_some(()));
    tree
}

fn uploads(tree: &Tree) -> SocketAddr {
    tree.address("ingest-server.0", "upload")
}

fn downloads(tree: &Tree) -> SocketAddr {
    tree.address("ingest-server.0", "download")
}

/// What `supervisor ingest list --json` shows.
fn listed(tree: &Tree) -> Vec<Value> {
    let said = tree.command(&["ingest", "list", "--json"]).well();
    serde_json::from_str(&said.out).expect("a list")
}

/// The roots that the IPFS daemon keeps, in their order.
fn pinned(tree: &Tree) -> Vec<String> {
    let answer = tree.rpc().ask("POST", "/api/v0/pin/ls?type=recursive&stream=true", &[], b"").expect(200);
    let mut pins: Vec<_> = answer.json_lines().iter().map(|pin| pin["Cid"].to_string()).collect();
    pins.sort();
    pins
}

/// How many blocks the IPFS daemon has once it has thrown its garbage away.
fn blocks_without_garbage(tree: &Tree) -> u64 {
    let mut rpc = tree.rpc();
    let _ = rpc.ask("POST", "/api/v0/repo/gc?quiet=true", &[], b"").expect(200);
    let stat = rpc.ask("POST", "/api/v0/repo/stat", &[], b"").expect(200).json();
    stat["NumObjects"].as_u64().expect("a number")
}

/// All files of the box: there should be one.
fn files_of_the_box(tree: &Tree) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(tree.folder().join("data/ingest-server")).expect("the box has a folder");
    folder.map(|entry| entry.expect("an entry").path()).collect()
}

/// Bytes that do not repeat.
fn file(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut all = Vec::with_capacity(bytes + 8);
    while all.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    all.truncate(bytes);
    all
}
