//! Any bytes at all, and good blocks with a few bytes changed, are read without a panic and with an end.

mod support;

use bytes::Bytes;
use proptest::prelude::*;
use support::{entries, names};
use unixfs::dag_pb::{PbLink, PbNode};
use unixfs::folder::{self, Change, Nodes};
use unixfs::{
    Block, ByteRange, Cid, DagReader, DirReader, FileReader, HamtRule, ImportOptions, Item, Kind, Link, Mtime, Profile,
    Reader, Resolver, ShardPath, Step, UnixFs, cid_dag_pb, cid_raw, dir, leaf, links,
};

const V1: ImportOptions = Profile::V1_2025.options();
const SPLIT: ImportOptions = ImportOptions { hamt: HamtRule { threshold_bytes: 0, ..V1.hamt }, ..V1 };

/// Good blocks of every kind.
fn samples() -> Vec<Bytes> {
    let mut blocks: Vec<Block> = Vec::new();
    let names = names("samples", 40, 8, 8);
    for options in [V1, SPLIT] {
        dir::build(entries(&options, &names, "x"), &options, &mut blocks).expect("a folder");
    }
    blocks.push(leaf(&Profile::V0_2015.into(), Bytes::from_static(b"hello world")).0);
    blocks.push(unixfs::symlink(&V1, "target"));
    let content = UnixFs {
        file_bytes: Some(5),
        block_bytes: vec![2, 3],
        mode: Some(0o644),
        mtime: Some(Mtime { seconds: -1, nanoseconds: Some(5) }),
        ..UnixFs::new(Kind::File)
    };
    let links = [b"ab", b"cd"].map(|part| PbLink::nameless(Link { cid: cid_raw(part), tsize: 2 })).to_vec();
    let node = PbNode { links, content: Some(content.encode().into()) };
    blocks.into_iter().map(|block| block.bytes).chain([node.encode().into()]).collect()
}

/// Runs a reader that gets `bytes` whatever it asks for.
fn exhaust<R: Reader>(mut reader: R, bytes: &Bytes) {
    for _ in 0..2_000 {
        match reader.step() {
            Ok(Step::Need(cid)) if reader.supply(&cid, bytes.clone()).is_ok() => {}
            Ok(Step::Give(_)) => {}
            _ => return,
        }
    }
}

/// A store whose root is these bytes, and every other block too.
struct Liar(Bytes);

impl Nodes for Liar {
    type Error = std::convert::Infallible;

    fn get(&mut self, _: &ShardPath) -> Result<Option<Bytes>, Self::Error> {
        Ok(Some(self.0.clone()))
    }

    fn put(&mut self, _: &ShardPath, _: &Block) -> Result<(), Self::Error> {
        Ok(())
    }

    fn remove(&mut self, _: &ShardPath) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn read_as_everything(bytes: &Bytes) {
    let node = cid_dag_pb(unixfs::Version::V1, bytes);
    let cbor = Cid::new_v1(unixfs::CODEC_DAG_CBOR, *node.hash());
    let _ = (Item::read(&node, bytes), links(&node, bytes), links(&cbor, bytes), UnixFs::decode(bytes));
    exhaust(FileReader::new(node, ByteRange { from: 1, bytes: Some(100) }), bytes);
    exhaust(DirReader::new(node), bytes);
    exhaust(DagReader::new(node), bytes);
    exhaust(DagReader::new(cbor), bytes);
    exhaust(Resolver::new(node, ["a", "b"].map(Bytes::from)), bytes);
    let changes = [Change::set("a", Link { cid: node, tsize: 1 }), Change::remove("b")];
    let _ = folder::apply(&mut Liar(bytes.clone()), &V1, &changes);
    let _ = folder::apply(&mut Liar(bytes.clone()), &SPLIT, &changes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_read_as_everything(bytes: Vec<u8>) {
        read_as_everything(&bytes.into());
    }

    #[test]
    fn good_blocks_with_changed_bytes_are_read_as_everything(
        which: prop::sample::Index,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut: Option<prop::sample::Index>,
    ) {
        let samples = samples();
        let mut bytes = samples[which.index(samples.len())].to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_as_everything(&bytes.into());
    }

    #[test]
    fn a_node_is_read_back_as_written(
        links in proptest::collection::vec((any::<Vec<u8>>(), any::<[u8; 4]>(), any::<u64>()), 0..6),
        content: Option<Vec<u8>>,
    ) {
        let links = links.into_iter().map(|(name, content, tsize)| {
            PbLink { name: name.into(), cid: cid_raw(&content), tsize }
        }).collect();
        let node = PbNode { links, content: content.map(Bytes::from) };
        prop_assert_eq!(PbNode::decode(&node.encode().into()), Ok(node));
    }

    #[test]
    fn a_message_is_read_back_as_written(
        content: Option<Vec<u8>>,
        numbers: [Option<u64>; 3],
        block_bytes: Vec<u64>,
        mode: Option<u32>,
        mtime in proptest::option::of((any::<i64>(), proptest::option::of(0u32..1_000_000_000))),
    ) {
        let [file_bytes, hash_type, fanout] = numbers;
        let mtime = mtime.map(|(seconds, nanoseconds)| Mtime { seconds, nanoseconds });
        let content = content.map(Bytes::from);
        let message = UnixFs { kind: Kind::File, content, file_bytes, block_bytes, hash_type, fanout, mode, mtime };
        prop_assert_eq!(UnixFs::decode(&message.encode().into()), Ok(message));
    }
}
