//! `repo/*`: how much there is, collection, and a check of every block.

use std::sync::Arc;

use serde::Serialize;

use super::{Call, Command, Kind, Node, Refusal, Reply, Upload, dag::CidLink};
use crate::{node::REPO_VERSION, store::Key};

/// The check tells how far it is in steps of this.
const PROGRESS_BLOCKS: u64 = 1024;

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "repo/stat",
        args: &[],
        options: &[("size-only", "s", Kind::Flag), ("human", "H", Kind::Flag)],
        run: stat,
    },
    Command {
        path: "repo/gc",
        args: &[],
        options: &[("stream-errors", "", Kind::Flag), ("quiet", "q", Kind::Flag), ("silent", "", Kind::Flag)],
        run: gc,
    },
    Command {
        path: "repo/verify",
        args: &[],
        options: &[("drop", "", Kind::Flag), ("heal", "", Kind::Flag), ("heal-timeout", "", Kind::Text)],
        run: verify,
    },
];

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stat {
    repo_size: u64,
    storage_max: u64,
    num_objects: u64,
    repo_path: String,
    version: String,
}

fn stat(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let size = node.store.size()?;
    let sizes = Stat { repo_size: size.disk_bytes, storage_max: node.limits.storage_max_bytes, ..Stat::default() };
    if call.is_on("size-only") {
        return reply.single(&sizes);
    }
    reply.single(&Stat {
        num_objects: size.blocks,
        repo_path: node.store.folder().display().to_string(),
        version: format!("fs-repo@{REPO_VERSION}"),
        ..sizes
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Collected {
    key: CidLink,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CollectFailed {
    key: Option<CidLink>,
    error: String,
}

fn gc(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let silent = call.is_on("silent");
    reply.rows();
    let tell = |key: &Key| {
        if let Some(cid) = key.raw_cid().filter(|_| !silent) {
            // A client that is gone does not stop the collection.
            let _ = reply.row(&Collected { key: (&cid).into() });
        }
    };
    match node.store.collect(tell) {
        Ok(collected) => {
            tracing::info!(blocks = collected.blocks, freed_bytes = collected.freed_bytes, "garbage was collected");
            Ok(())
        }
        Err(error) if call.is_on("stream-errors") => {
            reply.row(&CollectFailed { key: None, error: error.to_string() })?;
            Err(Refusal::failed("encountered errors during gc run"))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Checked {
    msg: String,
    progress: u64,
}

fn verify(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    for name in ["drop", "heal"] {
        if call.is_on(name) {
            return Err(Refusal::unsupported(name, "true"));
        }
    }
    let (mut blocks, mut faults) = (0, 0);
    for key in node.store.keys() {
        let key = key?;
        call.check_time()?;
        blocks += 1;
        if let Some(fault) = node.store.fault(key) {
            faults += 1;
            let cid = key.raw_cid().map(|cid| cid.to_string()).unwrap_or_default();
            reply.row(&Checked { msg: format!("block {cid} was corrupt ({})", fault.what), progress: blocks })?;
        } else if blocks % PROGRESS_BLOCKS == 0 {
            reply.row(&Checked { msg: String::new(), progress: blocks })?;
        }
    }
    match faults {
        0 => reply.row(&Checked { msg: "verify complete, all blocks validated.".to_owned(), progress: 0 }),
        _ => Err(Refusal::failed("verify complete, some blocks were corrupt")),
    }
}
