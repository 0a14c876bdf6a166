//! `block/*`: blocks as they are.

use std::sync::Arc;

use cid::multihash::Multihash;
use serde::Serialize;
use sha2::{Digest as _, Sha256, Sha512};
use unixfs::{Block, CODEC_DAG_CBOR, CODEC_DAG_PB, CODEC_RAW, Cid};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::{
    rpc::cid_text::CidText,
    store::{Key, Pin, PinKind, RootChange},
};

/// What peers accept at most.
pub(crate) const BLOCK_BYTES_MAX: usize = 2 << 20;
/// What this daemon takes when it is told to take more.
const BIG_BLOCK_BYTES_MAX: usize = 16 << 20;
/// Answers that wait for one commit.
const ROWS_PER_COMMIT: usize = 1024;
pub(crate) const TOO_BIG: &str = "produced block is over 2MiB: big blocks can't be exchanged with other peers. consider using \
     UnixFS for automatic chunking of bigger files, or pass --allow-big-block to override";

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "block/put",
        args: &[Arg::File("data")],
        options: &[
            ("cid-codec", "", Kind::Text),
            ("mhtype", "", Kind::Text),
            ("mhlen", "", Kind::Int),
            ("pin", "", Kind::Flag),
            ("allow-big-block", "", Kind::Flag),
            ("format", "f", Kind::Text),
            // Ours: with `false` the blocks outlive this process, but a power cut only once they are pinned.
            ("sync", "", Kind::Flag),
        ],
        run: put,
    },
    Command { path: "block/get", args: &[Arg::One("cid")], options: &[], run: get },
    Command { path: "block/stat", args: &[Arg::One("cid")], options: &[], run: stat },
    Command {
        path: "block/rm",
        args: &[Arg::Many("cid")],
        options: &[("force", "f", Kind::Flag), ("quiet", "q", Kind::Flag)],
        run: rm,
    },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BlockStat {
    key: String,
    size: u64,
}

fn put(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (text, naming) = (CidText::of(call)?, Naming::of(call)?);
    let (pin, big) = (call.is_on("pin"), call.is_on("allow-big-block"));
    let durable = pin || call.flag("sync") != Some(false);
    let limit_bytes = if big { BIG_BLOCK_BYTES_MAX } else { BLOCK_BYTES_MAX };
    let session = node.store.session();
    let (mut rows, mut roots) = (Vec::new(), Vec::new());
    reply.rows();
    while upload.next_part()?.is_some() {
        call.check_time()?;
        let bytes = upload.part_bytes(limit_bytes).map_err(|refusal| match big {
            false if refusal.message.contains("is over") => Refusal::failed(TOO_BIG),
            _ => refusal,
        })?;
        let block = Block { cid: naming.name(&bytes)?, bytes };
        session.put(&block)?;
        let keep = Pin { cid: block.cid, kind: PinKind::Recursive, name: String::new() };
        roots.extend(pin.then_some(RootChange::Pin(keep)));
        rows.push(BlockStat { key: text.write(&block.cid), size: block.bytes.len() as u64 });
        if rows.len() == ROWS_PER_COMMIT && durable {
            session.commit(std::mem::take(&mut roots))?;
            tell(&mut rows, reply)?;
        }
    }
    if durable {
        session.commit(roots)?;
    }
    tell(&mut rows, reply)
}

fn tell(rows: &mut Vec<BlockStat>, reply: &mut Reply) -> Result<(), Refusal> {
    rows.drain(..).try_for_each(|row| reply.row(&row))
}

/// How put blocks are named.
struct Naming {
    codec: u64,
    hash: Hash,
    is_v0: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
    Identity,
}

impl Hash {
    fn named(name: &str) -> Result<Self, Refusal> {
        match name {
            "sha2-256" => Ok(Self::Sha256),
            "sha2-512" => Ok(Self::Sha512),
            "identity" => Ok(Self::Identity),
            other => Err(Refusal::failed(format!("unrecognized multihash function: {other}"))),
        }
    }
}

impl Naming {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let hash = Hash::named(call.text("mhtype").filter(|name| !name.is_empty()).unwrap_or("sha2-256"))?;
        if let Some(length) = call.number::<i64>("mhlen")?.filter(|length| *length != -1)
            && length != [32, 64, -1][hash as usize]
        {
            return Err(Refusal::unsupported("mhlen", &length.to_string()));
        }
        let codec = call.text("cid-codec").filter(|name| !name.is_empty());
        let format = call.text("format").filter(|name| !name.is_empty());
        match (format, codec) {
            (Some(_), Some(codec)) if codec != "raw" => Err(Refusal::failed(
                "unable to use \"format\" (deprecated) and a custom \"cid-codec\" at the same time",
            )),
            (Some("v0"), _) => Ok(Self { codec: CODEC_DAG_PB, hash, is_v0: true }),
            (Some(format), _) => Ok(Self { codec: codec_of(legacy(format))?, hash, is_v0: false }),
            (None, codec) => Ok(Self { codec: codec_of(codec.unwrap_or("raw"))?, hash, is_v0: false }),
        }
    }

    fn name(&self, bytes: &[u8]) -> Result<Cid, Refusal> {
        let hash = match self.hash {
            Hash::Sha256 => Multihash::wrap(0x12, &Sha256::digest(bytes)),
            Hash::Sha512 => Multihash::wrap(0x13, &Sha512::digest(bytes)),
            Hash::Identity => Multihash::wrap(0x00, bytes),
        };
        let hash = hash.map_err(|error| Refusal::from_error(&error))?;
        if self.is_v0 {
            return Cid::new_v0(hash).map_err(|error| Refusal::failed(error.to_string()));
        }
        Ok(Cid::new_v1(self.codec, hash))
    }
}

fn legacy(format: &str) -> &str {
    match format {
        "cbor" => "dag-cbor",
        "protobuf" => "dag-pb",
        other => other,
    }
}

/// The CID of a block by the name of a hash function.
pub(super) fn name_of(codec: u64, hash: &str, bytes: &[u8]) -> Result<Cid, Refusal> {
    Naming { codec, hash: Hash::named(hash)?, is_v0: false }.name(bytes)
}

/// The codec of a name.
pub(super) fn codec_of(name: &str) -> Result<u64, Refusal> {
    match name {
        "raw" => Ok(CODEC_RAW),
        "dag-pb" => Ok(CODEC_DAG_PB),
        "dag-cbor" => Ok(CODEC_DAG_CBOR),
        "dag-json" => Ok(0x0129),
        "cbor" => Ok(0x51),
        "json" => Ok(0x0200),
        "libp2p-key" => Ok(0x72),
        "git-raw" => Ok(0x78),
        other => Err(Refusal::failed(format!("unknown codec: {other}"))),
    }
}

fn get(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let bytes = node.block(&node.resolve(call.arg(0))?)?;
    reply.stream("application/vnd.ipld.raw", None);
    reply.bytes(bytes)
}

fn stat(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let cid = node.resolve(call.arg(0))?;
    let size = node.block_bytes(&cid, |_| Vec::new())?;
    reply.single(&BlockStat { key: CidText::of(call)?.write(&cid), size })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Removed {
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn rm(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let text = CidText::of(call)?;
    let (force, quiet) = (call.is_on("force"), call.is_on("quiet"));
    reply.rows();
    for path in call.args() {
        call.check_time()?;
        let cid = node.resolve(path)?;
        let error = remove(node, &cid, force).err();
        if error.is_some() || !quiet {
            reply.row(&Removed { hash: text.write(&cid), error: error.map(|error| error.message) })?;
        }
    }
    Ok(())
}

fn remove(node: &Node, cid: &Cid, force: bool) -> Result<(), Refusal> {
    let _turn = node.pin_turn();
    if !node.store.has(cid)? {
        return if force { Ok(()) } else { Err(Refusal::failed(format!("ipld: could not find {cid}"))) };
    }
    if let Some(how) = node.kept(cid)? {
        return Err(Refusal::failed(how.to_string()));
    }
    node.store.delete(&[Key::of(cid)])?;
    Ok(())
}
