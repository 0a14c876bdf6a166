//! The commands: one table that says what each takes, and a module for each family.
//!
//! Asked by the router.

mod add;
mod bitswap;
mod block;
mod bootstrap;
mod cat;
mod config;
mod dag;
mod files;
mod get;
mod key;
mod log;
mod ls;
mod name;
mod node;
mod p2p;
mod pin;
mod ping;
mod provide;
mod pubsub;
mod refs;
mod repo;
mod routing;
mod stats;
mod swarm;
mod values;
mod verify;

pub(crate) use get::tar;

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Call, Reply,
    call::{Arg, Kind, Opt},
    upload::Upload,
};
use crate::{node::Node, refusal::Refusal};

/// What a command does: reads the call and perhaps its files, writes the reply.
type Run = fn(&Arc<Node>, &Call, &mut Upload, &mut Reply) -> Result<(), Refusal>;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) path: &'static str,
    pub(crate) args: &'static [Arg],
    pub(crate) options: &'static [Opt],
    pub(crate) run: Run,
}

/// The command at a path below `/api/v0/`.
pub(crate) fn find(path: &str) -> Option<&'static Command> {
    all().find(|command| command.path == path)
}

/// All commands.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    TABLE.iter().flat_map(|family| family.iter())
}

static TABLE: &[&[Command]] = &[
    node::COMMANDS,
    add::COMMANDS,
    bitswap::COMMANDS,
    cat::COMMANDS,
    config::COMMANDS,
    block::COMMANDS,
    bootstrap::COMMANDS,
    dag::COMMANDS,
    files::COMMANDS,
    get::COMMANDS,
    key::COMMANDS,
    log::COMMANDS,
    ls::COMMANDS,
    name::COMMANDS,
    p2p::COMMANDS,
    pin::COMMANDS,
    ping::COMMANDS,
    pubsub::COMMANDS,
    refs::COMMANDS,
    provide::COMMANDS,
    repo::COMMANDS,
    routing::COMMANDS,
    values::COMMANDS,
    stats::COMMANDS,
    swarm::COMMANDS,
    verify::COMMANDS,
];

/// The only file of a request, which must not be over `limit_bytes`.
fn file(upload: &mut Upload, limit_bytes: usize) -> Result<Bytes, Refusal> {
    match upload.next_part()? {
        Some(_) => upload.part_bytes(limit_bytes),
        None => Err(Refusal::client("the request has no file")),
    }
}
