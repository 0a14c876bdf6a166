//! The commands: one table that says what each takes, and a module for each family.
//!
//! Asked by the router.

mod add;
mod block;
mod cat;
mod dag;
mod files;
mod get;
mod ls;
mod node;
mod pin;
mod repo;

use std::sync::Arc;

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
    TABLE.iter().flat_map(|family| family.iter()).find(|command| command.path == path)
}

static TABLE: &[&[Command]] = &[
    node::COMMANDS,
    add::COMMANDS,
    cat::COMMANDS,
    block::COMMANDS,
    dag::COMMANDS,
    files::COMMANDS,
    get::COMMANDS,
    ls::COMMANDS,
    pin::COMMANDS,
    repo::COMMANDS,
];
