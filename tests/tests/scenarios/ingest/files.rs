//! Files of every kind.

use std::fs;

use rookery_tests::{
    artc::{self, Uploader},
    kubo::{Kubo, Profile},
    setup::Setup,
};

use super::{ENABLED, downloads, file, listed, pinned, start, uploads};

#[test]
fn every_kind_of_file_gets_the_cid_that_ipfs_add_prints_and_comes_back() {
    let Some(kubo) = Kubo::or_skip("ingest_cids", Profile::AsItComes) else { return };
    let tree = start();
    let place = tree.folder().join("file");
    let marker_like = format!("{}0.1234567890123456\n{}", artc::END, artc::END);
    let files = [
        ("empty", Vec::new()),
        ("no newline", b"no newline".to_vec()),
        ("lines", b"one\ntwo\r\n\n".to_vec()),
        ("UTF-8", "Krähe 鴉 🐦\n".repeat(1_000).into_bytes()),
        ("binary", (0..=255).cycle().take(100_000).collect()),
        ("marker-like", marker_like.into_bytes()),
        ("300 kB", file(300_000, 1)),
        ("100 MB", file(100_000_000, 2)),
    ];
    for (name, bytes) in &files {
        fs::write(&place, bytes).unwrap();
        let expected = kubo.run(&["add", "--only-hash", "--quieter", place.to_str().unwrap()]);
        // Pieces that cut characters and chunks anywhere.
        let hash = artc::upload(uploads(&tree), bytes, 65_521);
        assert_eq!(hash, expected, "{name}");
        let pin = format!("\"{}\"", expected.trim());
        assert!(pinned(&tree).contains(&pin), "{name} is pinned when it is announced");
        let back = artc::download(downloads(&tree), expected.trim());
        assert!(back.is_ok_and(|back| back == *bytes), "{name} comes back");
    }
    let listed = listed(&tree);
    let sizes: Vec<_> = listed.iter().map(|upload| upload["bytes"].as_u64().unwrap() as usize).collect();
    assert_eq!(sizes, files.each_ref().map(|(_, bytes)| bytes.len()));
    assert!(listed.iter().all(|upload| upload["peer"].as_str().unwrap().starts_with("127.0.0.1:")));
}

#[test]
fn the_newer_profile_gives_the_cids_of_kubos_newer_profile() {
    let Some(kubo) = Kubo::or_skip("ingest_newer_cids", Profile::UnixfsV1) else { return };
    let tree = Setup::new().with(&format!("{ENABLED}profile = \"unixfs-v1-2025\"\n")).start();
    let place = tree.folder().join("file");
    for bytes in [file(0, 0), file(1_048_576, 1), file(5_000_000, 2)] {
        fs::write(&place, &bytes).unwrap();
        let hash = artc::upload(uploads(&tree), &bytes, 1 << 20);
        assert_eq!(hash.trim(), kubo.only_hash(&place));
        assert!(artc::download(downloads(&tree), hash.trim()).is_ok_and(|back| back == bytes));
    }
}

#[test]
fn tokens_look_as_clients_expect_and_are_never_the_same() {
    let tree = start();
    let tokens: Vec<_> = (0..100).map(|_| Uploader::connect(uploads(&tree)).unwrap().token().to_owned()).collect();
    for token in &tokens {
        let digits = token.strip_prefix("0.").unwrap_or_else(|| panic!("{token}"));
        assert!((1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()), "{token}");
    }
    let different: std::collections::HashSet<_> = tokens.iter().collect();
    assert_eq!(different.len(), tokens.len());
}

#[test]
fn what_cannot_be_given_is_told_in_a_line() {
    let tree = start();
    let absent = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nm";
    let refused = artc::download(downloads(&tree), absent).unwrap_err();
    let refused = String::from_utf8(refused).unwrap();
    assert!(refused.starts_with("ERROR ") && refused.ends_with('\n'), "{refused}");
}

#[test]
fn the_box_is_off_unless_it_is_enabled() {
    let tree = Setup::new().start();
    assert!(tree.status().boxes.iter().all(|one| one.name != "ingest-server"));
    assert_eq!(tree.command(&["ingest", "list", "--json"]).well().out, "[]\n");
}
