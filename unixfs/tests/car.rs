//! Archives: what is written is read back in pieces of any size, and nothing unchecked comes out.

mod support;

use bytes::Bytes;
use proptest::prelude::*;
use support::Stream;
use unixfs::car::{self, CarError, CarHeader, CarReader, CarStep, SECTION_MAX_BYTES};
use unixfs::{Block, Cid, cid_dag_pb, cid_raw};

fn raw(bytes: &'static [u8]) -> Block {
    Block { cid: cid_raw(bytes), bytes: Bytes::from_static(bytes) }
}

fn archive(roots: &[Cid], blocks: &[Block]) -> Vec<u8> {
    let mut out = car::header(roots).to_vec();
    blocks.iter().for_each(|block| out.extend_from_slice(&car::section(block)));
    out
}

/// The archive as version 2, with padding before and an index behind.
fn as_version_2(inner: &[u8], padding: usize, index: &[u8]) -> Vec<u8> {
    let from = 51 + padding as u64;
    let numbers = [from, inner.len() as u64, from + inner.len() as u64].map(u64::to_le_bytes);
    let front = [&[0x0a, 0xa1, 0x67][..], b"version", &[0x02], &[0; 16], numbers.as_flattened()].concat();
    [&front[..], &vec![0; padding], inner, index].concat()
}

type Read = (Option<CarHeader>, Vec<Block>);

fn read(bytes: &[u8], piece_bytes: usize) -> Result<Read, CarError> {
    let mut reader = CarReader::new();
    let (mut header, mut blocks) = (None, Vec::new());
    for piece in bytes.chunks(piece_bytes) {
        reader.push(piece);
        loop {
            match reader.step()? {
                CarStep::More => break,
                CarStep::Header(read) => header = Some(read),
                CarStep::Block(block) => blocks.push(block),
            }
        }
    }
    reader.finish()?;
    Ok((header, blocks))
}

#[test]
fn the_front_and_a_section_have_their_golden_bytes() {
    let block = raw(b"hello world");
    let cid = "01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    let golden = [
        "3a",                     // bytes of the header
        "a2",                     // a map of two
        "65726f6f7473",           // "roots"
        "81",                     // an array of one
        "d82a582500",             // a link of 37 bytes, the first one zero
        cid,                      //
        "6776657273696f6e01",     // "version", 1
        "2f",                     // bytes of the section
        cid,                      //
        "68656c6c6f20776f726c64", // the block
    ];
    let hex: String = archive(&[block.cid], &[block]).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden.concat());
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_in_pieces_of_any_size(
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        piece_bytes in 1usize..400,
        padding in 0usize..100,
    ) {
        let blocks: Vec<Block> = contents.into_iter().map(|bytes| {
            Block { cid: cid_dag_pb(unixfs::Version::V0, &bytes), bytes: bytes.into() }
        }).collect();
        let roots: Vec<Cid> = blocks.iter().map(|block| block.cid).take(3).collect();
        let bytes = archive(&roots, &blocks);
        let header = CarHeader { version: 1, roots };
        prop_assert_eq!(read(&bytes, piece_bytes), Ok((Some(header.clone()), blocks.clone())));
        let second = as_version_2(&bytes, padding, b"an index that nobody reads");
        prop_assert_eq!(read(&second, piece_bytes), Ok((Some(CarHeader { version: 2, ..header }), blocks)));
    }

    #[test]
    fn an_archive_that_is_cut_says_so(cut in 0usize..150, in_version_2: bool) {
        let inner = archive(&[cid_raw(b"a")], &[raw(b"a"), raw(b"bc")]);
        let last = inner.len() - car::section(&raw(b"bc")).len();
        let ends = [inner.len(), last, last - car::section(&raw(b"a")).len()];
        let whole = if in_version_2 { as_version_2(&inner, 0, b"") } else { inner };
        prop_assume!(cut < whole.len() && (in_version_2 || !ends.contains(&cut)));
        prop_assert_eq!(read(&whole[..cut], 7), Err(CarError::Cut));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, piece_bytes in 1usize..50) {
        let _ = read(&bytes, piece_bytes);
    }

    #[test]
    fn an_archive_with_one_changed_byte_gives_no_wrong_block(at in 0usize..150, change in 1u8..) {
        let blocks = [raw(b"first"), raw(b"second")];
        let mut bytes = archive(&[blocks[0].cid], &blocks);
        let at = at % bytes.len();
        bytes[at] ^= change;
        if let Ok((_, read)) = read(&bytes, 64) {
            prop_assert!(read.iter().all(|block| unixfs::verify(&block.cid, &block.bytes).is_ok()));
        }
    }
}

#[test]
fn a_block_that_is_not_what_its_cid_says_stops_the_reading() {
    let wrong = Block { cid: cid_raw(b"right"), bytes: Bytes::from_static(b"wrong") };
    assert!(matches!(read(&archive(&[], &[wrong]), 64), Err(CarError::Block(_))));
}

#[test]
fn a_section_over_the_limit_is_refused_before_it_is_held() {
    let bytes = Stream::of("car").take(SECTION_MAX_BYTES);
    let block = Block { cid: cid_raw(&bytes), bytes };
    let mut reader = CarReader::new();
    reader.push(&archive(&[block.cid], &[])[..]);
    assert!(matches!(reader.step(), Ok(CarStep::Header(_))));
    reader.push(&car::section(&block)[..10]);
    assert_eq!(reader.step(), Err(CarError::Size(SECTION_MAX_BYTES as u64 + 36)));
}

#[test]
fn versions_from_the_future_are_refused() {
    let mut bytes = archive(&[], &[]);
    *bytes.last_mut().unwrap() = 3;
    assert_eq!(read(&bytes, 64), Err(CarError::Version(3)));
}

#[test]
fn an_empty_section_is_refused() {
    let mut bytes = archive(&[], &[]);
    bytes.push(0);
    assert_eq!(read(&bytes, 64), Err(CarError::Size(0)));
}
