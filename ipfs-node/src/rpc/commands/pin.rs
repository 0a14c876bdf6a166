//! `pin/*`: what is kept.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::{
    node::{Kept, Progress, Walk},
    rpc::cid_text::CidText,
    store::{Pin, PinKind},
};

const PROGRESS_EVERY: Duration = Duration::from_millis(500);
const NAME_BYTES_MAX: usize = 255;
const RECURSIVE: super::Opt = ("recursive", "r", Kind::Flag);

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "pin/add",
        args: &[Arg::Many("ipfs-path")],
        options: &[
            RECURSIVE,
            ("name", "n", Kind::Text),
            ("progress", "", Kind::Flag),
            ("fast-provide-root", "", Kind::Flag),
            ("fast-provide-dag", "", Kind::Flag),
            ("fast-provide-wait", "", Kind::Flag),
        ],
        run: add,
    },
    Command { path: "pin/rm", args: &[Arg::Many("ipfs-path")], options: &[RECURSIVE], run: rm },
    Command {
        path: "pin/ls",
        args: &[Arg::Any("ipfs-path")],
        options: &[
            ("type", "t", Kind::Text),
            ("quiet", "q", Kind::Flag),
            ("name", "n", Kind::Text),
            ("stream", "s", Kind::Flag),
            ("names", "", Kind::Flag),
        ],
        run: ls,
    },
    Command {
        path: "pin/update",
        args: &[Arg::One("from-path"), Arg::One("to-path")],
        options: &[
            ("unpin", "", Kind::Flag),
            ("fast-provide-root", "", Kind::Flag),
            ("fast-provide-dag", "", Kind::Flag),
            ("fast-provide-wait", "", Kind::Flag),
        ],
        run: update,
    },
];

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pins {
    pins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

fn kind(call: &Call) -> PinKind {
    if call.flag("recursive").unwrap_or(true) { PinKind::Recursive } else { PinKind::Direct }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    match name.len() {
        0..=NAME_BYTES_MAX => Ok(()),
        long => Err(Refusal::failed(format!("pin name is {long} bytes (max {NAME_BYTES_MAX} bytes)"))),
    }
}

fn add(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (text, progress) = (CidText::of(call)?, call.is_on("progress"));
    let name = call.text("name").unwrap_or_default();
    check_name(name)?;
    let (mut pins, mut told, mut last) = (Vec::new(), Instant::now(), Progress::default());
    for path in call.args() {
        let cid = node.resolve(path)?;
        let mut tell = |now: Progress| {
            call.check_time()?;
            last = now;
            if !progress || told.elapsed() < PROGRESS_EVERY {
                return Ok(());
            }
            told = Instant::now();
            reply.row(&Pins { progress: Some(now.blocks), bytes: Some(now.bytes), pins: None })
        };
        node.pin(cid, kind(call), name, &mut tell).map_err(|refusal| refusal.while_doing("pin"))?;
        pins.push(text.write(&cid));
    }
    if !progress {
        return reply.single(&Pins { pins: Some(pins), ..Pins::default() });
    }
    if last.blocks > 0 {
        reply.row(&Pins { progress: Some(last.blocks), bytes: Some(last.bytes), pins: None })?;
    }
    reply.row(&Pins { pins: Some(pins), ..Pins::default() })
}

fn rm(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let text = CidText::of(call)?;
    let mut pins = Vec::new();
    for path in call.args() {
        let cid = node.resolve(path)?;
        node.unpin(cid, kind(call))?;
        pins.push(text.write(&cid));
    }
    reply.single(&Pins { pins: Some(pins), ..Pins::default() })
}

fn update(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let text = CidText::of(call)?;
    let (from, to) = (node.resolve(call.arg(0))?, node.resolve(call.arg(1))?);
    node.move_pin(from, to, call.flag("unpin").unwrap_or(true))?;
    reply.single(&Pins { pins: Some(vec![text.write(&from), text.write(&to)]), ..Pins::default() })
}

/// Which pins are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Recursive,
    Direct,
    Indirect,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    cid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(rename = "Type")]
    kind: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    #[serde(rename = "Type")]
    kind: String,
    name: String,
}

fn ls(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let which = match call.text("type").unwrap_or("all") {
        "all" => Which::All,
        "recursive" => Which::Recursive,
        "direct" => Which::Direct,
        "indirect" => Which::Indirect,
        other => {
            let what = format!("invalid type '{other}', must be one of {{direct, indirect, recursive, all}}");
            return Err(Refusal::failed(what));
        }
    };
    let filter = call.text("name").unwrap_or_default();
    check_name(filter)?;
    let mut lister = Lister {
        node,
        call,
        text: CidText::of(call)?,
        names: call.is_on("names") || !filter.is_empty(),
        filter,
        output: Output::of(call, reply),
    };
    match call.args() {
        [] => lister.list(which)?,
        paths => paths.iter().try_for_each(|path| lister.list_one(path, which))?,
    }
    lister.output.finish()
}

struct Lister<'a> {
    node: &'a Node,
    call: &'a Call,
    text: CidText,
    names: bool,
    filter: &'a str,
    output: Output<'a>,
}

impl Lister<'_> {
    fn list(&mut self, which: Which) -> Result<(), Refusal> {
        if which != Which::Indirect {
            for pin in self.node.store.pins() {
                let pin = pin?;
                let wanted = which == Which::All || (which == Which::Recursive) == (pin.kind == PinKind::Recursive);
                if wanted && pin.name.contains(self.filter) {
                    self.tell(&pin)?;
                }
            }
        }
        // Only pins themselves have names.
        let wants_indirect = matches!(which, Which::All | Which::Indirect) && self.filter.is_empty();
        if wants_indirect { self.list_indirect(which) } else { Ok(()) }
    }

    fn list_indirect(&mut self, which: Which) -> Result<(), Refusal> {
        let (mut walk, here) = (Walk::default(), self.node.here());
        let mut own = HashSet::new();
        for pin in self.node.store.pins() {
            let pin = pin?;
            if pin.kind == PinKind::Recursive || which == Which::All {
                own.insert(pin.cid);
            }
        }
        for pin in self.node.store.pins() {
            let pin = pin?;
            if pin.kind == PinKind::Direct {
                continue;
            }
            walk.go_on(pin.cid);
            while let Some((cid, _)) = walk.next_here(&here)? {
                self.call.check_time()?;
                if !own.contains(&cid) {
                    self.output.tell(self.text.write(&cid), "indirect".to_owned(), String::new())?;
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, pin: &Pin) -> Result<(), Refusal> {
        let name = if self.names { pin.name.clone() } else { String::new() };
        self.output.tell(self.text.write(&pin.cid), kind_name(pin.kind).to_owned(), name)
    }

    fn list_one(&mut self, path: &str, which: Which) -> Result<(), Refusal> {
        let cid = self.node.resolve(path)?;
        let pin = self.node.store.pin(&cid)?.filter(|pin| match which {
            Which::All => true,
            Which::Recursive => pin.kind == PinKind::Recursive,
            Which::Direct => pin.kind == PinKind::Direct,
            Which::Indirect => false,
        });
        if let Some(pin) = pin {
            return self.tell(&pin);
        }
        let via = match which {
            Which::All | Which::Indirect => self.node.kept_via(&cid)?,
            Which::Recursive | Which::Direct => None,
        };
        let Some(Kept::Via(root)) = via else {
            return Err(Refusal::failed(format!("path '{path}' is not pinned")));
        };
        self.output.tell(self.text.write(&cid), format!("indirect through {}", self.text.write(&root)), String::new())
    }
}

const fn kind_name(kind: PinKind) -> &'static str {
    match kind {
        PinKind::Recursive => "recursive",
        PinKind::Direct => "direct",
    }
}

/// A stream of rows, or one object that is written as it comes: there may be millions of pins.
enum Output<'a> {
    Rows(&'a mut Reply),
    Object(&'a mut Reply, usize),
}

impl<'a> Output<'a> {
    fn of(call: &Call, reply: &'a mut Reply) -> Self {
        if call.is_on("stream") {
            reply.rows();
            return Self::Rows(reply);
        }
        Self::Object(reply, 0)
    }

    fn tell(&mut self, cid: String, kind: String, name: String) -> Result<(), Refusal> {
        match self {
            Self::Rows(reply) => reply.row(&Listed { cid, name, kind }),
            Self::Object(reply, told) => {
                reply.text(if *told == 0 { "{\"Keys\":{" } else { "," })?;
                *told += 1;
                reply.text(&json(&cid)?)?;
                reply.text(":")?;
                reply.text(&json(&Described { kind, name })?)
            }
        }
    }

    fn finish(self) -> Result<(), Refusal> {
        match self {
            Self::Rows(_) => Ok(()),
            Self::Object(reply, 0) => reply.text("{}\n"),
            Self::Object(reply, _) => reply.text("}}\n"),
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| Refusal::from_error(&error))
}
