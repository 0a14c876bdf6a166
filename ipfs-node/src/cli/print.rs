//! Rows of answers as text, as Kubo's command line writes them.
//!
//! Asked by [`super::ask`], by way of the table in [`super::shown`]. Writes to the standard output.

use std::{
    fmt::Write as _,
    io::{self, StdoutLock, Write as _},
};

use cid::multibase;
use serde_json::Value;

use super::{CliError, line::Call, shown::Form, unpack::Unpacking};

/// What shows one answer.
pub(super) struct Printer<'a> {
    call: &'a Call,
    out: StdoutLock<'static>,
    /// What is told at the end, if only that is told.
    last: Option<String>,
    unpacking: Option<Unpacking>,
}

impl<'a> Printer<'a> {
    pub(super) fn of(call: &'a Call) -> Result<Self, CliError> {
        let unpacking = matches!(call.shown.form, Form::Files).then(|| Unpacking::of(call)).transpose()?;
        Ok(Self { call, out: io::stdout().lock(), last: None, unpacking })
    }

    /// Whether the answer is bytes, and not rows.
    pub(super) fn takes_bytes(&self) -> bool {
        matches!(self.call.shown.form, Form::Bytes | Form::Files)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        match &mut self.unpacking {
            Some(unpacking) => unpacking.bytes(bytes),
            None => self.out.write_all(bytes).map_err(unwritten),
        }
    }

    pub(super) fn row(&mut self, row: &Value) -> Result<(), CliError> {
        let text = match self.call.shown.form {
            Form::Bytes | Form::Files | Form::Nothing => return Ok(()),
            Form::Json => indented(row),
            Form::Field(name) => line(text(&row[name])),
            Form::List(name) => lines(list(&row[name]).map(text)),
            Form::With(write) => write(row, self.call),
            Form::Added => match added(row, self.call) {
                line if self.call.is_on("quieter") => {
                    self.last = Some(line).filter(|line| !line.is_empty()).or(self.last.take());
                    return Ok(());
                }
                line => line,
            },
        };
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(unwritten)
    }

    pub(super) fn end(mut self) -> Result<(), CliError> {
        if let Some(unpacking) = self.unpacking {
            return unpacking.end();
        }
        let last = self.last.take().unwrap_or_default();
        self.out.write_all(last.as_bytes()).and_then(|()| self.out.flush()).map_err(unwritten)
    }
}

fn unwritten(cause: io::Error) -> CliError {
    CliError::file(&"the standard output", cause)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn line(text: impl std::fmt::Display) -> String {
    format!("{text}\n")
}

fn lines(texts: impl Iterator<Item = impl std::fmt::Display>) -> String {
    texts.fold(String::new(), |mut all, text| {
        let _ = writeln!(all, "{text}");
        all
    })
}

/// As Go indents what a person reads.
fn indented(value: &Value) -> String {
    let mut out = Vec::new();
    let mut writer =
        serde_json::Serializer::with_formatter(&mut out, serde_json::ser::PrettyFormatter::with_indent(b"\t"));
    let written = serde::Serialize::serialize(value, &mut writer);
    written.expect("a value that was read as JSON is written as JSON");
    line(String::from_utf8_lossy(&out))
}

/// A number as it is, a text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn added(row: &Value, call: &Call) -> String {
    let (hash, name) = (text(&row["Hash"]), text(&row["Name"]));
    match hash {
        // How far it is: told to programs.
        "" => String::new(),
        _ if call.is_on("quiet") || call.is_on("quieter") => line(hash),
        _ => format!("added {hash} {}\n", if name.is_empty() { hash } else { name }),
    }
}

pub(super) fn ls(row: &Value, call: &Call) -> String {
    let mut all = String::new();
    for object in list(&row["Objects"]) {
        let several = call.args.len() > 1 && !call.is_on("stream");
        if several {
            let _ = writeln!(all, "{}:", text(&object["Hash"]));
        }
        all.push_str(&entries(object, call));
        if several {
            all.push('\n');
        }
    }
    all
}

fn entries(object: &Value, call: &Call) -> String {
    let is_folder = |entry: &Value| matches!(entry["Type"].as_u64(), Some(1 | 5));
    let row = |entry: &Value| {
        let size = if is_folder(entry) { "-".to_owned() } else { plain(&entry["Size"]) };
        let mark = if is_folder(entry) { "/" } else { "" };
        [text(&entry["Hash"]).to_owned(), size, format!("{}{mark}", text(&entry["Name"]))]
    };
    let heads = call.is_on("headers").then(|| ["Hash", "Size", "Name"].map(str::to_owned));
    let rows: Vec<_> = heads.into_iter().chain(list(&object["Links"]).map(row)).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].len() + 1).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    lines(rows.iter().map(|[hash, size, name]| format!("{hash:first$}{size:second$}{name}")))
}

pub(super) fn id(row: &Value, call: &Call) -> String {
    let Some(format) = call.option("format") else { return indented(row) };
    let joined = |name: &str| list(&row[name]).map(text).collect::<Vec<_>>().join("\n");
    let text =
        [("<id>", text(&row["ID"])), ("<aver>", text(&row["AgentVersion"])), ("<pubkey>", text(&row["PublicKey"]))]
            .iter()
            .fold(format.to_owned(), |all, (mark, value)| all.replace(mark, value));
    let text = text.replace("<addrs>", &joined("Addresses")).replace("<protocols>", &joined("Protocols"));
    text.replace("\\n", "\n").replace("\\t", "\t")
}

pub(super) fn version(row: &Value, call: &Call) -> String {
    let version = text(&row["Version"]);
    if call.is_on("all") {
        let (repo, system, golang) = (text(&row["Repo"]), text(&row["System"]), text(&row["Golang"]));
        let commit = text(&row["Commit"]);
        return format!(
            "Kubo version: {version}-{commit}\nRepo version: {repo}\nSystem version: {system}\nGolang version: {golang}\n"
        );
    }
    if call.is_on("number") { line(version) } else { format!("ipfs version {version}\n") }
}

pub(super) fn ping(row: &Value, _: &Call) -> String {
    match (text(&row["Text"]), row["Success"].as_bool()) {
        ("", Some(true)) => format!("Pong received: time={:.2} ms\n", row["Time"].as_f64().unwrap_or(0.0) / 1e6),
        ("", _) => "Pong failed\n".to_owned(),
        (text, _) => line(text),
    }
}

pub(super) fn block_stat(row: &Value, _: &Call) -> String {
    format!("Key: {}\nSize: {}\n", text(&row["Key"]), row["Size"])
}

pub(super) fn block_rm(row: &Value, _: &Call) -> String {
    match (text(&row["Hash"]), text(&row["Error"])) {
        (hash, "") => format!("removed {hash}\n"),
        (hash, error) => format!("cannot remove {hash}: {error}\n"),
    }
}

pub(super) fn cid(row: &Value, _: &Call) -> String {
    line(text(&row["Cid"]["/"]))
}

pub(super) fn dag_resolve(row: &Value, _: &Call) -> String {
    match (text(&row["Cid"]["/"]), text(&row["RemPath"])) {
        (cid, "") => line(cid),
        (cid, rest) => format!("{cid}{rest}\n"),
    }
}

pub(super) fn dag_import(row: &Value, _: &Call) -> String {
    let (root, stats) = (&row["Root"], &row["Stats"]);
    if !stats.is_null() {
        return format!("Imported {} blocks ({} bytes)\n", stats["BlockCount"], stats["BlockBytesCount"]);
    }
    match (text(&root["Cid"]["/"]), text(&root["PinErrorMsg"])) {
        (cid, "") => format!("Pinned root\t{cid}\tsuccess\n"),
        (cid, error) => format!("Pinned root\t{cid}\tFAILED: {error}\n"),
    }
}

pub(super) fn dag_stat(row: &Value, _: &Call) -> String {
    let dags: Vec<_> = list(&row["DagStats"]).collect();
    let width = dags.iter().map(|dag| text(&dag["Cid"]).len()).max().unwrap_or(0);
    let mut all = format!("\n{:width$}\t{:15}\tSize\n", "CID", "Blocks");
    for dag in dags {
        let _ = writeln!(all, "{:width$}\t{:<15}\t{}", text(&dag["Cid"]), plain(&dag["NumBlocks"]), dag["Size"]);
    }
    let bytes = |name: &str| row[name].as_u64().unwrap_or(0);
    let (total, shared) = (bytes("TotalSize"), bytes("SharedSize"));
    let _ = writeln!(all, "\nSummary\nTotal Size: {total} ({})", human(total));
    let _ = writeln!(all, "Unique Blocks: {}\nShared Size: {shared} ({})", bytes("UniqueBlocks"), human(shared));
    let _ = writeln!(all, "Ratio: {:.6}\n\n", row["Ratio"].as_f64().unwrap_or(1.0));
    all
}

/// `600 kB`, as Kubo rounds sizes.
fn human(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut unit, mut scale) = (0, 1_u64);
    while bytes / scale >= 1000 && unit + 1 < units.len() {
        (unit, scale) = (unit + 1, scale * 1000);
    }
    let tenths = (bytes / (scale / 10).max(1)) + u64::from(scale > 10 && bytes % (scale / 10) >= scale / 20);
    match (unit, tenths) {
        (0, _) => format!("{bytes} B"),
        (_, ..100) => format!("{}.{} {}", tenths / 10, tenths % 10, units[unit]),
        _ => format!("{} {}", (bytes + scale / 2) / scale, units[unit]),
    }
}

pub(super) fn refs(row: &Value, _: &Call) -> String {
    match text(&row["Err"]) {
        "" => line(text(&row["Ref"])),
        error => format!("Error: {error}\n"),
    }
}

pub(super) fn pin_add(row: &Value, call: &Call) -> String {
    let how = if call.option("recursive") == Some("false") { "directly" } else { "recursively" };
    lines(list(&row["Pins"]).map(|cid| format!("pinned {} {how}", text(cid))))
}

pub(super) fn pin_rm(row: &Value, _: &Call) -> String {
    lines(list(&row["Pins"]).map(|cid| format!("unpinned {}", text(cid))))
}

pub(super) fn pin_update(row: &Value, _: &Call) -> String {
    let mut pins = list(&row["Pins"]).map(text);
    format!("updated {} to {}\n", pins.next().unwrap_or_default(), pins.next().unwrap_or_default())
}

pub(super) fn pin_ls(row: &Value, call: &Call) -> String {
    let shown = |cid: &str, pin: &Value| match (call.is_on("quiet"), text(&pin["Name"])) {
        (true, _) => line(cid),
        (false, "") => format!("{cid} {}\n", text(&pin["Type"])),
        (false, name) => format!("{cid} {} {name}\n", text(&pin["Type"])),
    };
    match (row["Cid"].as_str(), row["Keys"].as_object()) {
        (Some(cid), _) => shown(cid, row),
        (None, Some(keys)) => keys.iter().map(|(cid, pin)| shown(cid, pin)).collect(),
        (None, None) => String::new(),
    }
}

pub(super) fn pin_verify(row: &Value, call: &Call) -> String {
    let cid = text(&row["Cid"]);
    match row["Ok"].as_bool() {
        _ if call.is_on("quiet") => line(cid),
        Some(true) => format!("{cid} ok\n"),
        _ => {
            let bad = list(&row["BadNodes"]).map(|node| format!("  {}: {}", text(&node["Cid"]), text(&node["Err"])));
            format!("{cid} broken\n{}", lines(bad))
        }
    }
}

/// `NumObjects: 8`, a line for each.
pub(super) fn fields(row: &Value, _: &Call) -> String {
    let order = ["NumObjects", "RepoSize", "StorageMax", "RepoPath", "Version"];
    let known = order.iter().filter(|name| !row[**name].is_null() && row[**name] != "");
    lines(known.map(|name| format!("{:12}{}", format!("{name}:"), plain(&row[*name]))))
}

pub(super) fn repo_gc(row: &Value, call: &Call) -> String {
    match (text(&row["Key"]["/"]), text(&row["Error"])) {
        (_, error) if !error.is_empty() => format!("Error: {error}\n"),
        (cid, _) if call.is_on("quiet") => line(cid),
        (cid, _) => format!("removed {cid}\n"),
    }
}

pub(super) fn repo_verify(row: &Value, _: &Call) -> String {
    match text(&row["Msg"]) {
        // How far it is.
        "" => String::new(),
        text => line(text),
    }
}

pub(super) fn repo_version(row: &Value, call: &Call) -> String {
    let version = text(&row["Version"]);
    if call.is_on("quiet") { format!("fs-repo@{version}\n") } else { format!("ipfs repo version fs-repo@{version}\n") }
}

pub(super) fn files_ls(row: &Value, call: &Call) -> String {
    let entry = |entry: &Value| match call.is_on("long") {
        true => format!("{}\t{}\t{}", text(&entry["Name"]), text(&entry["Hash"]), plain(&entry["Size"])),
        false => text(&entry["Name"]).to_owned(),
    };
    lines(list(&row["Entries"]).map(entry))
}

pub(super) fn files_stat(row: &Value, call: &Call) -> String {
    if call.is_on("hash") || call.is_on("size") {
        return line(if call.is_on("hash") { plain(&row["Hash"]) } else { plain(&row["CumulativeSize"]) });
    }
    let names = [("Size", "Size"), ("CumulativeSize", "CumulativeSize"), ("ChildBlocks", "Blocks"), ("Type", "Type")];
    let fields = names.iter().map(|(shown, name)| format!("{shown}: {}", plain(&row[*name])));
    let unset = "not set".to_owned();
    let mode = row["Mode"].as_str().map_or_else(|| format!("{unset} ({unset})"), str::to_owned);
    let changed = if row["Mtime"].is_null() { unset } else { plain(&row["Mtime"]) };
    format!("{}\n{}Mode: {mode}\nMtime: {changed}\n", text(&row["Hash"]), lines(fields))
}

pub(super) fn keys(row: &Value, call: &Call) -> String {
    let key = |key: &Value| match call.is_on("l") {
        true => format!("{} {}", text(&key["Id"]), text(&key["Name"])),
        false => text(&key["Name"]).to_owned(),
    };
    lines(list(&row["Keys"]).map(key))
}

pub(super) fn renamed(row: &Value, _: &Call) -> String {
    format!("Key {} renamed to {}\n", text(&row["Id"]), text(&row["Now"]))
}

pub(super) fn published(row: &Value, call: &Call) -> String {
    let (name, value) = (text(&row["Name"]), text(&row["Value"]));
    if call.is_on("quieter") { line(name) } else { format!("Published to {name}: {value}\n") }
}

/// What an event of a lookup says: a record, a peer, a provider.
fn responses(row: &Value, kind: u64) -> impl Iterator<Item = &Value> {
    list(&row["Responses"]).filter(move |_| row["Type"] == kind)
}

pub(super) fn providers(row: &Value, _: &Call) -> String {
    lines(responses(row, 4).map(|peer| text(&peer["ID"])))
}

pub(super) fn peer_addresses(row: &Value, _: &Call) -> String {
    lines(responses(row, 2).flat_map(|peer| list(&peer["Addrs"])).map(text))
}

pub(super) fn record(row: &Value, _: &Call) -> String {
    if row["Type"] == 5 { line(text(&row["Extra"])) } else { String::new() }
}

pub(super) fn peers(row: &Value, call: &Call) -> String {
    let peer = |peer: &Value| {
        let mut line = format!("{}/p2p/{}", text(&peer["Addr"]), text(&peer["Peer"]));
        if call.is_on("verbose") || call.is_on("latency") {
            let _ = write!(line, " {}", text(&peer["Latency"]));
        }
        let streams = list(&peer["Streams"]).filter(|_| call.is_on("verbose") || call.is_on("streams"));
        streams.for_each(|stream| _ = write!(line, "\n  {}", text(&stream["Protocol"])));
        line
    };
    lines(list(&row["Peers"]).map(peer))
}

pub(super) fn known_addresses(row: &Value, _: &Call) -> String {
    let peers = row["Addrs"].as_object().into_iter().flatten();
    peers.fold(String::new(), |mut all, (id, addresses)| {
        let _ = writeln!(all, "{id} ({})", list(addresses).count());
        list(addresses).for_each(|address| _ = writeln!(all, "\t{}", text(address)));
        all
    })
}

pub(super) fn peering(row: &Value, _: &Call) -> String {
    let peer = |peer: &Value| {
        format!("{}\n{}", text(&peer["ID"]), lines(list(&peer["Addrs"]).map(|at| format!("\t{}", text(at)))))
    };
    list(&row["Peers"]).map(peer).collect()
}

pub(super) fn peering_changed(row: &Value, _: &Call) -> String {
    format!("{} {}\n", text(&row["ID"]), text(&row["Status"]))
}

pub(super) fn message(row: &Value, _: &Call) -> String {
    decoded(text(&row["data"]))
}

pub(super) fn topics(row: &Value, _: &Call) -> String {
    lines(list(&row["Strings"]).map(|topic| decoded(text(topic))))
}

fn decoded(text: &str) -> String {
    multibase::decode(text).map_or_else(|_| text.to_owned(), |(_, bytes)| String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn setting(row: &Value, call: &Call) -> String {
    // What was set is told to nobody.
    if call.args.len() > 1 { String::new() } else { setting_text(&row["Value"]) }
}

/// A value of the configuration: a text as it is, anything else as JSON.
pub(super) fn setting_text(value: &Value) -> String {
    value.as_str().map_or_else(|| indented(value), line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::shown, *};

    fn call(path: &'static str, options: &[(&'static str, &str)]) -> Call {
        let options = options.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Call { path, args: Vec::new(), options, files: None, wants_args: false, shown: shown::of(path) }
    }

    #[test]
    fn folders_are_listed_as_kubo_lists_them() {
        let entry =
            |name: &str, size: u64, kind: u64| json!({ "Name": name, "Hash": "QmX", "Size": size, "Type": kind });
        let row = json!({ "Objects": [{ "Hash": "QmR", "Links": [entry("a", 2, 2), entry("d", 0, 1)] }] });
        assert_eq!(ls(&row, &call("ls", &[])), "QmX 2 a\nQmX - d/\n");
    }

    #[test]
    fn sizes_are_rounded_as_kubo_rounds_them() {
        let rounded = [0, 999, 1_000, 9_949, 600_387, 1_500_000, 16_777_216].map(human);
        assert_eq!(rounded, ["0 B", "999 B", "1.0 kB", "9.9 kB", "600 kB", "1.5 MB", "17 MB"]);
    }

    #[test]
    fn what_was_added_is_told_as_kubo_tells_it() {
        let row = json!({ "Name": "a", "Hash": "QmX", "Size": "10" });
        assert_eq!(added(&row, &call("add", &[])), "added QmX a\n");
        assert_eq!(added(&row, &call("add", &[("quiet", "true")])), "QmX\n");
        assert_eq!(added(&json!({ "Name": "a", "Bytes": 262144 }), &call("add", &[])), "");
    }

    #[test]
    fn pins_are_listed_from_a_stream_and_from_an_object() {
        let plain = call("pin/ls", &[]);
        assert_eq!(pin_ls(&json!({ "Cid": "QmX", "Type": "direct", "Name": "n" }), &plain), "QmX direct n\n");
        assert_eq!(
            pin_ls(&json!({ "Keys": { "QmX": { "Type": "recursive", "Name": "" } } }), &plain),
            "QmX recursive\n"
        );
    }

    #[test]
    fn only_the_events_that_answer_the_question_are_told() {
        let event =
            |kind: u64| json!({ "Type": kind, "Responses": [{ "ID": "12D3", "Addrs": ["/ip4/1.2.3.4/tcp/1"] }] });
        assert_eq!(providers(&event(4), &call("routing/findprovs", &[])), "12D3\n");
        assert_eq!(providers(&event(1), &call("routing/findprovs", &[])), "");
        assert_eq!(peer_addresses(&event(2), &call("routing/findpeer", &[])), "/ip4/1.2.3.4/tcp/1\n");
    }
}
