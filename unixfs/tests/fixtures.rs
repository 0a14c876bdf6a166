//! The CIDs that IPIP-499 and Kubo publish for known files and folders, rebuilt byte for byte.

mod support;

use bytes::Bytes;
use std::convert::Infallible;
use support::{Stream, entries, names, small_file};
use unixfs::{
    Block, Entry, FileBuilder, HashOnly, ImportOptions, Layout, Node, Profile, Sink, dir, leaf_node, leaf_nodes,
};

const V0: ImportOptions = Profile::V0_2015.options();
const V1: ImportOptions = Profile::V1_2025.options();
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn hash(options: ImportOptions, content: Bytes) -> String {
    let mut file = FileBuilder::new(options, HashOnly);
    file.push(content).unwrap();
    file.finish().unwrap().cid.to_string()
}

fn folder(options: &ImportOptions, entries: Vec<Entry>) -> (Node, Vec<Block>) {
    let mut blocks = Vec::new();
    (dir::build(entries, options, &mut blocks).expect("entries of a fixture make a folder"), blocks)
}

#[test]
fn small_files_have_their_well_known_cids() {
    let hello = Bytes::from_static(b"hello world");
    let line = Bytes::from_static(b"hello world\n");
    assert_eq!(hash(V0, hello.clone()), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
    assert_eq!(hash(V1, hello), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    assert_eq!(hash(V0, line.clone()), "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o");
    assert_eq!(hash(V1, line), "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4");
}

#[test]
fn the_empty_file_has_its_well_known_cids() {
    assert_eq!(hash(V0, Bytes::new()), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
    assert_eq!(hash(V1, Bytes::new()), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
}

#[test]
fn files_at_and_over_one_chunk_match_kubo() {
    let rows = [
        (V0, 256 * KIB, "chunk-v0-seed", "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE"),
        (V0, 256 * KIB + 1, "chunk-v0-seed", "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ"),
        (V1, MIB, "chunk-v1-seed", "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"),
        (V1, MIB + 1, "chunk-v1-seed", "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"),
    ];
    for (options, file_bytes, seed, cid) in rows {
        assert_eq!(hash(options, Stream::of(seed).take(file_bytes)), cid, "{file_bytes} bytes of {seed}");
    }
}

#[test]
fn files_at_and_over_the_width_of_2015_match_kubo_and_the_ipip() {
    let rows = [
        (174 * 256 * KIB, "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2"),
        (174 * 256 * KIB + 1, "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW"),
        (175 * 256 * KIB, "QmepeWtdmS1hHXx1oZXsPUv6bMrfRRKfZcoPPU4eEfjnbf"),
    ];
    for (file_bytes, cid) in rows {
        assert_eq!(hash(V0, Stream::of("v0-seed").take(file_bytes)), cid, "{file_bytes} bytes");
    }
}

/// Lays out the next chunks of a stream, hashing on all processors.
fn long_file(stream: &mut Stream, chunks: usize) -> Layout {
    let mut layout = Layout::new(V1);
    for _ in 0..chunks / 16 {
        let batch: Vec<Bytes> = (0..16).map(|_| stream.take(MIB)).collect();
        for node in leaf_nodes(&V1, &batch) {
            layout.push(node, &mut HashOnly).unwrap();
        }
    }
    layout
}

fn finished(mut layout: Layout, last: &[u8]) -> String {
    if !last.is_empty() {
        layout.push(leaf_node(&V1, last), &mut HashOnly).unwrap();
    }
    layout.finish(&mut HashOnly).unwrap().cid.to_string()
}

#[test]
fn files_at_and_over_the_width_of_2025_match_kubo_and_the_ipip() {
    let mut stream = Stream::of("v1-2025-seed");
    let full = long_file(&mut stream, 1024);
    let next = stream.take(MIB);
    assert_eq!(finished(full.clone(), b""), "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm");
    assert_eq!(finished(full.clone(), &next[..1]), "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe");
    assert_eq!(finished(full, &next), "bafybeihmzokxxjqwxjcryerhp5ezpcog2wcawfryb2xm64xiakgm4a5jue");
}

#[test]
fn the_empty_folder_has_its_well_known_cids() {
    assert_eq!(dir::empty(&V0).1.cid.to_string(), "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
    assert_eq!(dir::empty(&V1).1.cid.to_string(), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    assert_eq!(folder(&V1, vec![]).0, dir::empty(&V1).1);
}

#[test]
fn folders_at_and_over_the_threshold_match_kubo() {
    let rows = [
        (V0, names("hamt-unixfs-v0-2015", 4096, 30, 30), "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN"),
        (V0, names("hamt-unixfs-v0-2015", 4033, 31, 31), "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP"),
        (V1, names("hamt-unixfs-v1-2025", 4766, 11, 21), "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4"),
        (V1, names("hamt-unixfs-v1-2025", 4766, 11, 22), "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu"),
    ];
    for (options, names, cid) in rows {
        let (root, blocks) = folder(&options, entries(&options, &names, "x"));
        assert_eq!(root.cid.to_string(), cid);
        let stored: usize = blocks.iter().map(|block| block.bytes.len()).sum();
        let files = names.len() as u64 * small_file(&options, "x").tsize;
        assert_eq!(root.tsize, stored as u64 + files, "the size is that of all blocks below");
    }
}

#[test]
fn a_folder_with_a_symlink_matches_kubo() {
    let symlink = unixfs::symlink(&V0, "foo");
    assert_eq!(symlink.cid.to_string(), "QmTB8BaCJdCH5H3k7GrxJsxgDNmNYGGR71C58ERkivXoj5");
    let file = small_file(&V0, "content\n");
    assert_eq!(file.cid.to_string(), "Qme2y5HA5kvo2jAx13UsnV5bQJVijiAJCPvaW3JGQWhvJZ");
    let link = unixfs::Link { cid: symlink.cid, tsize: symlink.bytes.len() as u64 };
    let (root, _) = folder(&V0, vec![Entry::new("foo", file), Entry::new("bar", link)]);
    assert_eq!(root.cid.to_string(), "QmWvY6FaqFMS89YAQ9NAPjVP4WZKA1qbHbicc9HeSKQTgt");
}

/// Counts what it is given.
#[derive(Default)]
struct Count(usize);

impl Sink for Count {
    type Error = Infallible;

    fn put(&mut self, _: Block) -> Result<(), Infallible> {
        self.0 += 1;
        Ok(())
    }
}

#[test]
fn a_sink_sees_every_block_once() {
    let mut count = Count::default();
    let mut file = FileBuilder::new(V0, &mut count);
    file.push(Bytes::from(vec![1; 175 * 256 * KIB])).unwrap();
    file.finish().unwrap();
    assert_eq!(count.0, 175 + 2 + 1);
}
