//! `repo/{stat,gc,version}`: how much there is, and collection.

use std::sync::Arc;

use serde::Serialize;

use super::{Call, Command, Kind, Node, Refusal, Reply, Upload, dag::CidLink};
use crate::{node::REPO_VERSION, store::Key};

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "repo/stat",
        args: &[],
        options: &[("size-only", "s", Kind::Flag), ("human", "H", Kind::Flag)],
        run: stat,
    },
    Command {
        path: "stats/repo",
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
    Command { path: "repo/version", args: &[], options: &[("quiet", "q", Kind::Flag)], run: version },
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
struct RepoVersion {
    version: &'static str,
}

fn version(_: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    reply.single(&RepoVersion { version: REPO_VERSION })
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
