//! `stats/*`: what passes, and how much there is.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::rpc::call::duration;

pub(super) static COMMANDS: &[Command] = &[Command {
    path: "stats/bw",
    args: &[],
    options: &[
        ("peer", "p", Kind::Text),
        ("proto", "t", Kind::Text),
        ("poll", "", Kind::Flag),
        ("interval", "i", Kind::Text),
    ],
    run: bandwidth,
}];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bandwidth {
    total_in: u64,
    total_out: u64,
    rate_in: f64,
    rate_out: f64,
}

fn bandwidth(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let swarm = node.online()?.swarm();
    for option in ["peer", "proto"] {
        if let Some(value) = call.text(option).filter(|value| !value.is_empty()) {
            return Err(Refusal::unsupported(option, value));
        }
    }
    let between = duration(call.text("interval").unwrap_or("1s"))?.max(Duration::from_millis(50));
    loop {
        let passed = node.wait(swarm.bandwidth())??;
        reply.row(&Bandwidth {
            total_in: passed.in_bytes,
            total_out: passed.out_bytes,
            rate_in: passed.in_rate,
            rate_out: passed.out_rate,
        })?;
        if !call.is_on("poll") {
            return Ok(());
        }
        reply.flush()?;
        node.wait(tokio::time::sleep(between))?;
    }
}
