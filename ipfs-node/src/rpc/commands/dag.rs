//! `dag/export` and `dag/import`: whole DAGs as archives.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use unixfs::{
    Block, Cid,
    car::{CarError, CarReader, CarStep},
};

use super::{
    Arg, Call, Command, Kind, Node, Refusal, Reply, Upload,
    block::{BLOCK_BYTES_MAX, TOO_BIG},
};
use crate::{
    gateway::write_archive,
    store::{PinKind, Session},
};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "dag/export",
        args: &[Arg::One("root")],
        options: &[("progress", "p", Kind::Flag), ("local-only", "", Kind::Flag)],
        run: export,
    },
    Command {
        path: "dag/import",
        args: &[Arg::File("path")],
        options: &[
            ("pin-roots", "", Kind::Flag),
            ("silent", "", Kind::Flag),
            ("stats", "", Kind::Flag),
            ("allow-big-block", "", Kind::Flag),
            ("local-only", "", Kind::Flag),
            ("fast-provide-root", "", Kind::Flag),
            ("fast-provide-dag", "", Kind::Flag),
            ("fast-provide-wait", "", Kind::Flag),
        ],
        run: import,
    },
];

fn export(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    if call.is_on("local-only") {
        return Err(Refusal::unsupported("local-only", "true"));
    }
    let root = node.resolve(call.arg(0))?;
    // Without its root there is no answer at all, rather than the beginning of one.
    node.block(&root)?;
    reply.stream("application/vnd.ipld.car", None);
    write_archive(node, root, &mut |bytes| {
        call.check_time()?;
        reply.bytes(bytes)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
enum Row {
    Root {
        #[serde(rename = "Cid")]
        cid: CidLink,
        #[serde(rename = "PinErrorMsg")]
        pin_error_msg: String,
    },
    Stats {
        #[serde(rename = "BlockCount")]
        block_count: u64,
        #[serde(rename = "BlockBytesCount")]
        block_bytes_count: u64,
    },
}

/// A CID as DAG-JSON writes a link.
#[derive(Serialize)]
pub(super) struct CidLink {
    #[serde(rename = "/")]
    cid: String,
}

impl From<&Cid> for CidLink {
    fn from(cid: &Cid) -> Self {
        Self { cid: cid.to_string() }
    }
}

fn import(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let local_only = call.is_on("local-only");
    if local_only && call.flag("pin-roots") == Some(true) {
        return Err(Refusal::failed(
            "--local-only implies --pin-roots=false and cannot be combined with --pin-roots=true; please drop one of them",
        ));
    }
    let session = node.store.session();
    let mut import = Import::new(call, &session);
    while upload.next_part()?.is_some() {
        import.archive(upload)?;
    }
    let Import { roots, blocks, bytes, .. } = import;
    session.commit([])?;
    reply.rows();
    // What an archive does not hold is not looked for anywhere.
    let node = node.here();
    if call.flag("pin-roots").unwrap_or(!local_only) {
        for root in &roots {
            let pinned = match node.store.has(root)? {
                true => node.pin(*root, PinKind::Recursive, "", &mut |_| call.check_time()),
                false => Err(Refusal::failed(format!("ipld: could not find {root}"))),
            };
            let pin_error_msg = pinned.err().map(|refusal| refusal.message).unwrap_or_default();
            reply.row(&Row::Root { cid: root.into(), pin_error_msg })?;
        }
    }
    if call.is_on("stats") {
        reply.row(&Row::Stats { block_count: blocks, block_bytes_count: bytes })?;
    }
    Ok(())
}

/// Archives being imported. What was put stays even if a later block is damaged, as with Kubo.
struct Import<'a> {
    call: &'a Call,
    session: &'a Session,
    allow_big: bool,
    roots: Vec<Cid>,
    blocks: u64,
    bytes: u64,
    last: Option<Cid>,
}

impl<'a> Import<'a> {
    fn new(call: &'a Call, session: &'a Session) -> Self {
        let allow_big = call.is_on("allow-big-block");
        Self { call, session, allow_big, roots: Vec::new(), blocks: 0, bytes: 0, last: None }
    }

    fn archive(&mut self, upload: &mut Upload) -> Result<(), Refusal> {
        let mut reader = CarReader::new();
        self.last = None;
        while let Some(piece) = upload.next_bytes()? {
            self.call.check_time()?;
            self.take(&mut reader, &piece)?;
        }
        reader.finish().map_err(|error| self.refuse(&error))
    }

    fn take(&mut self, reader: &mut CarReader, piece: &Bytes) -> Result<(), Refusal> {
        reader.push(piece);
        loop {
            match reader.step().map_err(|error| self.refuse(&error))? {
                CarStep::More => return Ok(()),
                CarStep::Header(header) => {
                    for root in header.roots {
                        if !self.roots.contains(&root) {
                            self.roots.push(root);
                        }
                    }
                }
                CarStep::Block(block) => self.put(&block)?,
            }
        }
    }

    fn put(&mut self, block: &Block) -> Result<(), Refusal> {
        if block.bytes.len() > BLOCK_BYTES_MAX && !self.allow_big {
            return Err(Refusal::failed(format!("import failed at block \"{}\": {TOO_BIG}", block.cid)));
        }
        self.session.put(block)?;
        self.blocks += 1;
        self.bytes += block.bytes.len() as u64;
        self.last = Some(block.cid);
        Ok(())
    }

    fn refuse(&self, error: &CarError) -> Refusal {
        let refusal = match error {
            CarError::Cut => Refusal::failed("unexpected EOF"),
            _ => Refusal::from_error(error),
        };
        match self.last {
            Some(last) => refusal.while_doing(&format!("import failed after block \"{last}\"")),
            None => refusal.while_doing("import failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_kubo_writes_them() {
        let root = unixfs::cid_raw(b"hello world");
        let row = Row::Root { cid: (&root).into(), pin_error_msg: String::new() };
        let text = format!("{{\"Root\":{{\"Cid\":{{\"/\":\"{root}\"}},\"PinErrorMsg\":\"\"}}}}");
        assert_eq!(serde_json::to_string(&row).unwrap(), text);
        let row = Row::Stats { block_count: 4, block_bytes_count: 169 };
        assert_eq!(serde_json::to_string(&row).unwrap(), "{\"Stats\":{\"BlockCount\":4,\"BlockBytesCount\":169}}");
    }
}
