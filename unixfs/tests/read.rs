//! What was built is read back, block by block, and DAGs made to hurt are refused.

mod support;

use bytes::Bytes;
use cid::multihash::Multihash;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use support::{by_name, drive, entries, names, small_file};
use unixfs::dag_pb::{PbLink, PbNode};
use unixfs::{
    Block, ByteRange, ChunkBytes, Cid, CidSet, DagReader, DirReader, Entry, Fanout, FileBuilder, FileReader, HamtRule,
    ImportOptions, Kind, Leaves, Link, MaxLinks, Node, Profile, ReadError, Reader, Resolver, Step, UnixFs, cid_dag_pb,
    cid_raw, dir, ipld, links, segments, symlink,
};
use unixfs::{CODEC_DAG_CBOR, CODEC_DAG_JSON};

const V1: ImportOptions = Profile::V1_2025.options();

fn options() -> impl Strategy<Value = ImportOptions> {
    let leaves = prop_oneof![Just(Leaves::Raw), Just(Leaves::DagPb)];
    (leaves, 1usize..40, 2usize..6).prop_map(|(leaves, chunk, width)| ImportOptions {
        leaves,
        chunk_bytes: ChunkBytes::new(chunk).expect("a size of the test"),
        max_links: MaxLinks::new(width).expect("a width of the test"),
        ..V1
    })
}

fn import(options: ImportOptions, content: &[u8]) -> (Node, HashMap<Cid, Bytes>) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut file = FileBuilder::new(options, &mut blocks);
    file.push(Bytes::copy_from_slice(content)).expect("a vector takes all blocks");
    let root = file.finish().expect("a vector takes all blocks");
    (root, by_name(blocks))
}

fn folder(options: &ImportOptions, entries: Vec<Entry>) -> (Node, HashMap<Cid, Bytes>) {
    let mut blocks: Vec<Block> = Vec::new();
    let root = dir::build(entries, options, &mut blocks).expect("entries of the test make a folder");
    (root, by_name(blocks))
}

fn block_of(links: Vec<PbLink>, content: &UnixFs) -> (Cid, Bytes) {
    let bytes = Bytes::from(PbNode { links, content: Some(content.encode().into()) }.encode());
    (cid_dag_pb(unixfs::Version::V1, &bytes), bytes)
}

proptest! {
    #[test]
    fn any_range_of_any_file_is_read_back(
        options in options(),
        content in proptest::collection::vec(any::<u8>(), 0..600),
        from in 0u64..700,
        len in proptest::option::of(0u64..700),
        ahead in 0usize..9,
    ) {
        let (root, blocks) = import(options, &content);
        let reader = FileReader::new(root.cid, ByteRange { from, bytes: len });
        let (pieces, _) = drive(reader, &blocks, ahead).unwrap();
        let first = content.len().min(usize::try_from(from).unwrap());
        let count = len.map_or(usize::MAX, |len| usize::try_from(len).unwrap());
        let expected: Vec<u8> = content[first..].iter().copied().take(count).collect();
        prop_assert_eq!(pieces.concat(), expected);
    }

    #[test]
    fn every_block_of_a_file_is_walked_once(
        options in options(),
        content in proptest::collection::vec(0u8..3, 0..600),
        ahead in 0usize..9,
    ) {
        let (root, blocks) = import(options, &content);
        let (walked, asked) = drive(DagReader::new(root.cid), &blocks, ahead).unwrap();
        prop_assert_eq!(walked[0].cid, root.cid, "parents come before their children");
        prop_assert_eq!(walked.len(), blocks.len());
        prop_assert_eq!(asked.len(), blocks.len());
        prop_assert!(walked.iter().all(|block| blocks[&block.cid] == block.bytes));
    }

    #[test]
    fn any_folder_is_listed_whole_and_every_name_is_found(
        names in proptest::collection::btree_set("[a-d]{1,4}", 0..80),
        threshold_bytes in 0usize..2000,
        slots in prop_oneof![Just(8u64), Just(16), Just(256), Just(1024)],
        ahead in 0usize..9,
    ) {
        let hamt = HamtRule { threshold_bytes, fanout: Fanout::new(slots).unwrap(), ..V1.hamt };
        let options = ImportOptions { hamt, ..V1 };
        let entries: Vec<Entry> = names.iter().map(|name| {
            Entry::new(name.clone(), Link { cid: cid_raw(name.as_bytes()), tsize: 1 })
        }).collect();
        let (root, blocks) = folder(&options, entries.clone());
        let (listed, _) = drive(DirReader::new(root.cid), &blocks, ahead).unwrap();
        let listed: BTreeMap<_, _> = listed.into_iter().map(|entry| (entry.name, entry.link)).collect();
        prop_assert_eq!(listed.len(), entries.len());
        for entry in entries {
            prop_assert_eq!(listed[&entry.name], entry.link);
            let (found, _) = drive(Resolver::new(root.cid, [entry.name.clone()]), &blocks, ahead).unwrap();
            prop_assert_eq!(found[0].cid, entry.link.cid);
            prop_assert_eq!(found[0].tsize, Some(entry.link.tsize));
        }
        let absent = drive(Resolver::new(root.cid, [Bytes::from_static(b"absent")]), &blocks, ahead);
        prop_assert!(matches!(absent, Err(ReadError::NotFound { .. })), "{:?}", absent);
    }
}

#[test]
fn a_range_asks_only_for_the_blocks_that_it_touches() {
    let options =
        ImportOptions { chunk_bytes: ChunkBytes::new(10).unwrap(), max_links: MaxLinks::new(10).unwrap(), ..V1 };
    let content: Vec<u8> = (0..=255u8).cycle().take(1000).collect();
    let (root, blocks) = import(options, &content);
    let mut reader = FileReader::new(root.cid, ByteRange { from: 555, bytes: Some(10) });
    reader.supply(&root.cid, blocks[&root.cid].clone()).unwrap();
    assert_eq!(reader.file_bytes(), Some(1000));
    let (pieces, asked) = drive(reader, &blocks, 0).unwrap();
    assert_eq!(pieces.concat(), content[555..565]);
    assert_eq!(asked.len(), 3, "one inner node and two leaves");
}

#[test]
fn a_split_folder_gives_every_name_through_its_own_path_only() {
    let names = names("resolve", 20_000, 40, 40);
    let (root, blocks) = folder(&V1, entries(&V1, &names, "x"));
    let file = small_file(&V1, "x");
    for name in names.iter().step_by(997) {
        let (found, asked) = drive(Resolver::new(root.cid, [Bytes::from(name.clone())]), &blocks, 0).unwrap();
        assert_eq!((found[0].cid, found[0].tsize), (file.cid, Some(file.tsize)));
        assert!(asked.len() <= 3, "{} of {} blocks", asked.len(), blocks.len());
    }
}

#[test]
fn a_path_goes_through_folders_of_both_kinds() {
    let split = ImportOptions { hamt: HamtRule { threshold_bytes: 0, ..V1.hamt }, ..V1 };
    let file = small_file(&V1, "text");
    let (inner, mut blocks) = folder(&split, vec![Entry::new("c", file), Entry::new("other", file)]);
    let (middle, more) = folder(&V1, vec![Entry::new("b", inner)]);
    blocks.extend(more);
    let (outer, more) = folder(&split, vec![Entry::new("a", middle)]);
    blocks.extend(more);
    let found = |path| drive(Resolver::new(outer.cid, segments(path)), &blocks, 0).unwrap().0[0];
    assert_eq!(found("/a//b/c").cid, file.cid);
    assert_eq!(found("a/b").cid, inner.cid);
    assert_eq!((found("").cid, found("").tsize), (outer.cid, None));
}

/// A block of DAG-JSON and its name.
fn json(text: &str) -> (Cid, Bytes) {
    (Cid::new_v1(CODEC_DAG_JSON, *cid_raw(text.as_bytes()).hash()), Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_path_goes_through_values_to_what_they_link() {
    let file = small_file(&V1, "text");
    let (folder, mut blocks) = folder(&V1, vec![Entry::new("c", file)]);
    let inner = json(&format!("{{\"list\":[0,{{\"/\":\"{}\"}}]}}", folder.cid));
    let value = ipld::read(CODEC_DAG_JSON, &json(&format!("{{\"a\":{{\"/\":\"{}\"}},\"n\":7}}", inner.0)).1).unwrap();
    let cbor = Bytes::from(ipld::write(CODEC_DAG_CBOR, &value).unwrap());
    let root = Cid::new_v1(CODEC_DAG_CBOR, *cid_raw(&cbor).hash());
    blocks.extend([inner.clone(), (root, cbor)]);
    let mut resolver = Resolver::new(root, segments("a/list/1/c"));
    while let Step::Need(cid) = resolver.step().unwrap() {
        resolver.supply(&cid, blocks[&cid].clone()).unwrap();
    }
    // One for the root, and one for each segment.
    assert_eq!(resolver.roots(), [root, inner.0, inner.0, folder.cid, file.cid]);
    let resolve = |path| drive(Resolver::new(root, segments(path)), &blocks, 0);
    let within = |cid, path: &[&'static str]| {
        let path = path.iter().map(|segment| Bytes::from_static(segment.as_bytes())).collect();
        Err(ReadError::Within { cid, path: Box::new(path) })
    };
    assert_eq!(resolve("n"), within(root, &["n"]));
    assert_eq!(resolve("a/list/0"), within(inner.0, &["list", "0"]));
    for path in ["x", "n/x", "a/list/2", "a/list/x"] {
        assert!(matches!(resolve(path), Err(ReadError::NotFound { .. })), "{path}");
    }
}

#[test]
fn a_path_below_a_file_or_a_symlink_says_so() {
    let (file, link) = (small_file(&V1, "text"), symlink(&V1, "elsewhere"));
    let (root, mut blocks) = folder(
        &V1,
        vec![Entry::new("file", file), Entry::new("link", Link { cid: link.cid, tsize: link.bytes.len() as u64 })],
    );
    blocks.extend([(file.cid, Bytes::from_static(b"text")), (link.cid, link.bytes.clone())]);
    let resolve = |path| drive(Resolver::new(root.cid, segments(path)), &blocks, 0);
    assert_eq!(resolve("file/x"), Err(ReadError::NotAFolder(file.cid)));
    let target = Box::new(Bytes::from_static(b"elsewhere"));
    assert_eq!(resolve("link/x"), Err(ReadError::Symlink { cid: link.cid, target: target.clone() }));
    let cat = drive(FileReader::new(link.cid, ByteRange::ALL), &blocks, 0);
    assert_eq!(cat, Err(ReadError::Symlink { cid: link.cid, target }));
    assert_eq!(drive(FileReader::new(root.cid, ByteRange::ALL), &blocks, 0), Err(ReadError::NotAFile(root.cid)));
    assert_eq!(drive(DirReader::new(file.cid), &blocks, 0), Err(ReadError::NotAFolder(file.cid)));
}

#[test]
fn blocks_inside_their_cids_are_never_asked_for() {
    let inline = |bytes: &[u8]| Cid::new_v1(0x55, Multihash::wrap(0, bytes).unwrap());
    let part = |bytes: &[u8]| PbLink::nameless(Link { cid: inline(bytes), tsize: bytes.len() as u64 });
    let content = UnixFs { file_bytes: Some(5), block_bytes: vec![2, 3], ..UnixFs::new(Kind::File) };
    let (root, bytes) = block_of(vec![part(b"ab"), part(b"cde")], &content);
    let blocks = HashMap::from([(root, bytes)]);
    let (pieces, asked) = drive(FileReader::new(root, ByteRange::ALL), &blocks, 4).unwrap();
    assert_eq!((pieces.concat(), asked), (b"abcde".to_vec(), vec![root]));
    let (pieces, asked) = drive(FileReader::new(inline(b"ab"), ByteRange::ALL), &blocks, 4).unwrap();
    assert_eq!((pieces.concat(), asked), (b"ab".to_vec(), vec![]));
}

#[test]
fn a_file_of_empty_parts_linked_a_billionfold_costs_one_block() {
    // Each node links the one below a thousand times: 1000^10 empty leaves, or a lie about their size.
    for claimed in [0u64, 1] {
        let mut blocks = HashMap::new();
        let mut below = cid_raw(b"");
        blocks.insert(below, Bytes::new());
        for level in 1..=10u32 {
            let file_bytes = claimed * 1000u64.saturating_pow(level.min(6));
            let per_part = file_bytes / 1000;
            let content = UnixFs { block_bytes: vec![per_part; 1000], ..UnixFs::new(Kind::File) };
            let link = PbLink::nameless(Link { cid: below, tsize: 0 });
            let (cid, bytes) = block_of(vec![link; 1000], &content);
            blocks.insert(cid, bytes);
            below = cid;
        }
        match drive(FileReader::new(below, ByteRange::ALL), &blocks, 0) {
            Ok((pieces, asked)) => assert_eq!((claimed, pieces.len(), asked.len()), (0, 0, 1)),
            Err(error) => assert!(claimed == 1 && matches!(error, ReadError::Misfit(_)), "{error}"),
        }
    }
}

#[test]
fn a_folder_that_links_one_shard_twice_is_refused() {
    let hamt = UnixFs { hash_type: Some(0x22), fanout: Some(256), ..UnixFs::new(Kind::HamtShard) };
    let below = |cid| ["00", "01"].map(|name| PbLink { name: Bytes::from(name), cid, tsize: 0 }).to_vec();
    let mut blocks = HashMap::new();
    let (mut top, bytes) = block_of(Vec::new(), &hamt);
    blocks.insert(top, bytes);
    for _ in 0..7 {
        let (cid, bytes) = block_of(below(top), &hamt);
        blocks.insert(cid, bytes);
        top = cid;
    }
    let listed = drive(DirReader::new(top), &blocks, 0);
    assert!(matches!(listed, Err(ReadError::Misfit(_))), "{listed:?}");
}

#[test]
fn a_folder_deeper_than_its_hashes_is_refused() {
    let hamt = UnixFs { hash_type: Some(0x22), fanout: Some(256), ..UnixFs::new(Kind::HamtShard) };
    let mut blocks = HashMap::new();
    let (mut top, bytes) = block_of(Vec::new(), &hamt);
    blocks.insert(top, bytes);
    for _ in 0..8 {
        let (cid, bytes) = block_of(vec![PbLink { name: Bytes::from("00"), cid: top, tsize: 0 }], &hamt);
        blocks.insert(cid, bytes);
        top = cid;
    }
    let listed = drive(DirReader::new(top), &blocks, 0);
    assert!(matches!(listed, Err(ReadError::Misfit(_))), "{listed:?}");
}

#[test]
fn a_walk_beyond_what_was_seen_reads_only_what_is_new() {
    let names = names("walk", 20_000, 40, 40);
    let mut all = entries(&V1, &names, "x");
    let (old, mut blocks) = folder(&V1, all.clone());
    blocks.insert(small_file(&V1, "x").cid, Bytes::from_static(b"x"));
    all.push(Entry::new("one more", small_file(&V1, "x")));
    let (new, more) = folder(&V1, all);
    blocks.extend(more);
    let mut walk = DagReader::new(old.cid);
    while let Step::Need(_) | Step::Give(_) = {
        let step = walk.step().unwrap();
        if let Step::Need(cid) = &step {
            walk.supply(cid, blocks[cid].clone()).unwrap();
        }
        step
    } {}
    let seen = walk.into_seen();
    assert!(seen.contains(&old.cid) && !seen.contains(&new.cid));
    let (walked, _) = drive(DagReader::beyond(seen, new.cid), &blocks, 0).unwrap();
    assert!((2..=3).contains(&walked.len()), "{} blocks", walked.len());
}

#[test]
fn a_set_of_cids_knows_a_block_by_either_version_and_by_any_hash() {
    let v0 = cid_dag_pb(unixfs::Version::V0, b"node");
    let inline = Cid::new_v1(0x55, Multihash::wrap(0, b"x").unwrap());
    let mut set = CidSet::from_iter([v0, inline]);
    assert!(set.contains(&cid_dag_pb(unixfs::Version::V1, b"node")));
    assert!(set.contains(&inline) && !set.contains(&cid_raw(b"node")));
    assert!(!set.insert(&inline) && set.insert(&cid_raw(b"node")));
    assert_eq!((set.len(), set.is_empty()), (3, false));
}

#[test]
fn the_links_of_every_known_codec_are_found() {
    let (a, b) = (cid_raw(b"a"), cid_dag_pb(unixfs::Version::V0, b"b"));
    let linked: BTreeSet<Cid> = [a, b].into();
    let (node, bytes) =
        block_of([a, b].map(|cid| PbLink::nameless(Link { cid, tsize: 1 })).to_vec(), &UnixFs::new(Kind::File));
    assert_eq!(links(&node, &bytes).unwrap().into_iter().collect::<BTreeSet<_>>(), linked);
    // {"a": [link a, -1, h'00', 1.5, null], "b": link b}
    let tagged =
        |cid: &Cid| [&[0xd8, 42, 0x58, u8::try_from(cid.encoded_len()).unwrap() + 1, 0], &cid.to_bytes()[..]].concat();
    let cbor = [
        &[0xa2, 0x61, b'a', 0x85][..],
        &tagged(&a),
        &[0x20, 0x41, 0, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xf6, 0x61, b'b'],
        &tagged(&b),
    ]
    .concat();
    let of_codec = |codec| Cid::new_v1(codec, *a.hash());
    assert_eq!(links(&of_codec(0x71), &cbor.into()), Ok(vec![a, b]));
    let text = format!("[{{\"/\":\"{a}\"}},1,{{\"x\":{{\"/\":\"{b}\"}}}}]");
    assert_eq!(links(&of_codec(0x0129), &text.into()), Ok(vec![a, b]));
    assert_eq!(links(&a, &Bytes::from_static(b"anything")), Ok(vec![]));
    assert_eq!(links(&of_codec(0x51), &Bytes::from_static(b"anything")), Ok(vec![]));
    assert_eq!(links(&of_codec(0x78), &Bytes::new()), Err(unixfs::LinksError::Codec(0x78)));
}
