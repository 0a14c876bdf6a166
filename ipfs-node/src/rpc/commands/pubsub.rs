//! `pubsub/*`: messages to all who read a topic. Topics and messages are multibase (`u…`), as Kubo has them over HTTP.

use std::sync::Arc;

use cid::multibase::{self, Base};
use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload, swarm::Strings};

/// A message is no longer: what gossipsub takes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

pub(super) static COMMANDS: &[Command] = &[
    Command { path: "pubsub/pub", args: &[Arg::One("topic"), Arg::File("data")], options: &[], run: publish },
    Command {
        path: "pubsub/sub",
        args: &[Arg::One("topic")],
        options: &[("discover", "", Kind::Flag)],
        run: subscribe,
    },
    Command { path: "pubsub/ls", args: &[], options: &[], run: list },
    Command { path: "pubsub/peers", args: &[Arg::Maybe("topic")], options: &[], run: peers },
];

fn topic(text: &str) -> Result<String, Refusal> {
    let wrong = |why: String| Refusal::failed(format!("URL arg must be multibase encoded: {why}"));
    let (_, bytes) = multibase::decode(text).map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    multibase::encode(Base::Base64Url, bytes)
}

fn publish(node: &Arc<Node>, call: &Call, upload: &mut Upload, _: &mut Reply) -> Result<(), Refusal> {
    let topic = topic(call.arg(0))?;
    let swarm = node.online()?.swarm();
    upload.next_part()?.ok_or_else(|| Refusal::unreadable("file argument 'data' is required"))?;
    let body = upload.part_bytes(MESSAGE_BYTES_MAX)?;
    Ok(node.wait(swarm.publish(&topic, body.to_vec()))??)
}

#[derive(Serialize)]
struct Said {
    from: String,
    data: String,
    seqno: String,
    #[serde(rename = "topicIDs")]
    topic_ids: [String; 1],
}

fn subscribe(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let topic = topic(call.arg(0))?;
    let mut messages = node.wait(node.online()?.swarm().subscribe(&topic))??;
    reply.rows();
    // The client sees at once that its topic is read.
    reply.begin_now()?;
    while let Some(message) = node.wait(messages.next())? {
        reply.row(&Said {
            from: message.from.to_string(),
            data: encode(&message.body),
            seqno: encode(message.sequence.to_be_bytes()),
            topic_ids: [encode(&message.topic)],
        })?;
        reply.flush()?;
    }
    Ok(())
}

fn list(node: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let topics = node.wait(node.online()?.swarm().topics())??;
    let topics: Vec<_> = topics.iter().map(encode).collect();
    reply.single(&Strings { strings: Some(topics).filter(|topics| !topics.is_empty()) })
}

fn peers(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let topic = call.args().first().map(|text| topic(text)).transpose()?;
    let peers = node.wait(node.online()?.swarm().topic_peers(topic.as_deref()))??;
    let mut peers: Vec<_> = peers.iter().map(ToString::to_string).collect();
    peers.sort_unstable();
    reply.single(&Strings { strings: Some(peers) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_multibase_as_kubo_has_them_over_http() {
        assert_eq!(topic("udG9waWM").as_deref(), Ok("topic"));
        assert_eq!(encode("topic"), "udG9waWM");
        assert!(topic("topic").unwrap_err().message.starts_with("URL arg must be multibase encoded: "));
    }
}
