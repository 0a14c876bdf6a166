//! What is added has the CID that Kubo gives it, whatever its size and shape.

use std::{
    fs::{self, File},
    path::Path,
};

use rookery_tests::peer::Peer;

use super::is_soak;

/// The flags of IPIP-499's `unixfs-v1-2025`.
const V1: [&str; 6] = [
    "--cid-version=1",
    "--raw-leaves",
    "--chunker=size-1048576",
    "--max-file-links=1024",
    "--max-directory-links=0",
    "--max-hamt-fanout=256",
];
const SIZES: [u64; 8] = [0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1];

/// What both say of every file and folder below a path, in one order.
fn said(peer: &Peer, path: &Path, flags: &[&str]) -> Vec<String> {
    let path = path.to_str().expect("test paths are text");
    let said = peer.run(&[&["add", "--recursive", "--only-hash", "--progress=false"], flags, &[path]].concat());
    let mut lines: Vec<_> = said.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn assert_same(test: &str, path: &Path) {
    let Some(kubo) = Peer::kubo_or_skip(test) else { return };
    let ours = Peer::ours();
    assert_eq!(said(&ours, path, &[]), said(&kubo, path, &[]), "as of old");
    // How large a folder may grow before it is sharded is no flag.
    kubo.run(&["config", "profile", "apply", "unixfs-v1-2025"]);
    let kubos = said(&kubo, path, &V1);
    assert!(!kubos.is_empty());
    assert_eq!(said(&ours, path, &V1), kubos, "unixfs-v1-2025");
}

/// A file with a hole: nothing of it is on disk, all of it is read.
fn sparse(path: &Path, bytes: u64) {
    File::create(path).and_then(|file| file.set_len(bytes)).expect("the folder can be written");
}

fn noise(path: &Path, bytes: u64) {
    let mut state = bytes | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let content: Vec<u8> = (0..bytes).map(|_| next()).collect();
    fs::write(path, content).expect("the folder can be written");
}

fn many(folder: &Path, entries: usize) {
    fs::create_dir(folder).expect("the folder can be written");
    for at in 0..entries {
        fs::write(folder.join(format!("entry number {at}")), at.to_string()).expect("the folder can be written");
    }
}

#[test]
fn files_about_as_large_as_a_chunk_have_kubos_cids() {
    let place = tempfile::tempdir().unwrap();
    for bytes in SIZES {
        noise(&place.path().join(format!("{bytes} bytes")), bytes);
    }
    assert_same("CIDs of files about as large as a chunk", place.path());
}

#[test]
fn nested_empty_and_odd_folders_have_kubos_cids() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("a/b/c/d/e")).unwrap();
    fs::create_dir_all(place.path().join("empty/as well")).unwrap();
    fs::create_dir_all(place.path().join(".hidden")).unwrap();
    fs::write(place.path().join("a/b/ünïcode ☃ & \"quotes\""), "x").unwrap();
    fs::write(place.path().join("a/b/c/100% plus+"), "y").unwrap();
    fs::write(place.path().join(".hidden/file"), "z").unwrap();
    std::os::unix::fs::symlink("b/c", place.path().join("a/link")).unwrap();
    std::os::unix::fs::symlink("nowhere at all", place.path().join("a/broken")).unwrap();
    assert_same("CIDs of nested folders", place.path());
}

#[test]
fn folders_on_both_sides_of_sharding_have_kubos_cids() {
    let place = tempfile::tempdir().unwrap();
    many(&place.path().join("ten"), 10);
    many(&place.path().join("five thousand"), 5_000);
    assert_same("CIDs of folders that are sharded", place.path());
}

#[test]
fn a_file_of_a_hundred_megabytes_has_kubos_cid() {
    let place = tempfile::tempdir().unwrap();
    sparse(&place.path().join("large"), 100_000_000);
    noise(&place.path().join("not so large"), 10_000_000);
    assert_same("the CID of a large file", place.path());
}

#[test]
fn a_gibibyte_and_a_hundred_thousand_entries_have_kubos_cids() {
    if !is_soak() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    sparse(&place.path().join("gibibyte"), 1 << 30);
    many(&place.path().join("hundred thousand"), 100_000);
    assert_same("CIDs of a gibibyte and of a hundred thousand entries", place.path());
}
