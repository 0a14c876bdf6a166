//! `refs`, `refs/local` and `repo/ls`: what links what, and the names of all blocks that are here.
//!
//! Asked by people, and by programs that count what a DAG is made of.

use std::{collections::HashMap, sync::Arc};

use serde::Serialize;
use unixfs::{CODEC_DAG_PB, Cid, LinksError, dag_pb::PbNode};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::rpc::cid_text::CidText;

const DESTINATION: &str = "<dst>";
const EDGE: &str = "<src> -> <dst>";

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "refs",
        args: &[Arg::Many("ipfs-path")],
        options: &[
            ("format", "", Kind::Text),
            ("edges", "e", Kind::Flag),
            ("unique", "u", Kind::Flag),
            ("recursive", "r", Kind::Flag),
            ("max-depth", "", Kind::Int),
        ],
        run: refs,
    },
    Command { path: "refs/local", args: &[], options: &[], run: local },
    Command { path: "repo/ls", args: &[], options: &[], run: local },
];

/// One line of the answer. A failure is a line too, as with Kubo.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ref {
    #[serde(rename = "Ref")]
    text: String,
    err: String,
}

fn local(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let text = CidText::of(call)?;
    reply.rows();
    for key in node.store.keys() {
        call.check_time()?;
        if let Some(cid) = key?.raw_cid() {
            reply.row(&Ref { text: text.write(&cid), ..Ref::default() })?;
        }
    }
    Ok(())
}

fn refs(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let line = Line::of(call)?;
    let depth_max = match call.is_on("recursive") {
        true => call.number::<i64>("max-depth")?.and_then(|depth| u64::try_from(depth).ok()),
        false => Some(1),
    };
    reply.rows();
    let mut visited = Visited { depth_max, unique: call.is_on("unique"), seen: HashMap::new() };
    for path in call.args() {
        let listed = node.resolve(path).and_then(|root| {
            walk(node, root, &mut visited, &mut |edge| {
                call.check_time()?;
                reply.row(&Ref { text: line.write(edge), ..Ref::default() })
            })
        });
        if let Err(refusal) = listed {
            return reply.row(&Ref { err: refusal.message, ..Ref::default() });
        }
    }
    Ok(())
}

/// How a link is written.
struct Line<'a> {
    format: &'a str,
    text: CidText,
}

impl<'a> Line<'a> {
    fn of(call: &'a Call) -> Result<Self, Refusal> {
        let format = call.text("format").unwrap_or(DESTINATION);
        let format = match call.is_on("edges") {
            true if format != DESTINATION => {
                return Err(Refusal::failed("using format argument with edges is not allowed"));
            }
            true => EDGE,
            false => format,
        };
        Ok(Self { format, text: CidText::of(call)? })
    }

    fn write(&self, edge: &Edge) -> String {
        let line = self.format.replace("<src>", &self.text.write(&edge.from));
        let line = line.replace(DESTINATION, &self.text.write(&edge.to));
        line.replace("<linkname>", &edge.name)
    }
}

/// A link of a block.
struct Edge {
    from: Cid,
    to: Cid,
    name: String,
}

/// What the walk has come by, and how deep it goes.
struct Visited {
    depth_max: Option<u64>,
    unique: bool,
    /// The least depth at which a block was seen; filled only when each is to be told once.
    seen: HashMap<Cid, u64>,
}

/// What is done about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Visit {
    tell: bool,
    descend: bool,
}

impl Visited {
    fn visit(&mut self, cid: &Cid, depth: u64) -> Visit {
        if self.depth_max.is_some_and(|most| depth > most) {
            return Visit { tell: false, descend: false };
        }
        let descend = self.depth_max != Some(depth);
        if !self.unique {
            return Visit { tell: true, descend };
        }
        let before = self.seen.get(cid).copied();
        // Seen higher up: what is below has been gone through deep enough.
        if before.is_some_and(|before| self.depth_max.is_none() || before <= depth) {
            return Visit { tell: false, descend: false };
        }
        self.seen.insert(*cid, depth);
        Visit { tell: before.is_none(), descend }
    }
}

/// Tells the links below `root`, each before what is below it. A block is read before its link is told.
fn walk(
    node: &Node,
    root: Cid,
    visited: &mut Visited,
    tell: &mut impl FnMut(&Edge) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    // What is still to be gone through, from the top down: links of a block, and how deep they are.
    let mut open = vec![(1, links_of(node, root)?.into_iter())];
    while let Some((depth, links)) = open.last_mut() {
        let depth = *depth;
        let Some(edge) = links.next() else {
            open.pop();
            continue;
        };
        let visit = visited.visit(&edge.to, depth);
        if !visit.tell && !visit.descend {
            continue;
        }
        let rest = links.as_slice();
        let bytes = node.block_before(&edge.to, |most| rest.iter().take(most).map(|edge| edge.to).collect())?;
        if visit.tell {
            tell(&edge)?;
        }
        if visit.descend {
            open.push((depth + 1, edges(edge.to, &bytes)?.into_iter()));
        }
    }
    Ok(())
}

fn links_of(node: &Node, cid: Cid) -> Result<Vec<Edge>, Refusal> {
    edges(cid, &node.block(&cid)?)
}

fn edges(from: Cid, block: &bytes::Bytes) -> Result<Vec<Edge>, Refusal> {
    if from.codec() == CODEC_DAG_PB {
        let links = PbNode::decode(block).map_err(|error| Refusal::from_error(&error))?.links;
        let edge = |name: &[u8], to| Edge { from, to, name: String::from_utf8_lossy(name).into_owned() };
        return Ok(links.into_iter().map(|link| edge(&link.name, link.cid)).collect());
    }
    match unixfs::links(&from, block) {
        Ok(links) => Ok(links.into_iter().map(|to| Edge { from, to, name: String::new() }).collect()),
        // Nobody here could follow the links of a codec that nobody here reads.
        Err(LinksError::Codec(_)) => Ok(Vec::new()),
        Err(error) => Err(Refusal::from_error(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TELL: Visit = Visit { tell: true, descend: true };
    const PASS: Visit = Visit { tell: false, descend: false };

    fn visited(depth_max: Option<u64>, unique: bool) -> Visited {
        Visited { depth_max, unique, seen: HashMap::new() }
    }

    #[test]
    fn every_link_is_told_as_often_as_it_stands_there() {
        let cid = unixfs::cid_raw(b"leaf");
        let mut visited = visited(None, false);
        assert_eq!([visited.visit(&cid, 1), visited.visit(&cid, 2)], [TELL, TELL]);
    }

    #[test]
    fn told_once_means_that_what_is_below_is_told_once_too() {
        let cid = unixfs::cid_raw(b"leaf");
        let mut visited = visited(None, true);
        assert_eq!([visited.visit(&cid, 2), visited.visit(&cid, 1)], [TELL, PASS]);
    }

    #[test]
    fn what_was_seen_deeper_is_gone_through_again_when_depth_is_limited() {
        let cid = unixfs::cid_raw(b"leaf");
        let mut visited = visited(Some(2), true);
        assert_eq!(visited.visit(&cid, 2), Visit { tell: true, descend: false });
        assert_eq!(visited.visit(&cid, 1), Visit { tell: false, descend: true });
        assert_eq!(visited.visit(&cid, 3), PASS);
    }
}
