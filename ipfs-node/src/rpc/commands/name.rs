//! `name/*`: what keys point to.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use ipns::{Compatibility, Name, Record, RecordError, SignatureVersions};
use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::{
    names::{self, Depth, Draw, Kept, Network, Publication, SELF, Values},
    rpc::call::duration,
};

const TTL: Duration = Duration::from_secs(5 * 60);
/// What is read of a record that is put: more than any record has, so that `force` can put what is none.
const PUT_BYTES_MAX: usize = 1 << 20;
const RECORD_TYPE: &str = "application/vnd.ipfs.ipns-record";
/// A lookup without a limit of its own takes no longer, as with Kubo.
const LOOKUP: Duration = Duration::from_secs(60);

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "name/publish",
        args: &[Arg::One("ipfs-path")],
        options: &[
            ("key", "k", Kind::Text),
            ("resolve", "", Kind::Flag),
            ("lifetime", "t", Kind::Text),
            ("ttl", "", Kind::Text),
            ("quieter", "Q", Kind::Flag),
            ("v1compat", "", Kind::Flag),
            ("allow-offline", "", Kind::Flag),
            ("allow-delegated", "", Kind::Flag),
            ("sequence", "", Kind::Uint),
            ("ipns-base", "", Kind::Text),
        ],
        run: publish,
    },
    Command {
        path: "name/resolve",
        args: &[Arg::Maybe("name")],
        options: &[
            ("recursive", "r", Kind::Flag),
            ("nocache", "n", Kind::Flag),
            ("dht-record-count", "dhtrc", Kind::Uint),
            ("dht-timeout", "dhtt", Kind::Text),
            ("stream", "s", Kind::Flag),
        ],
        run: resolve,
    },
    Command {
        path: "name/inspect",
        args: &[Arg::File("record")],
        options: &[("verify", "", Kind::Text), ("dump", "", Kind::Flag)],
        run: inspect,
    },
    Command { path: "name/get", args: &[Arg::One("name")], options: &[], run: get },
    Command {
        path: "name/put",
        args: &[Arg::One("name"), Arg::File("record")],
        options: &[
            ("force", "f", Kind::Flag),
            ("allow-offline", "", Kind::Flag),
            ("allow-delegated", "", Kind::Flag),
            ("quiet", "q", Kind::Flag),
        ],
        run: put,
    },
    Command { path: "name/pubsub/state", args: &[], options: &[], run: pubsub_state },
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    value: String,
}

fn publish(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let publication = publication(node, call)?;
    check_delegated(call)?;
    let network = network(node, call, None);
    if node.peer().is_none() && !call.is_on("allow-offline") {
        return Err(Refusal::failed(
            "can't publish while offline: pass `--allow-offline` to override or `--allow-delegated` if \
             Ipns.DelegatedPublishers are set up",
        ));
    }
    let key = node.names.find_key(call.text("key").unwrap_or(SELF)).map_err(|error| Refusal::from_error(&error))?;
    let network = network.as_ref().map(|network| network as &dyn Values);
    let published = node.names.publish(&key, &publication, Draw::Everywhere, network);
    let name = match published {
        // It is kept, and goes out when there are peers.
        Err(names::PublishError::Network(fault)) if call.is_on("allow-offline") => {
            tracing::debug!(%fault, "a name was published here only");
            key.name()
        }
        published => published.map_err(|error| Refusal::from_error(&error))?,
    };
    reply.single(&Entry { name: name.to_string(), value: publication.value })
}

fn check_delegated(call: &Call) -> Result<(), Refusal> {
    match (call.is_on("allow-delegated"), call.is_on("allow-offline")) {
        (false, _) => Ok(()),
        (true, true) => Err(Refusal::failed("cannot use both --allow-offline and --allow-delegated flags")),
        (true, false) => Err(Refusal::failed(
            "no delegated publishers configured: add Ipns.DelegatedPublishers or use --allow-offline for local-only \
             publishing",
        )),
    }
}

fn publication(node: &Node, call: &Call) -> Result<Publication, Refusal> {
    let lifetime = match call.text("lifetime") {
        None => names::LIFETIME,
        Some(text) if is_negative(text) => {
            return Err(Refusal::failed(format!("lifetime must be greater than zero, got {text}")));
        }
        Some(text) => {
            duration(text).map_err(|error| Refusal::failed(format!("error parsing lifetime option: {error}")))?
        }
    };
    if lifetime.is_zero() {
        return Err(Refusal::failed(format!("lifetime must be greater than zero, got {}", go_text(lifetime))));
    }
    let ttl = match call.text("ttl") {
        None => TTL.min(lifetime),
        Some(text) if is_negative(text) => {
            return Err(Refusal::failed(format!("ttl must not be negative, got {text}")));
        }
        Some(text) => duration(text).map_err(|error| Refusal::failed(error.message))?,
    };
    if ttl > lifetime {
        let (ttl, lifetime) = (go_text(ttl), go_text(lifetime));
        return Err(Refusal::failed(format!("ttl ({ttl}) must not be greater than lifetime ({lifetime})")));
    }
    let compatibility =
        if call.flag("v1compat").unwrap_or(true) { Compatibility::V1AndV2 } else { Compatibility::V2Only };
    let value = names::content_path(call.arg(0))?;
    if call.flag("resolve").unwrap_or(true) {
        node.resolve(&value)?;
    }
    Ok(Publication { value, lifetime, ttl, compatibility, sequence: call.number("sequence")? })
}

fn is_negative(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| duration(rest).is_ok())
}

/// A time as Go writes it: `48h0m0s`, `1m30s`, `1.5s`.
fn go_text(time: Duration) -> String {
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let part = if nanos == 0 {
        format!("{}s", seconds % 60)
    } else {
        format!("{}.{nanos:09}", seconds % 60).trim_end_matches('0').to_owned() + "s"
    };
    match (hours, minutes) {
        (0, 0) => part,
        (0, _) => format!("{minutes}m{part}"),
        _ => format!("{hours}h{minutes}m{part}"),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resolved {
    path: String,
}

fn resolve(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let name = match call.args().first() {
        None => format!("/ipns/{}", node.names.own().name()),
        Some(name) => names::name_path(name)?,
    };
    let depth = if call.flag("recursive").unwrap_or(true) { Depth::WHOLE } else { Depth::ONE };
    let kept = if call.is_on("nocache") { Kept::PassedBy } else { Kept::Believed };
    let network = network(node, call, Some(lookup_limit(call)?));
    let network = network.as_ref().map(|network| network as &dyn Values);
    let path = node.names.resolve(&name, depth, kept, network).map_err(|error| Refusal::from_error(&error))?;
    let resolved = Resolved { path };
    if call.is_on("stream") { reply.row(&resolved) } else { reply.single(&resolved) }
}

fn lookup_limit(call: &Call) -> Result<Duration, Refusal> {
    let asked = call.text("dht-timeout").map(duration).transpose()?;
    Ok(asked.filter(|limit| !limit.is_zero()).unwrap_or(LOOKUP))
}

/// The network, asked for no longer than this; none when the caller wants what is here only.
pub(super) fn network<'a>(node: &'a Node, call: &Call, limit: Option<Duration>) -> Option<Network<'a>> {
    let is_offline = call.is_on("offline") || call.is_on("local");
    if is_offline { None } else { node.network(limit) }
}

fn pubsub_state(_: &Arc<Node>, _: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    reply.single(&PubsubState { enabled: false })
}

/// Records are not spread over pubsub here.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PubsubState {
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    entry: InspectedEntry,
    pb_size: usize,
    signature_type: &'static str,
    hex_dump: String,
    validation: Option<Validation>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedEntry {
    value: String,
    validity_type: Option<u64>,
    validity: Option<String>,
    sequence: Option<u64>,
    #[serde(rename = "TTL")]
    ttl: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Validation {
    valid: bool,
    reason: String,
    name: String,
}

fn inspect(_: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let bytes = super::file(upload, PUT_BYTES_MAX)?;
    let record = Record::decode(&bytes).map_err(|error| Refusal::from_error(&error))?;
    let validation = match call.text("verify") {
        None => None,
        Some(name) => {
            let name = Name::parse(name).map_err(|error| Refusal::from_error(&error))?;
            let refused = record.check(&name, names::now()).err();
            Some(Validation {
                valid: refused.is_none(),
                reason: refused.map(|error| error.to_string()).unwrap_or_default(),
                name: name.to_string(),
            })
        }
    };
    reply.single(&Inspected {
        entry: entry(&record),
        pb_size: bytes.len(),
        signature_type: match record.versions() {
            SignatureVersions::V1AndV2 => "V1+V2",
            SignatureVersions::V2 => "V2",
        },
        hex_dump: if call.flag("dump").unwrap_or(true) { hex_dump(&bytes) } else { String::new() },
        validation,
    })
}

/// As much as the record says.
fn entry(record: &Record) -> InspectedEntry {
    InspectedEntry {
        value: record.value().unwrap_or_default(),
        validity_type: record.validity_type().ok(),
        validity: record.expires().ok().map(|expires| expires.to_string()),
        sequence: record.sequence().ok(),
        ttl: record.ttl().ok().and_then(|ttl| u64::try_from(ttl.as_nanos()).ok()),
    }
}

/// Sixteen bytes a line, with their offset before and their letters behind, as `hexdump -C` has it.
fn hex_dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (line, bytes) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:08x} ", line * 16);
        for at in 0..16 {
            let gap = if at % 8 == 0 { " " } else { "" };
            let _ = match bytes.get(at) {
                Some(byte) => write!(text, "{gap}{byte:02x} "),
                None => write!(text, "{gap}   "),
            };
        }
        let letters = bytes.iter().map(|byte| if (32..=126).contains(byte) { char::from(*byte) } else { '.' });
        let _ = writeln!(text, " |{}|", letters.collect::<String>());
    }
    text
}

fn get(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let name = Name::parse(call.arg(0)).map_err(|error| Refusal::from_error(&error))?;
    let network = network(node, call, None);
    let record = node.names.record(&name, network.as_ref().map(|network| network as &dyn Values));
    let record = record.map_err(|fault| Refusal::from_error(&fault))?;
    let bytes = record.ok_or_else(|| Refusal::failed("routing: not found"))?.encode();
    reply.stream(RECORD_TYPE, Some(bytes.len() as u64));
    reply.bytes(bytes.into())
}

fn put(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    check_delegated(call)?;
    let name = Name::parse(call.arg(0)).map_err(|error| Refusal::failed(format!("invalid IPNS name: {error}")))?;
    let bytes = super::file(upload, PUT_BYTES_MAX)?;
    if bytes.is_empty() {
        return Err(Refusal::failed("record is empty"));
    }
    let network = network(node, call, None);
    if node.peer().is_none() && !call.is_on("allow-offline") {
        return Err(Refusal::failed(
            "can't put while offline: pass `--allow-offline` to store locally or `--allow-delegated` if \
             Ipns.DelegatedPublishers are set up",
        ));
    }
    let network = network.as_ref().map(|network| network as &dyn Values);
    let record = checked(node, call, &name, &bytes, network)?;
    match node.names.keep(&name, &record, network) {
        Err(fault) if !call.is_on("allow-offline") => return Err(Refusal::from_error(&fault)),
        _ => {}
    }
    reply.single(&Entry { name: name.to_string(), value: record.value().unwrap_or_default() })
}

/// The record, when it is valid and newer than the one that is there. `force` spares the second only: nobody would take
/// what is not valid.
fn checked(
    node: &Node,
    call: &Call,
    name: &Name,
    bytes: &[u8],
    network: Option<&dyn Values>,
) -> Result<Record, Refusal> {
    let record = Record::decode(bytes).map_err(|error| match error {
        RecordError::Large => Refusal::failed(format!(
            "record exceeds maximum size of {} bytes, use --force to skip size check",
            ipns::RECORD_BYTES_MAX
        )),
        error => Refusal::failed(format!("invalid IPNS record: {error}")),
    })?;
    record.check(name, names::now()).map_err(|error| Refusal::failed(format!("record validation failed: {error}")))?;
    let before = if call.is_on("force") { None } else { node.names.record(name, network).unwrap_or_default() };
    match (before.as_ref().map(Record::sequence), record.sequence()) {
        (Some(Ok(old)), Ok(new)) if old >= new && before.is_some_and(|before| before.encode() != bytes) => {
            Err(Refusal::failed(format!(
                "existing IPNS record has sequence {old} >= new record sequence {new}, use 'ipfs name put --force' to \
                 skip this check"
            )))
        }
        _ => Ok(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (time, text) in [
            (Duration::from_secs(48 * 3600), "48h0m0s"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_millis(1500), "1.5s"),
            (Duration::ZERO, "0s"),
        ] {
            assert_eq!(go_text(time), text);
        }
    }

    #[test]
    fn bytes_are_shown_as_go_shows_them() {
        let dump = hex_dump(b"0123456789abcdef\n");
        assert_eq!(
            dump,
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
             00000010  0a                                                |.|\n"
        );
    }
}
