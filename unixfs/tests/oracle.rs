//! CIDs and sizes made by another implementation: npm `ipfs-unixfs-importer` 17.1.1.
//!
//! Recipe, by hand in an empty folder: `npm install ipfs-unixfs-importer@17.1.1 blockstore-core`, then for folders
//! `importer([{path: 'd/' + sha1('comment ' + i), content: 'comment ' + i} for i < count], store, options)`, where
//! sha1 is lower-case hex, and for files `importBytes(bytes i % 251 for i < len, store, options)`. Options are
//! `{profile: 'unixfs-v0-2015'}`, `{profile: 'unixfs-v1-2025'}`, or what Kubo does with `cid-version=1` alone:
//! `{cidVersion: 1, rawLeaves: true, chunker: fixedSize({chunkSize: 262144}), layout:
//! balanced({maxChildrenPerNode: 174}), shardSplitStrategy: 'links-bytes'}`; others are named at the row.

use bytes::Bytes;
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use unixfs::{
    ChunkBytes, Entry, Fanout, FileBuilder, HamtRule, HashOnly, ImportOptions, Leaves, MaxLinks, Node, Profile,
    Version, dir, leaf_node,
};

const V0: ImportOptions = Profile::V0_2015.options();
const V1: ImportOptions = Profile::V1_2025.options();
const KUBO: ImportOptions = Profile::KuboCidV1.options();

fn sha1_hex(text: &str) -> String {
    Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn comment(options: &ImportOptions, n: usize) -> Entry {
    let text = format!("comment {n}");
    Entry::new(sha1_hex(&text), leaf_node(options, text.as_bytes()))
}

fn build(options: &ImportOptions, entries: Vec<Entry>) -> Node {
    dir::build(entries, options, &mut HashOnly).expect("a folder of the recipe")
}

fn comments(options: &ImportOptions, count: usize) -> (String, u64) {
    let root = build(options, (0..count).map(|n| comment(options, n)).collect());
    (root.cid.to_string(), root.tsize)
}

fn file(options: ImportOptions, file_bytes: u32) -> (String, u64) {
    let content: Vec<u8> = (0..file_bytes).map(|n| (n % 251).to_le_bytes()[0]).collect();
    let mut builder = FileBuilder::new(options, HashOnly);
    builder.push(Bytes::from(content)).expect("hashing cannot fail");
    let root = builder.finish().expect("hashing cannot fail");
    assert_eq!(root.file_bytes, u64::from(file_bytes));
    (root.cid.to_string(), root.tsize)
}

#[test]
fn folders_of_comments_match() {
    let rows = [
        (1, V0, "QmcioZtv57HrAEHkRL1uEH8n8YHN5Jk7xgZZoMPL8eh7qS", 103),
        (1, V1, "bafybeihundzjdlr6pgps5czf7xsn5vrfl4zidsupj2bxtkhedsoat7xbyq", 97),
        (100, V0, "QmcsdhpHE8gACb4HKXYQ18HFfEnuFkTsvkG8aqBy8AZ7bS", 9_994),
        (100, V1, "bafybeibhfkos3ngto5hi62inbieib2s7q7lean4vkeannlf6sq6tz6lhcy", 9_394),
        (2_700, V0, "QmXgqgemHTBSEXwB9JgTdgW1CBeWvYrhzA8phDQyLz4y2n", 274_294),
        (2_700, KUBO, "bafybeiefxfodumwwhtcuowceyvbwwikoyq2xeu64x6f5teznjzdlnrsb7e", 258_094),
        (5_000, V0, "Qmev3MLYLufrs2RYjryTV7FwKUk1noriuJEJHGuH1ZgwrD", 556_123),
        (5_000, V1, "bafybeiadmbh2an6luaess6wfi4rrew2wxskykeomjjeuged3vci53fvvoq", 527_023),
        (5_000, KUBO, "bafybeiadmbh2an6luaess6wfi4rrew2wxskykeomjjeuged3vci53fvvoq", 527_023),
        (20_000, V0, "QmZZsmUMKdoDREAauFKNPXzU7T7p8ZV4XjQFmTfSJrBX2j", 2_308_519),
        (20_000, V1, "bafybeieoajojaarhg7amsmu4jlgwvgitzrkz7i4hjg5rcunyjdqgka3n7y", 2_194_065),
    ];
    for (count, options, cid, tsize) in rows {
        assert_eq!(comments(&options, count), (cid.to_owned(), tsize), "{count} comments, {options:?}");
    }
}

/// 3,000 comments of 500 topics, each at `<2>/<2>/<36>/<name>` of the SHA-1 of `topic {i % 500}`.
fn tree(options: &ImportOptions) -> Node {
    let mut tree: BTreeMap<String, BTreeMap<String, BTreeMap<String, Vec<Entry>>>> = BTreeMap::new();
    for n in 0..3_000 {
        let topic = sha1_hex(&format!("topic {}", n % 500));
        let (first, second, rest) = (&topic[..2], &topic[2..4], &topic[4..]);
        let folder = tree.entry(first.into()).or_default().entry(second.into()).or_default();
        folder.entry(rest.into()).or_default().push(comment(options, n));
    }
    let topics = |topics: BTreeMap<String, Vec<Entry>>| {
        topics.into_iter().map(|(name, comments)| Entry::new(name, build(options, comments))).collect()
    };
    let seconds = |seconds: BTreeMap<String, BTreeMap<String, Vec<Entry>>>| {
        seconds.into_iter().map(|(name, inner)| Entry::new(name, build(options, topics(inner)))).collect()
    };
    build(options, tree.into_iter().map(|(name, inner)| Entry::new(name, build(options, seconds(inner)))).collect())
}

#[test]
fn a_tree_of_topics_matches() {
    let rows = [
        (V0, "QmXFtCQLsPmV4fs7zsYCyo8VErqZP78LSJjFA35zu6WiB7", 381_576),
        (V1, "bafybeiga3oiz47wdvfwqghx6cfktyclsioijzehcgtgz2k3rzsodwopav4", 366_012),
    ];
    for (options, cid, tsize) in rows {
        let root = tree(&options);
        assert_eq!((root.cid.to_string().as_str(), root.tsize), (cid, tsize));
    }
}

#[test]
fn folders_of_other_widths_match() {
    // 1,000 comments; also `shardSplitThresholdBytes: 0, shardFanoutBits: log2(slots)`.
    let rows = [
        (8, "bafybeigbgyji5qb3lpafjmneuzt6xyze3fngck4m3g6bkfo3mt42t3thwa", 123_321),
        (16, "bafybeiakk7vohvafvnd2ntx5cich2k3d6nm25rygaaati63id4gjhfiw34", 116_857),
        (32, "bafybeibw4xfoqumfpjd73wnhcxn34kkt7ysekkntdpv7lhyiuikhxniwpy", 114_759),
        (512, "bafybeicyhfybmaoylp7lamrzands2mgumzevm4hgmrvmrrlkwzcbzjvzxa", 129_152),
        (1024, "bafybeifb4dchoz7zyldmhjujjiei6cr4hlcng7icvy6bcqr4szwhvqrztu", 136_219),
    ];
    for (slots, cid, tsize) in rows {
        let fanout = Fanout::new(slots).unwrap();
        let options = ImportOptions { hamt: HamtRule { threshold_bytes: 0, fanout, ..V1.hamt }, ..V1 };
        assert_eq!(comments(&options, 1_000), (cid.to_owned(), tsize), "{slots} slots");
    }
}

#[test]
fn deep_files_match() {
    // 1,000 bytes; `cidVersion` 1 with raw leaves, else 0; `chunkSize`, `maxChildrenPerNode`.
    let rows = [
        (Leaves::Raw, 10, 3, "bafybeigl26haemr6wtlczr7wg6p5zpjybeufunulzlp6ghxzpud2v3vz24", 8_373),
        (Leaves::Raw, 7, 2, "bafybeidgc3zzhi64i5xdyrpv2hbbddoaupeh3lyzmtwgmpdgkbvhdt2b4e", 15_212),
        (Leaves::Raw, 1, 10, "bafybeidvxmp54vmzgh2pfb2gemkyo7dljvkahud4h3xqguypcxbm3fmz3y", 52_837),
        (Leaves::Raw, 100, 3, "bafybeigaa5c6es3yqfu4lag76ihqyoibyxyiad4dkoq4qqmxtqel6u4xqe", 1_793),
        (Leaves::DagPb, 10, 3, "QmeCtvrDLhFLKMtp3eFYzuXzprv4ozr9TDxMLQ7TFVk9BA", 8_869),
        (Leaves::DagPb, 7, 2, "QmPjWMYmUo9exzt1gTHZgdCu1AZbKnmm6C176eNSs4C7RH", 15_780),
        (Leaves::DagPb, 1, 10, "QmUqMCJCRVXDZLTugEsKFZgVG2LyBNeo8F8wa3uivJQV5q", 58_617),
        (Leaves::DagPb, 100, 3, "QmcsNWDcApJ6eznqQCeJHAqd7G9NefAi2NqnsH2bmEDFx2", 1_841),
    ];
    for (leaves, chunk, links, cid, tsize) in rows {
        let cid_version = if leaves == Leaves::Raw { Version::V1 } else { Version::V0 };
        let (chunk_bytes, max_links) = (ChunkBytes::new(chunk).unwrap(), MaxLinks::new(links).unwrap());
        let options = ImportOptions { cid_version, leaves, chunk_bytes, max_links, ..V1 };
        assert_eq!(file(options, 1_000), (cid.to_owned(), tsize), "{leaves:?}, {chunk} bytes, {links} links");
    }
}

#[test]
fn files_of_all_three_mixes_match() {
    let rows = [
        (V0, "QmTdtwzKMjtWmGptPoCaK83huuRM7EWJXfHLnZi5nbF1A4", 3_000_753),
        (V1, "bafybeigqr2ulyhu7r6rmratednc5n7y6s4bl4yui725mm45qk7o2ydor3m", 3_000_159),
        (KUBO, "bafybeicptzmh5x5nlaqtfkrh2k6lrcqygm7mdep7frcti2af2u7r5xdzw4", 3_000_609),
    ];
    for (options, cid, tsize) in rows {
        assert_eq!(file(options, 3_000_000), (cid.to_owned(), tsize));
    }
}
