//! `ping`: how long a peer takes to answer.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::rpc::peer_text::{peer_address, peer_id};

/// What Kubo does when nothing is said.
const COUNT: i64 = 10;
const BETWEEN: Duration = Duration::from_secs(1);

pub(super) static COMMANDS: &[Command] =
    &[Command { path: "ping", args: &[Arg::Many("peer ID")], options: &[("count", "n", Kind::Int)], run: ping }];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pinged {
    success: bool,
    /// Nanoseconds.
    time: u64,
    text: String,
}

fn said(text: String) -> Pinged {
    Pinged { success: true, time: 0, text }
}

fn ping(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    let text = call.arg(0);
    let (id, address) = match peer_id(text) {
        Some(id) => (id, None),
        None => {
            let (id, address) = peer_address(text).map_err(|_| unreadable(text))?;
            (id, Some(address).filter(|address| address.iter().count() > 1))
        }
    };
    if id == swarm.peer_id() {
        return Err(Refusal::failed("error: can't ping self"));
    }
    let count = match call.number::<i64>("count")?.unwrap_or(COUNT) {
        1.. => call.number::<i64>("count")?.unwrap_or(COUNT),
        _ => return Err(Refusal::failed("ping count must be greater than 0")),
    };
    if let Some(address) = address {
        node.wait(swarm.learn(id, vec![address]))??;
    }
    reply.row(&said(format!("PING {id}.")))?;
    let (mut total, mut answered) = (Duration::ZERO, 0);
    for at in 0..count {
        if at > 0 {
            node.wait(tokio::time::sleep(BETWEEN))?;
        }
        match node.wait(swarm.ping(id))? {
            Ok(took) => {
                (total, answered) = (total + took, answered + 1);
                let time = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                reply.row(&Pinged { success: true, time, text: String::new() })?;
            }
            Err(error) => {
                let text = format!("Ping error: {}", Refusal::from_error(&error));
                reply.row(&Pinged { success: false, time: 0, text })?;
            }
        }
        reply.flush()?;
    }
    if answered == 0 {
        return Err(Refusal::failed("ping failed"));
    }
    let mean_ms = (total / answered).as_secs_f64() * 1_000.0;
    reply.row(&said(format!("Average latency: {mean_ms:.2}ms")))
}

fn unreadable(text: &str) -> Refusal {
    Refusal::failed(format!(
        "failed to parse peer address '{text}': failed to parse peer ID: invalid cid: selected encoding not supported"
    ))
}
