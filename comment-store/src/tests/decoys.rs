//! Salvage of a store whose large values are full of bytes that look like leaf pages.

use std::{fs, ops::Range};

use proto::{CommentId, Topic, posts::Receipt};

use super::*;
use crate::{Salvage, format::DATA, keys};

const PAGE: usize = 4_096;
/// The pages of the folder node.
const PAGES: usize = 300;
/// How many nodes a page has room for: an offset, the head of a node, a key of a comment, the number of a page.
const NODES: usize = 80;
const NODE: usize = 8 + 28 + 8;

/// A page that looks like a leaf of comments, all of which have pages of their own and this length.
fn decoy(number: u64, pages: Range<u64>, value_bytes: u32) -> Vec<u8> {
    let mut page = [number.to_le_bytes().as_slice(), &[0, 0, 2, 0], &[0; 4]].concat();
    page[12..14].copy_from_slice(&(16 + 2 * NODES as u16).to_le_bytes());
    (0..NODES).for_each(|node| page.extend((PAGE as u16 - ((node + 1) * NODE) as u16).to_le_bytes()));
    page.resize(PAGE - NODES * NODE, 0);
    for (node, value) in (0..NODES as u64).zip(pages.cycle()) {
        page.extend(value_bytes.to_le_bytes());
        page.extend([1, 0, 28, 0]);
        page.extend(keys::row(&topic(9), proto::Seq(node)));
        page.extend(value.to_le_bytes());
    }
    page
}

/// A store with comments, large ones too, around a folder node of decoys that lead to the file's first pages.
fn made(dir: &Path, value_bytes: u32) -> Vec<Receipt> {
    let texts = |from: usize| (from..from + 20).map(|number| "long ".repeat(if number % 3 == 0 { 2_000 } else { 2 }));
    let comments = |from| texts(from).enumerate().map(move |(at, text)| comment(1, &format!("{from} {at} {text}")));
    let some = |from| comments(from).map(|blob| incoming(topic(1), blob)).collect::<Vec<_>>();
    let mut writer = open(dir);
    let mut receipts = post(&mut writer, &some(0));
    // The head of its first page shifts a value by 16 bytes, so that its inner pages begin 16 bytes before a multiple.
    let node = decoy(7, 2..40, value_bytes).repeat(PAGES).split_off(16);
    let mut batch = writer.batch().unwrap();
    batch.put_node(b"folder", &CommentId([1; 32]).cid(), &node).unwrap();
    receipts.extend(some(20).iter().map(|comment| batch.insert(comment).unwrap()));
    batch.commit().unwrap();
    receipts
}

fn is_decoy(page: &[u8]) -> bool {
    page[..16] == decoy(7, 2..40, 1)[..16]
}

/// Salvage finds all comments, and reads hardly more than the file.
fn all_found_at_once(dir: &Path, receipts: &[Receipt]) {
    let (mut told, mut last) = (0, (0, 1));
    let salvage = Salvage::search(dir, |seen, all| (told, last) = (told + 1, (seen, all))).unwrap();
    let file_bytes = fs::metadata(dir.join(DATA)).unwrap().len();
    let read_bytes = salvage.read_bytes();
    assert!((file_bytes..2 * file_bytes).contains(&read_bytes), "{read_bytes} of {file_bytes} bytes were read");
    assert!(told > 0 && last.0 == last.1, "told {told} times, the last time {last:?}");
    let found: Vec<_> = salvage.comments().map(|(of, blob): (Topic, _)| (of, CommentId::of(&blob))).collect();
    let expected: Vec<_> = receipts.iter().map(|receipt| (topic(1), receipt.id)).collect();
    assert_eq!(found, expected);
}

#[test]
fn salvage_reads_a_file_once_whatever_its_folder_nodes_look_like() {
    for value_bytes in [200_000, 1_000_000] {
        let dir = tempfile::tempdir().unwrap();
        let receipts = made(dir.path(), value_bytes);
        let bytes = fs::read(dir.path().join(DATA)).unwrap();
        assert!(bytes.chunks_exact(PAGE).filter(|page| is_decoy(page)).count() >= PAGES - 1);
        all_found_at_once(dir.path(), &receipts);
    }
}

#[test]
fn salvage_reads_a_file_once_though_its_folder_nodes_know_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = made(dir.path(), 200_000);
    let data = dir.path().join(DATA);
    let mut bytes = fs::read(&data).unwrap();
    let mut patched = 0;
    for (number, page) in bytes.chunks_exact_mut(PAGE).enumerate().filter(|(_, page)| is_decoy(page)) {
        // Every node leads to the page before, where a decoy is, or the first page of the value.
        let number = number as u64;
        page.copy_from_slice(&decoy(number, number - 1..number, 200_000));
        patched += 1;
    }
    assert!(patched >= PAGES - 1);
    fs::write(&data, &bytes).unwrap();
    all_found_at_once(dir.path(), &receipts);
}
