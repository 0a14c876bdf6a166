//! `add`: the same CIDs, the same lines.

use rookery_tests::{kubo::Profile, multipart::Form};

use super::{Call, Pair, folder, large_folder, noise};

/// The flags of `unixfs-v1-2025`, as every careful client sends them.
const V1: &str =
    "cid-version=1&raw-leaves=true&chunker=size-1048576&max-file-links=1024&max-directory-links=0&max-hamt-fanout=256";

#[test]
fn files_of_every_length_have_the_same_cids() {
    let Some(mut pair) = Pair::or_skip("side by side: files", Profile::AsItComes) else { return };
    let lengths = [0, 1, 262_143, 262_144, 262_145, 1_000_000, 1_048_577, 5_000_000, 262_144 * 175];
    for (bytes, flags) in
        lengths.into_iter().flat_map(|bytes| ["", V1, "cid-version=1", "raw-leaves=true"].map(|flags| (bytes, flags)))
    {
        pair.same(&Call::new(&format!("add?only-hash=true&{flags}")).file(&noise(bytes)));
    }
}

#[test]
fn every_flag_of_add_does_the_same() {
    let Some(mut pair) = Pair::or_skip("side by side: flags of add", Profile::AsItComes) else { return };
    let flags = [
        "",
        "cid-version=1",
        "cid-version=1&raw-leaves=false",
        "raw-leaves=true",
        "chunker=size-1000",
        "chunker=size-1000&max-file-links=3",
        "wrap-with-directory=true",
        "wrap-with-directory=true&cid-version=1",
        "only-hash=true",
        "quiet=true",
        "quieter=true",
        "silent=true",
        "pin=false",
        "progress=true",
        "cid-version=1&hash=sha2-256",
        "pin-name=a+name",
    ];
    for flags in flags {
        pair.same(&Call::new(&format!("add?{flags}")).file(&noise(20_000)));
        pair.same(&Call::new(&format!("add?{flags}")).file(b"hello\n"));
    }
}

#[test]
fn folders_have_the_same_cids_and_lines() {
    let Some(mut pair) = Pair::or_skip("side by side: folders", Profile::AsItComes) else { return };
    for flags in [
        "",
        "cid-version=1",
        V1,
        "wrap-with-directory=true",
        "only-hash=true",
        "empty-dirs=false",
        "pin=false&quieter=true",
    ] {
        pair.same(&Call::new(&format!("add?{flags}")).form(folder()));
    }
    let two = Form::new().file("a", b"a").file("b", b"b").end();
    pair.same(&Call::new("add?wrap-with-directory=true").form(two.clone()));
    pair.same(&Call::new("add").form(two));
    // A folder that no part announces.
    let bare = Form::new().file("x/y/z.txt", b"z").end();
    pair.same(&Call::new("add?cid-version=1").form(bare));
}

#[test]
fn folders_that_are_too_large_for_a_block_become_the_same_hamt() {
    let Some(mut pair) = Pair::or_skip("side by side: a HAMT as it comes", Profile::AsItComes) else { return };
    pair.same(&Call::new("add?only-hash=true").form(large_folder()));
    drop(pair);
    let Some(mut pair) = Pair::or_skip("side by side: a HAMT of unixfs-v1-2025", Profile::UnixfsV1) else { return };
    let answer = pair.same(&Call::new(&format!("add?{V1}")).form(large_folder()));
    let root = super::added(&answer);
    pair.same_path(&format!("block/get?arg={root}"));
    pair.same_path(&format!("cat?arg={root}/a file with number 004321").replace(' ', "%20"));
    pair.same(&Call::new(&format!("ls?arg={root}&stream=true")).in_any_order());
}
