//! `log/*`: what is written to the log, changed while the node runs. The next start says again what `[common] log` says.

use std::sync::Arc;

use daemon::log;
use serde::Serialize;

use super::{Arg, Call, Command, Node, Refusal, Reply, Upload, swarm::Strings};

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "log/level", args: &[Arg::One("subsystem"), Arg::One("level")], options: &[], run: level },
    Command { path: "log/ls", args: &[], options: &[], run: list },
];

/// The parts that can be named, as the log names them.
const PARTS: &[&str] = &["bitswap", "daemon", "gateway", "ipfs_node", "libp2p", "swarm"];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Changed {
    message: String,
}

fn level(_: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (part, level) = (call.arg(0), call.arg(1));
    let filter = filter(part, level)?;
    log::change(&filter).map_err(|failure| Refusal::failed(failure.to_string()))?;
    let shown = if part == "all" { "*" } else { part };
    reply.single(&Changed { message: format!("Changed log level of '{shown}' to '{level}'\n") })
}

/// The filter for all, or for one part while the others say what is worth knowing.
fn filter(part: &str, level: &str) -> Result<String, Refusal> {
    let ours = match level.to_ascii_lowercase().as_str() {
        "debug" => "debug",
        "info" => "info",
        "warn" => "warn",
        "error" | "dpanic" | "panic" | "fatal" => "error",
        _ => return Err(Refusal::failed(format!("unrecognized level: {level:?}"))),
    };
    match part {
        "all" | "*" => Ok(ours.to_owned()),
        part if PARTS.contains(&part) => Ok(format!("info,{part}={ours}")),
        part => Err(Refusal::failed(format!("no part of the log is called {part:?}: log/ls names them"))),
    }
}

fn list(_: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    reply.single(&Strings { strings: Some(PARTS.iter().map(|part| (*part).to_owned()).collect()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_kubo() {
        assert_eq!(filter("all", "debug").as_deref(), Ok("debug"));
        assert_eq!(filter("swarm", "fatal").as_deref(), Ok("info,swarm=error"));
        assert_eq!(filter("all", "nope").unwrap_err().message, "unrecognized level: \"nope\"");
        assert!(filter("nope", "info").is_err());
    }
}
