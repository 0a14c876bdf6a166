//! Large files: through boxes that stay small, over a slow and a fast link while boxes are killed, and onto a full disk.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use rookery_tests::{
    artc::{self, Uploader},
    kubo::{Kubo, Profile},
    process,
    setup::Setup,
    skipped,
    tree::Tree,
};

use super::{ENABLED, downloads, file, listed, pinned, start, uploads};

const MIB: usize = 1 << 20;
/// What a box may have in memory, however large the file is.
const BOX_BYTES: u64 = 64 << 20;
/// Of the volume that is filled: the daemon keeps 64 MiB free, so that there is room to delete.
const VOLUME_BYTES: usize = 112 * MIB;

/// `make soak` sends as much as the design promises; every test run a part of it.
fn soaks() -> bool {
    std::env::var_os("ROOKERY_SOAK").is_some()
}

#[test]
fn a_large_file_passes_through_boxes_that_stay_small() {
    let mebibytes = if soaks() { 10 * 1024 } else { 192 };
    let tree = start();
    let mut piece = file(MIB, 1);
    let mut client = Uploader::connect(uploads(&tree)).unwrap();
    for number in 0..mebibytes as u64 {
        // No two chunks of it are alike.
        piece.chunks_mut(1 << 18).for_each(|chunk| chunk[..8].copy_from_slice(&number.to_le_bytes()));
        client.send(&piece).unwrap();
    }
    client.end().unwrap();
    let cid = client.hash().unwrap();
    assert!(cid.starts_with("Qm"), "{cid}");
    for name in ["ingest-server.0", "ipfs-shim.0"] {
        let peak = process::peak_rss_bytes(tree.pid(name));
        println!("{name}: at most {} MiB in memory while {mebibytes} MiB passed", peak.div_ceil(MIB as u64));
        assert!(peak <= BOX_BYTES, "{name} had {peak} bytes");
    }
    assert_eq!(listed(&tree)[0]["bytes"], (mebibytes * MIB) as u64);
}

/// What "done" means: the slow client sends a part for each box that is killed and has come back.
#[test]
fn a_file_goes_in_and_out_over_a_slow_and_a_fast_link_while_other_boxes_are_killed() {
    let Some(kubo) = Kubo::or_skip("ingest_large", Profile::AsItComes) else { return };
    let tree = start();
    let bytes = file(if soaks() { 1024 * MIB } else { 48 * MIB }, 3);
    let place = tree.folder().join("file");
    fs::write(&place, &bytes).unwrap();
    let expected = kubo.run(&["add", "--only-hash", "--quieter", place.to_str().unwrap()]);
    let (server, giver) = (uploads(&tree), downloads(&tree));
    thread::scope(|scope| {
        let fast = scope.spawn(|| there_and_back(server, giver, &bytes, &expected));
        let mut slow = Uploader::connect(server).unwrap();
        for (part, name) in
            bytes.chunks(bytes.len().div_ceil(6)).zip(["ipfs-node.0", "ipfs-shim.0", "get-worker.0"].iter().cycle())
        {
            slow.send(part).unwrap();
            let old = tree.kill(name);
            tree.await_successor(name, old);
        }
        slow.end().unwrap();
        assert_eq!(slow.hash().unwrap(), expected);
        fast.join().unwrap();
    });
    let back = thread::scope(|scope| {
        let back = scope.spawn(|| artc::download(giver, expected.trim()));
        let old = tree.kill("ipfs-shim.0");
        tree.await_successor("ipfs-shim.0", old);
        back.join().unwrap()
    });
    assert!(back.is_ok_and(|back| back == bytes));
}

fn there_and_back(server: SocketAddr, giver: SocketAddr, bytes: &[u8], expected: &str) {
    assert_eq!(artc::upload(server, bytes, 65_536), expected);
    assert!(artc::download(giver, expected.trim()).is_ok_and(|back| back == bytes));
}

/// A volume of its own, given up when dropped.
struct Volume(PathBuf);

impl Volume {
    fn mount(place: &Path) -> Option<Self> {
        fs::create_dir_all(place).expect("a test can make a folder");
        let options = format!("size={VOLUME_BYTES},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(place.to_owned()))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_in_a_line_and_what_is_kept_stays() {
    let mut tree = Setup::new().with(ENABLED).lay_out();
    let Some(_volume) = Volume::mount(&tree.folder().join("data")) else {
        return skipped::tell("ingest_full_disk", "a volume cannot be mounted here; run as root");
    };
    tree.up();
    let server = uploads(&tree);
    let kept = artc::upload(server, &file(4 * MIB, 1), 65_536);
    assert!(kept.starts_with("Qm"), "{kept}");
    let refused = fill(&tree, server);
    assert!(refused.starts_with("ERROR ") && refused.ends_with('\n'), "{refused}");
    assert_eq!(listed(&tree).len(), 1);
    assert!(pinned(&tree).iter().any(|pin| pin.contains(kept.trim())));
    assert!(artc::download(downloads(&tree), kept.trim()).is_ok_and(|back| back == file(4 * MIB, 1)));
    // Its blocks were garbage; once that is collected there is room again.
    let _ = tree.rpc().ask("POST", "/api/v0/repo/gc?quiet=true", &[], b"").expect(200);
    let again = artc::upload(server, &file(4 * MIB, 2), 65_536);
    assert!(again.starts_with("Qm"), "{again}");
}

/// Sends more than there is room for, and returns what the client prints.
fn fill(tree: &Tree, server: SocketAddr) -> String {
    let mut client = Uploader::connect(server).expect("the server listens");
    for number in 0..VOLUME_BYTES / MIB {
        if client.send(&file(MIB, 100 + number as u64)).is_err() {
            break;
        }
    }
    // The server has spoken already; whether it still reads makes no difference.
    let _ = client.end();
    client.hash().unwrap_or_else(|error| panic!("{error}: {}", tree.logs()))
}
