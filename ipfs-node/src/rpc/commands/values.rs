//! `dag/get`, `dag/put`, `dag/resolve`, `dag/stat` and `resolve`: nodes as values, and where paths end.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use unixfs::{
    Block, Cid, ReadError, Reader as _, Resolver, Step,
    ipld::{self, Ipld},
};

use super::{
    Arg, Call, Command, Kind, Node, Refusal, Reply, Upload,
    block::{BLOCK_BYTES_MAX, TOO_BIG, codec_of, name_of},
    dag::CidLink,
};
use crate::{
    node::{IpfsPath, Walk},
    rpc::cid_text::CidText,
    store::{Pin, PinKind, RootChange},
};

/// What this daemon takes when it is told to take more.
const BIG_BLOCK_BYTES_MAX: usize = 16 << 20;
/// A value may be longer in the codec it comes in than in the one it is kept in.
const INPUT_FACTOR: usize = 4;

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "dag/get", args: &[Arg::One("ref")], options: &[("output-codec", "", Kind::Text)], run: get },
    Command {
        path: "dag/put",
        args: &[Arg::File("object data")],
        options: &[
            ("store-codec", "", Kind::Text),
            ("input-codec", "", Kind::Text),
            ("pin", "", Kind::Flag),
            ("hash", "", Kind::Text),
            ("allow-big-block", "", Kind::Flag),
        ],
        run: put,
    },
    Command { path: "dag/resolve", args: &[Arg::One("ref")], options: &[], run: dag_resolve },
    Command { path: "dag/stat", args: &[Arg::Many("root")], options: &[("progress", "p", Kind::Flag)], run: stat },
    Command {
        path: "resolve",
        args: &[Arg::One("name")],
        options: &[
            ("recursive", "r", Kind::Flag),
            ("dht-record-count", "dhtrc", Kind::Int),
            ("dht-timeout", "dhtt", Kind::Text),
        ],
        run: resolve,
    },
];

/// Where a path ends: the block, and the way within it.
struct End {
    cid: Cid,
    within: Vec<Bytes>,
}

impl End {
    fn of(node: &Node, path: &IpfsPath) -> Result<Self, Refusal> {
        let segments = path.segments.iter().map(|segment| Bytes::copy_from_slice(segment.as_bytes()));
        let mut resolver = Resolver::new(path.root, segments);
        loop {
            let step = match resolver.step() {
                Ok(Step::Give(end)) => return Ok(Self { cid: end.cid, within: Vec::new() }),
                Ok(Step::Done) => return Ok(Self { cid: path.root, within: Vec::new() }),
                Ok(Step::Need(cid)) => resolver.supply(&cid, node.block(&cid)?),
                Err(error) => Err(error),
            };
            match step {
                Ok(()) => {}
                Err(ReadError::Within { cid, path }) => return Ok(Self { cid, within: *path }),
                Err(error) => return Err(crate::node::in_kubos_words(error)),
            }
        }
    }

    /// The way within the block as text, with a slash before each segment.
    fn within_text(&self) -> String {
        self.within.iter().map(|segment| format!("/{}", String::from_utf8_lossy(segment))).collect()
    }
}

fn get(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let codec = codec_option(call, "output-codec", "dag-json")?;
    let end = End::of(node, &node.content_path(call.arg(0))?)?;
    let root = ipld::read(end.cid.codec(), &node.block(&end.cid)?).map_err(|error| Refusal::from_error(&error))?;
    let mut value = &root;
    for segment in &end.within {
        value = ipld::member(value, segment).ok_or_else(|| Refusal::failed("the path leads nowhere"))?;
    }
    let written = ipld::write(codec, value).map_err(|error| Refusal::from_error(&error))?;
    reply.stream("text/plain", None);
    reply.bytes(written.into())
}

#[derive(Serialize)]
struct Put {
    #[serde(rename = "Cid")]
    cid: CidLink,
}

fn put(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (from, to) = (codec_option(call, "input-codec", "dag-json")?, codec_option(call, "store-codec", "dag-cbor")?);
    let hash = call.text("hash").filter(|name| !name.is_empty()).unwrap_or("sha2-256");
    let big = call.is_on("allow-big-block");
    let limit_bytes = if big { BIG_BLOCK_BYTES_MAX } else { BLOCK_BYTES_MAX };
    let session = node.store.session();
    let (mut cids, mut roots) = (Vec::new(), Vec::new());
    while upload.next_part()?.is_some() {
        call.check_time()?;
        let input = upload.part_bytes(INPUT_FACTOR * limit_bytes)?;
        let value: Ipld = ipld::read(from, &input).map_err(|error| Refusal::from_error(&error))?;
        let bytes = Bytes::from(ipld::write(to, &value).map_err(|error| Refusal::from_error(&error))?);
        if bytes.len() > limit_bytes {
            return Err(Refusal::failed(TOO_BIG));
        }
        let block = Block { cid: name_of(to, hash, &bytes)?, bytes };
        session.put(&block)?;
        let pin = Pin { cid: block.cid, kind: PinKind::Recursive, name: String::new() };
        roots.extend(call.is_on("pin").then_some(RootChange::Pin(pin)));
        cids.push(block.cid);
    }
    session.commit(roots)?;
    reply.rows();
    cids.iter().try_for_each(|cid| reply.row(&Put { cid: cid.into() }))
}

fn codec_option(call: &Call, option: &str, default: &str) -> Result<u64, Refusal> {
    codec_of(call.text(option).filter(|name| !name.is_empty()).unwrap_or(default))
}

#[derive(Serialize)]
struct Resolved {
    #[serde(rename = "Cid")]
    cid: CidLink,
    #[serde(rename = "RemPath")]
    rest: String,
}

fn dag_resolve(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let end = End::of(node, &node.content_path(call.arg(0))?)?;
    reply.single(&Resolved { cid: (&end.cid).into(), rest: end.within_text() })
}

#[derive(Serialize)]
struct Path {
    #[serde(rename = "Path")]
    path: String,
}

fn resolve(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (name, text) = (call.arg(0), CidText::of(call)?);
    if let Some(path) = crate::names::below_ipns(name)
        && call.flag("recursive") == Some(false)
    {
        return reply.single(&Path { path: node.follow_once(&path)? });
    }
    let end = End::of(node, &node.content_path(name)?)?;
    reply.single(&Path { path: format!("/ipfs/{}{}", text.write(&end.cid), end.within_text()) })
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    cid: String,
    #[serde(skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(skip_serializing_if = "is_zero")]
    num_blocks: u64,
}

/// A number as Go writes it: without a point when it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
enum Ratio {
    Whole(u64),
    Part(f32),
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(skip_serializing_if = "is_zero")]
    unique_blocks: u64,
    #[serde(skip_serializing_if = "is_zero")]
    total_size: u64,
    #[serde(skip_serializing_if = "is_zero")]
    shared_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<Ratio>,
    dag_stats: Vec<Stat>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn stat(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (text, is_told) = (CidText::of(call)?, call.flag("progress").unwrap_or(true));
    let mut summary = Summary::default();
    // What is below several roots is counted once.
    let mut unique = (call.args().len() > 1).then(HashSet::new);
    let (mut all_bytes, mut blocks) = (0, 0);
    reply.rows();
    for root in call.args() {
        let root = node.resolve(root)?;
        summary.dag_stats.push(Stat { cid: text.write(&root), size: 0, num_blocks: 0 });
        let mut walk = Walk::new(root);
        while let Some(block) = walk.next_block(node)? {
            call.check_time()?;
            let bytes = block.bytes.len() as u64;
            if let Some(stat) = summary.dag_stats.last_mut() {
                (stat.size, stat.num_blocks) = (stat.size + bytes, stat.num_blocks + 1);
            }
            let is_new = unique.as_mut().is_none_or(|unique| unique.insert(*block.cid.hash()));
            summary.total_size += if is_new { bytes } else { 0 };
            (all_bytes, blocks) = (all_bytes + bytes, blocks + u64::from(is_new));
            if is_told {
                reply.row(&summary)?;
            }
        }
    }
    summary.unique_blocks = blocks;
    summary.shared_size = all_bytes - summary.total_size;
    summary.ratio = Some(ratio(all_bytes, summary.total_size));
    reply.row(&summary)
}

#[expect(clippy::cast_precision_loss, reason = "seven digits are shown")]
fn ratio(all_bytes: u64, unique_bytes: u64) -> Ratio {
    match all_bytes.checked_rem(unique_bytes) {
        Some(0) => Ratio::Whole(all_bytes / unique_bytes),
        Some(_) => Ratio::Part(all_bytes as f32 / unique_bytes as f32),
        // Blocks without bytes are as many as they are.
        None => Ratio::Whole(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_written_as_go_writes_it() {
        let text = |all, unique| serde_json::to_string(&ratio(all, unique)).unwrap();
        assert_eq!([text(20, 20), text(30, 20), text(40, 20), text(0, 0)], ["1", "1.5", "2", "1"]);
    }
}
