//! `get`: files and folders as a tar archive, or one file compressed.

use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::{Buf as _, Bytes};
use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};
use unixfs::{ByteRange, Cid, FileReader, Item};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::mfs;

/// Folders within folders; deeper ones are not made by people.
const DEPTH_MAX: usize = 256;

pub(super) static COMMANDS: &[Command] = &[Command {
    path: "get",
    args: &[Arg::One("ipfs-path")],
    options: &[
        ("output", "o", Kind::Text),
        ("archive", "a", Kind::Flag),
        ("compress", "C", Kind::Flag),
        ("compression-level", "l", Kind::Int),
        ("progress", "p", Kind::Flag),
    ],
    run: get,
}];

fn get(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let path = call.arg(0).trim_end_matches('/');
    let root = node.resolve(path)?;
    let item = node.item(&root)?;
    let content_bytes = match &item {
        Item::File(file) => file.file_bytes,
        _ => mfs::link_to(node, root)?.tsize,
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(level) = compression(call)? else {
        reply.stream("application/x-tar", Some(content_bytes));
        let mut out = ReplyWriter { reply, call };
        return tar(node, name, root, &mut out);
    };
    let is_file = matches!(item, Item::File(_));
    if !call.is_on("archive") && !is_file {
        return Err(Refusal::failed("file is not regular"));
    }
    reply.stream("application/gzip", Some(content_bytes));
    let mut out = GzEncoder::new(ReplyWriter { reply, call }, level);
    match call.is_on("archive") {
        true => tar(node, name, root, &mut out)?,
        false => _ = io::copy(&mut FileBytes::new(node, root), &mut out).map_err(refusal)?,
    }
    out.finish().map(|_| ()).map_err(refusal)
}

/// How much to compress; `None` for not at all.
fn compression(call: &Call) -> Result<Option<Compression>, Refusal> {
    let level: Option<i64> = call.number("compression-level")?;
    match (call.is_on("compress"), level) {
        (_, Some(level @ 1..=9)) => Ok(Some(Compression::new(u32::try_from(level).unwrap_or(6)))),
        (_, Some(0)) => Ok(None),
        (_, Some(_)) => Err(Refusal::client("compression level must be between 1 and 9")),
        (true, None) => Ok(Some(Compression::default())),
        (false, None) => Ok(None),
    }
}

/// Writes the archive of a file or folder.
pub(crate) fn tar(node: &Node, name: &str, root: Cid, out: &mut impl Write) -> Result<(), Refusal> {
    let mut builder = tar::Builder::new(out);
    append(node, &mut builder, name, root, 0)?;
    builder.finish().map_err(refusal)
}

fn append<W: Write>(
    node: &Node,
    builder: &mut tar::Builder<W>,
    path: &str,
    cid: Cid,
    depth: usize,
) -> Result<(), Refusal> {
    if depth > DEPTH_MAX {
        return Err(Refusal::failed(format!("folders are nested more than {DEPTH_MAX} deep")));
    }
    match node.item(&cid)? {
        Item::File(file) => {
            let mut header = header(EntryType::Regular, 0o644, file.file_bytes);
            builder.append_data(&mut header, path, FileBytes::new(node, cid)).map_err(refusal)
        }
        Item::Symlink(target) => {
            let target = String::from_utf8_lossy(&target).into_owned();
            let mut header = header(EntryType::Symlink, 0o777, 0);
            builder.append_link(&mut header, path, target).map_err(refusal)
        }
        Item::Folder(_) | Item::Shard(_) => {
            let mut header = header(EntryType::Directory, 0o755, 0);
            builder.append_data(&mut header, path, io::empty()).map_err(refusal)?;
            node.each_entry(
                cid,
                |_| true,
                |entry| {
                    let name = String::from_utf8_lossy(&entry.name);
                    check_name(&name)?;
                    append(node, builder, &format!("{path}/{name}"), entry.link.cid, depth + 1)
                },
            )
        }
    }
}

/// A name that would leave the folder where the archive is unpacked.
fn check_name(name: &str) -> Result<(), Refusal> {
    match name {
        "." | ".." => Err(Refusal::failed(format!("folder has an entry named {name:?}, which no archive may hold"))),
        _ => Ok(()),
    }
}

fn header(kind: EntryType, mode: u32, file_bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(file_bytes);
    header.set_mtime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    header
}

fn refusal(error: io::Error) -> Refusal {
    // What went wrong below keeps its own words.
    match error.downcast::<Refusal>() {
        Ok(refusal) => refusal,
        Err(error) => Refusal::from_error(&error),
    }
}

/// A file's bytes as a reader.
struct FileBytes<'n> {
    node: &'n Node,
    reader: FileReader,
    piece: Bytes,
}

impl<'n> FileBytes<'n> {
    fn new(node: &'n Node, root: Cid) -> Self {
        Self { node, reader: FileReader::new(root, ByteRange::ALL), piece: Bytes::new() }
    }
}

impl Read for FileBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.node.next_of(&mut self.reader).map_err(io::Error::other)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let bytes = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..bytes]);
        Ok(bytes)
    }
}

/// The answer as a writer.
struct ReplyWriter<'a> {
    reply: &'a mut Reply,
    call: &'a Call,
}

impl Write for ReplyWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call.check_time().map_err(io::Error::other)?;
        self.reply.bytes(Bytes::copy_from_slice(bytes)).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
