//! `cat`: the bytes of files.

use std::sync::Arc;

use unixfs::{ByteRange, Cid, FileReader, Item};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};

pub(super) static COMMANDS: &[Command] = &[Command {
    path: "cat",
    args: &[Arg::Many("ipfs-path")],
    options: &[("offset", "o", Kind::Long), ("length", "l", Kind::Long), ("progress", "p", Kind::Flag)],
    run: cat,
}];

fn cat(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let offset = natural(call, "offset")?.unwrap_or(0);
    let most = natural(call, "length")?;
    let ranges = ranges(node, call.args(), offset, most)?;
    reply.stream("text/plain", Some(ranges.iter().map(|(_, range)| range.bytes.unwrap_or(0)).sum()));
    for (root, range) in ranges {
        let mut reader = FileReader::new(root, range);
        while let Some(bytes) = node.next_of(&mut reader)? {
            call.check_time()?;
            reply.bytes(bytes)?;
        }
    }
    Ok(())
}

/// A number that Go would accept as negative, and Kubo then refuses.
pub(super) fn natural(call: &Call, name: &str) -> Result<Option<u64>, Refusal> {
    let number: Option<i64> = call.number(name)?;
    let negative = |_| Refusal::failed(format!("cannot specify negative {name}"));
    number.map(u64::try_from).transpose().map_err(negative)
}

/// What of each file is asked for: the files count as one long one.
fn ranges(node: &Node, paths: &[String], offset: u64, most: Option<u64>) -> Result<Vec<(Cid, ByteRange)>, Refusal> {
    let (mut skip, mut left) = (offset, most.unwrap_or(u64::MAX));
    let mut ranges = Vec::new();
    for path in paths {
        if left == 0 {
            break;
        }
        let root = node.resolve(path)?;
        let file_bytes = file_bytes(node, &root)?;
        if skip > file_bytes {
            skip -= file_bytes;
            continue;
        }
        let bytes = (file_bytes - skip).min(left);
        ranges.push((root, ByteRange { from: skip, bytes: Some(bytes) }));
        (skip, left) = (0, left - bytes);
    }
    Ok(ranges)
}

/// The length of a file.
pub(super) fn file_bytes(node: &Node, root: &Cid) -> Result<u64, Refusal> {
    if root.codec() == unixfs::CODEC_RAW {
        return node.block_bytes(root, |_| Vec::new());
    }
    match node.item(root)? {
        Item::File(file) => Ok(file.file_bytes),
        Item::Folder(_) | Item::Shard(_) => Err(Refusal::failed("this dag node is a directory")),
        Item::Symlink(_) => Err(Refusal::failed("this dag node is a symlink, which cannot be read as a file")),
    }
}
