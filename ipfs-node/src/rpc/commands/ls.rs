//! `ls`: the entries of folders, and the pieces of files.

use std::sync::Arc;

use serde::Serialize;
use unixfs::{CODEC_DAG_PB, CODEC_RAW, Cid, Item, Link, dag_pb::PbNode};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::rpc::cid_text::CidText;

pub(super) static COMMANDS: &[Command] = &[Command {
    path: "ls",
    args: &[Arg::Many("ipfs-path")],
    options: &[
        ("headers", "v", Kind::Flag),
        ("resolve-type", "", Kind::Flag),
        ("size", "", Kind::Flag),
        ("stream", "s", Kind::Flag),
        ("long", "l", Kind::Flag),
    ],
    run: ls,
}];

/// Go's time that was never set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    objects: Vec<Listed>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    hash: String,
    links: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    hash: String,
    size: u64,
    #[serde(rename = "Type")]
    kind: u8,
    target: String,
    mode: u32,
    mod_time: &'static str,
}

fn ls(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let look = call.flag("resolve-type").unwrap_or(true) || call.flag("size").unwrap_or(true);
    let (text, stream) = (CidText::of(call)?, call.is_on("stream"));
    let mut objects = Vec::new();
    if stream {
        reply.rows();
    }
    for path in call.args() {
        let mut links = Vec::new();
        each_link(node, &node.resolve(path)?, look, &mut |name, link| {
            call.check_time()?;
            let entry = entry(node, name, &link, look, text)?;
            if !stream {
                links.push(entry);
                return Ok(());
            }
            reply.row(&Listing { objects: vec![Listed { hash: path.clone(), links: vec![entry] }] })
        })?;
        links.sort_by(|a, b| a.name.cmp(&b.name));
        objects.push(Listed { hash: path.clone(), links });
    }
    if stream { Ok(()) } else { reply.single(&Listing { objects }) }
}

/// The entries of a folder, or the pieces of a file.
fn each_link(
    node: &Node,
    cid: &Cid,
    look: bool,
    tell: &mut impl FnMut(String, Link) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match node.item(cid)? {
        Item::Folder(_) | Item::Shard(_) => {
            let is_read = |entry: &unixfs::Entry| look && entry.link.cid.codec() != CODEC_RAW;
            node.each_entry(*cid, is_read, |entry| tell(String::from_utf8_lossy(&entry.name).into_owned(), entry.link))
        }
        Item::File(_) if cid.codec() == CODEC_DAG_PB => {
            let links = PbNode::decode(&node.block(cid)?).map_err(|error| Refusal::from_error(&error))?.links;
            links.iter().try_for_each(|link| tell(String::from_utf8_lossy(&link.name).into_owned(), link.link()))
        }
        Item::File(_) | Item::Symlink(_) => Ok(()),
    }
}

fn entry(node: &Node, name: String, link: &Link, look: bool, text: CidText) -> Result<Entry, Refusal> {
    let (kind, size, target) = match link.cid.codec() {
        CODEC_RAW => (2, link.tsize, String::new()),
        _ if !look => (0, 0, String::new()),
        _ => match node.item(&link.cid)? {
            Item::File(file) => (2, file.file_bytes, String::new()),
            Item::Folder(_) | Item::Shard(_) => (1, 0, String::new()),
            Item::Symlink(target) => (4, 0, String::from_utf8_lossy(&target).into_owned()),
        },
    };
    Ok(Entry { name, hash: text.write(&link.cid), size, kind, target, mode: 0, mod_time: NO_TIME })
}
