//! `files/*`: the writable folder.

use std::sync::Arc;

use serde::Serialize;
use unixfs::{ByteRange, Cid, FileReader, Item, Leaves, Link, Version};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload, cat::natural};
use crate::{
    mfs::{self, Existing, Mfs, MfsPath, Parents, Place, no_such_file},
    rpc::cid_text::CidText,
};

const FLUSH: super::Opt = ("flush", "f", Kind::Flag);
const VERSION: super::Opt = ("cid-version", "cid-ver", Kind::Int);
const HASH: super::Opt = ("hash", "", Kind::Text);
const PARENTS: super::Opt = ("parents", "p", Kind::Flag);

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "files/stat",
        args: &[Arg::One("path")],
        options: &[
            ("format", "", Kind::Text),
            ("hash", "", Kind::Flag),
            ("size", "", Kind::Flag),
            ("with-local", "", Kind::Flag),
        ],
        run: stat,
    },
    Command {
        path: "files/ls",
        args: &[Arg::Maybe("path")],
        options: &[("long", "l", Kind::Flag), ("U", "", Kind::Flag), FLUSH],
        run: ls,
    },
    Command {
        path: "files/read",
        args: &[Arg::One("path")],
        options: &[("offset", "o", Kind::Long), ("count", "n", Kind::Long), FLUSH],
        run: read,
    },
    Command {
        path: "files/write",
        args: &[Arg::One("path"), Arg::File("data")],
        options: &[
            ("offset", "o", Kind::Long),
            ("create", "e", Kind::Flag),
            PARENTS,
            ("truncate", "t", Kind::Flag),
            ("count", "n", Kind::Long),
            ("raw-leaves", "", Kind::Flag),
            VERSION,
            HASH,
            FLUSH,
        ],
        run: write,
    },
    Command { path: "files/mkdir", args: &[Arg::One("path")], options: &[PARENTS, VERSION, HASH, FLUSH], run: mkdir },
    Command {
        path: "files/cp",
        args: &[Arg::One("source"), Arg::One("dest")],
        options: &[PARENTS, ("force", "", Kind::Flag), FLUSH],
        run: cp,
    },
    Command { path: "files/mv", args: &[Arg::One("source"), Arg::One("dest")], options: &[FLUSH], run: mv },
    Command {
        path: "files/rm",
        args: &[Arg::Many("path")],
        options: &[("recursive", "r", Kind::Flag), ("force", "", Kind::Flag), FLUSH],
        run: rm,
    },
    Command { path: "files/flush", args: &[Arg::Maybe("path")], options: &[], run: flush },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    hash: String,
    size: u64,
    cumulative_size: u64,
    blocks: usize,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_locality: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_local: Option<u64>,
}

fn stat(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let formats = [call.is_on("hash"), call.is_on("size"), call.text("format").is_some()];
    if formats.iter().filter(|asked| **asked).count() > 1 {
        let what = "invalid parameters: format was set by multiple options. Only one format option is allowed";
        return Err(Refusal::client(what));
    }
    let text = CidText::of(call)?;
    let cid = source(node, call.arg(0))?;
    let mut stat = stat_of(node, &cid, text)?;
    if call.is_on("with-local") {
        let (whole, bytes) = locality(node, cid)?;
        (stat.with_locality, stat.local) = (Some(true), whole.then_some(true));
        stat.size_local = Some(bytes).filter(|bytes| *bytes > 0);
    }
    reply.single(&stat)
}

/// The block that an argument names: a path of the writable folder, or an IPFS path.
fn source(node: &Node, argument: &str) -> Result<Cid, Refusal> {
    if ["/ipfs/", "ipfs://", "/ipns/", "ipns://"].iter().any(|start| argument.starts_with(start)) {
        return node.resolve(argument);
    }
    let path = MfsPath::parse(argument)?;
    Ok(mfs::find(node, &path)?.ok_or_else(no_such_file)?.cid)
}

fn stat_of(node: &Node, cid: &Cid, text: CidText) -> Result<Stat, Refusal> {
    let link = mfs::link_to(node, *cid)?;
    let mut stat = Stat {
        hash: text.write(cid),
        size: 0,
        cumulative_size: link.tsize,
        blocks: 0,
        kind: "directory",
        mode: None,
        mtime: None,
        with_locality: None,
        local: None,
        size_local: None,
    };
    match node.item(cid)? {
        Item::File(file) => {
            (stat.kind, stat.size, stat.blocks) = ("file", file.file_bytes, file.parts.len());
            stat.mode = file.mode.map(|mode| format!("{mode:04o}"));
            stat.mtime = file.mtime.map(|mtime| mtime.seconds);
        }
        Item::Symlink(target) => {
            (stat.kind, stat.size) = ("file", target.len() as u64);
            stat.mode = Some("1000000777".to_owned());
        }
        Item::Folder(entries) => stat.blocks = entries.len(),
        Item::Shard(shard) => stat.blocks = shard.slots.len(),
    }
    Ok(stat)
}

/// Whether all below a block is here, and how many bytes are.
fn locality(node: &Node, root: Cid) -> Result<(bool, u64), Refusal> {
    let (mut whole, mut sum) = (true, 0);
    let mut open = vec![root];
    while let Some(cid) = open.pop() {
        match node.store.get(&cid)? {
            None => whole = false,
            Some(bytes) => {
                sum += bytes.len() as u64;
                open.extend(unixfs::links(&cid, &bytes).unwrap_or_default());
            }
        }
    }
    Ok((whole, sum))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    /// `null` for an empty folder.
    entries: Option<Vec<Listed>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    name: String,
    #[serde(rename = "Type")]
    kind: u8,
    size: u64,
    hash: String,
}

fn ls(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let path = MfsPath::parse(call.args().first().map_or("/", String::as_str))?;
    let (text, long) = (CidText::of(call)?, call.is_on("long"));
    let at = mfs::find(node, &path)?.ok_or_else(no_such_file)?;
    let listed = |name: String, link: &Link| -> Result<Listed, Refusal> {
        if !long {
            return Ok(Listed { name, kind: 0, size: 0, hash: String::new() });
        }
        let (kind, size) = match node.item(&link.cid)? {
            Item::File(file) => (0, file.file_bytes),
            Item::Symlink(target) => (0, target.len() as u64),
            Item::Folder(_) | Item::Shard(_) => (1, 0),
        };
        Ok(Listed { name, kind, size, hash: text.write(&link.cid) })
    };
    let entries: Vec<Listed> = if mfs::is_folder(node, &at)? {
        let entries = mfs::entries(node, &at.cid)?;
        let list = entries.iter().map(|entry| listed(String::from_utf8_lossy(&entry.name).into_owned(), &entry.link));
        list.collect::<Result<_, _>>()?
    } else {
        vec![listed(path.name().to_owned(), &at)?]
    };
    reply.single(&Listing { entries: Some(entries).filter(|entries| !entries.is_empty()) })
}

fn read(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let path = MfsPath::parse(call.arg(0))?;
    let at = mfs::find(node, &path)?.ok_or_else(|| no_such_file().while_doing(&path.to_string()))?;
    let Item::File(file) = node.item(&at.cid)? else {
        return Err(Refusal::failed(format!("{path} was not a file")));
    };
    let (from, bytes) = (natural(call, "offset")?.unwrap_or(0), natural(call, "count")?);
    if from > file.file_bytes {
        return Err(Refusal::failed(format!("offset was past end of file ({from} > {})", file.file_bytes)));
    }
    reply.stream("text/plain", None);
    let mut reader = FileReader::new(at.cid, ByteRange { from, bytes });
    while let Some(piece) = node.next_of(&mut reader)? {
        call.check_time()?;
        reply.bytes(piece)?;
    }
    Ok(())
}

fn version(call: &Call) -> Result<Option<Version>, Refusal> {
    if let Some(hash) = call.text("hash").filter(|hash| *hash != "sha2-256") {
        return Err(Refusal::unsupported("hash", hash));
    }
    match call.number::<i64>("cid-version")? {
        None if call.text("hash").is_some() => Ok(Some(Version::V1)),
        None => Ok(None),
        Some(0) => Ok(Some(Version::V0)),
        Some(1) => Ok(Some(Version::V1)),
        Some(other) => Err(Refusal::failed(format!("unknown CID version: {other}"))),
    }
}

fn parents(call: &Call) -> Parents {
    if call.is_on("parents") { Parents::Make } else { Parents::Require }
}

fn write(node: &Arc<Node>, call: &Call, upload: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    let raw = call.flag("raw-leaves").map(|raw| if raw { Leaves::Raw } else { Leaves::DagPb });
    let place = Place {
        path: MfsPath::parse(call.arg(0))?,
        offset: natural(call, "offset")?.unwrap_or(0),
        count: natural(call, "count")?,
        create: call.is_on("create"),
        parents: parents(call),
        truncate: call.is_on("truncate"),
        leaves: raw,
        version: version(call)?,
    };
    upload.next_part()?.ok_or_else(|| Refusal::failed("expected a regular file"))?;
    mfs::write(node, &place, &mut || {
        call.check_time()?;
        upload.next_bytes()
    })
}

fn mkdir(node: &Arc<Node>, call: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    let path = MfsPath::parse(call.arg(0))?;
    if path.is_root() {
        return if call.is_on("parents") {
            Ok(())
        } else {
            Err(Refusal::failed("cannot create directory '/': Already exists"))
        };
    }
    let mut mfs = Mfs::change(node)?;
    mfs.make_folder(&path, version(call)?, parents(call))?;
    mfs.commit().map(|_| ())
}

fn cp(node: &Arc<Node>, call: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    let from = call.arg(0).trim_end_matches('/');
    let to = MfsPath::parse(call.arg(1))?;
    let to = if to.is_folder() { to.child(from.rsplit('/').next().unwrap_or_default()) } else { to };
    let what = format!("cp: cannot get node from path {from}");
    let cid = source(node, from).map_err(|refusal| refusal.while_doing(&what))?;
    let _protection = node.store.protect(cid)?;
    let link = mfs::link_to(node, cid).map_err(|refusal| refusal.while_doing(&what))?;
    check_unixfs(node, &cid)?;
    let existing = if call.is_on("force") { Existing::Replace } else { Existing::Refuse };
    mfs::copy_link(node, link, &to, parents(call), existing)
}

fn check_unixfs(node: &Node, cid: &Cid) -> Result<(), Refusal> {
    let invalid = || Refusal::failed("cp: source must be a valid UnixFS (dag-pb or raw codec)");
    match cid.codec() {
        unixfs::CODEC_RAW => Ok(()),
        unixfs::CODEC_DAG_PB => node.item(cid).map(|_| ()).map_err(|_| invalid()),
        _ => Err(invalid()),
    }
}

fn mv(node: &Arc<Node>, call: &Call, _: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    let (from, to) = (MfsPath::parse(call.arg(0))?, MfsPath::parse(call.arg(1))?);
    let mut mfs = Mfs::change(node)?;
    let link = mfs.find(&from)?.filter(|_| !from.is_root()).ok_or_else(no_such_file)?;
    let to = match mfs.find(&to)? {
        Some(there) if mfs::is_folder(node, &there)? => to.child(from.name()),
        _ if to.is_folder() => to.child(from.name()),
        _ => to,
    };
    if to.names().starts_with(from.names()) && to != from {
        return Err(Refusal::failed(format!("cannot move {from} into itself")));
    }
    mfs.remove(&from)?;
    mfs.put(&to, link, Parents::Require)?;
    mfs.commit().map(|_| ())
}

fn rm(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    if call.flag("flush") == Some(false) {
        return Err(Refusal::failed(
            "files rm always flushes for safety. The --flush flag cannot be set to false for this command",
        ));
    }
    let (force, recursive) = (call.is_on("force"), call.is_on("recursive"));
    let mut mfs = Mfs::change(node)?;
    let mut failures = Vec::new();
    for path in call.args() {
        let path =
            MfsPath::parse(path).map_err(|refusal| refusal.while_doing(&format!("{path} is not a valid path")))?;
        if let Err(refusal) = remove(node, &mut mfs, &path, force, recursive) {
            failures.push(format!("{path}: {refusal}"));
        }
    }
    mfs.commit()?;
    if failures.is_empty() {
        return Ok(());
    }
    failures.iter().try_for_each(|failure| reply.row(failure))?;
    Err(Refusal::failed(format!("can't remove some files: {}", failures.join("; "))))
}

fn remove(node: &Node, mfs: &mut Mfs<'_>, path: &MfsPath, force: bool, recursive: bool) -> Result<(), Refusal> {
    if path.is_root() {
        return Err(Refusal::failed("cannot delete root"));
    }
    let link = match mfs.find(path)? {
        None if force => return Ok(()),
        None => return Err(no_such_file()),
        Some(link) => link,
    };
    if !force && !recursive && mfs::is_folder(node, &link)? {
        return Err(Refusal::failed("path is a directory, use -r to remove directories"));
    }
    mfs.remove(path)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Flushed {
    cid: String,
}

fn flush(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    // Every command has made its change durable before it answered.
    let path = MfsPath::parse(call.args().first().map_or("/", String::as_str))?;
    let at = mfs::find(node, &path)?.ok_or_else(no_such_file)?;
    reply.single(&Flushed { cid: CidText::of(call)?.write(&at.cid) })
}
