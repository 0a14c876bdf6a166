//! How the answer of each command is shown, in a table: a line of help, and what becomes of a row.
//!
//! Asked by [`super::line`] and [`super::print`]. A command that is not here is shown as the JSON that it answers.

use cid::multibase::{self, Base};
use serde_json::Value;

use super::{line::Call, print};
use crate::rpc::call::{Kind, Opt};

/// One row of the table.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) path: &'static str,
    /// What the command does.
    pub(super) about: &'static str,
    pub(super) form: Form,
    /// What only the command line knows.
    pub(super) options: &'static [Opt],
    /// Arguments are topics, which the RPC takes in multibase.
    is_about_topics: bool,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Its bytes, as they are.
    Bytes,
    /// Indented.
    Json,
    /// A text of each row, on a line of its own.
    Field(&'static str),
    /// All texts of a list of each row.
    List(&'static str),
    /// As this says; nothing for an empty text.
    With(fn(&Value, &Call) -> String),
    /// As that, of the last row alone if `--quieter`.
    Added,
    /// An archive that is unpacked.
    Files,
    Nothing,
}

const fn row(path: &'static str, about: &'static str, form: Form) -> Shown {
    Shown { path, about, form, options: &[], is_about_topics: false }
}

impl Shown {
    const fn with(self, options: &'static [Opt]) -> Self {
        Self { options, ..self }
    }

    const fn of_topics(self) -> Self {
        Self { is_about_topics: true, ..self }
    }

    /// An argument as the RPC takes it.
    pub(super) fn said(&self, arg: &str) -> String {
        if self.is_about_topics { multibase::encode(Base::Base64Url, arg) } else { arg.to_owned() }
    }
}

/// How a command is shown.
pub(super) fn of(path: &str) -> &'static Shown {
    static PLAIN: Shown = row("", "As Kubo's command of that name", Form::Json);
    TABLE.iter().find(|row| row.path == path).unwrap_or(&PLAIN)
}

static TABLE: &[Shown] = &[
    row("add", "Add files and folders", Form::Added),
    row("cat", "Write files to the standard output", Form::Bytes),
    row("get", "Write files and folders to this machine", Form::Files).with(&[("output", "o", Kind::Text)]),
    row("ls", "List folders", Form::With(print::ls)),
    row("id", "Say who a peer is", Form::With(print::id)).with(&[("format", "f", Kind::Text)]),
    row("version", "Say which version this is", Form::With(print::version)).with(&[("number", "n", Kind::Flag)]),
    row("ping", "Measure the way to a peer", Form::With(print::ping)),
    row("shutdown", "End the daemon", Form::Nothing),
    row("block/get", "Write a block to the standard output", Form::Bytes),
    row("block/put", "Keep files as blocks", Form::Field("Key")),
    row("block/stat", "Say how large a block is", Form::With(print::block_stat)),
    row("block/rm", "Delete blocks", Form::With(print::block_rm)),
    row("dag/export", "Write a DAG to the standard output as an archive", Form::Bytes),
    row("dag/import", "Read archives", Form::With(print::dag_import)),
    row("dag/get", "Write a node to the standard output", Form::Bytes),
    row("dag/put", "Keep nodes", Form::With(print::cid)),
    row("dag/resolve", "Say where a path ends", Form::With(print::dag_resolve)),
    row("dag/stat", "Say how large DAGs are", Form::With(print::dag_stat)),
    row("resolve", "Say what a path or a name stands for", Form::Field("Path")),
    row("refs", "List what blocks link", Form::With(print::refs)),
    row("refs/local", "List all blocks that are here", Form::With(print::refs)),
    row("pin/add", "Keep DAGs", Form::With(print::pin_add)),
    row("pin/rm", "Give pins up", Form::With(print::pin_rm)),
    row("pin/ls", "List what is kept", Form::With(print::pin_ls)),
    row("pin/update", "Move a pin", Form::With(print::pin_update)),
    row("pin/verify", "Check that all that is pinned is here", Form::With(print::pin_verify)),
    row("repo/stat", "Say how much is kept", Form::With(print::fields)),
    row("repo/gc", "Delete what is not kept", Form::With(print::repo_gc)),
    row("repo/ls", "List all blocks that are here", Form::With(print::refs)),
    row("repo/verify", "Check every block", Form::With(print::repo_verify)),
    row("repo/version", "Say which version the repository has", Form::With(print::repo_version)),
    row("files/ls", "List the writable folder", Form::With(print::files_ls)),
    row("files/read", "Write a file of the writable folder to the standard output", Form::Bytes),
    row("files/stat", "Describe an entry of the writable folder", Form::With(print::files_stat)),
    row("files/flush", "Say what the writable folder is now", Form::Field("Cid")),
    row("files/write", "Write to the writable folder", Form::Nothing),
    row("files/cp", "Copy into the writable folder", Form::Nothing),
    row("files/mkdir", "Make a folder", Form::Nothing),
    row("files/mv", "Move an entry", Form::Nothing),
    row("files/rm", "Remove entries", Form::Nothing),
    row("key/gen", "Make a key", Form::Field("Id")),
    row("key/import", "Read a key", Form::Field("Id")),
    row("key/export", "Write a key to the standard output", Form::Bytes),
    row("key/list", "List keys", Form::With(print::keys)).with(&[("l", "", Kind::Flag)]),
    row("key/ls", "List keys", Form::With(print::keys)).with(&[("l", "", Kind::Flag)]),
    row("key/rm", "Remove keys", Form::With(print::keys)).with(&[("l", "", Kind::Flag)]),
    row("key/rename", "Rename a key", Form::With(print::renamed)),
    row("name/publish", "Let a name stand for a path", Form::With(print::published)).with(&[(
        "quieter",
        "Q",
        Kind::Flag,
    )]),
    row("name/resolve", "Say what a name stands for", Form::Field("Path")),
    row("name/get", "Write the record of a name to the standard output", Form::Bytes),
    row("routing/findprovs", "List who has a block", Form::With(print::providers)),
    row("routing/findpeer", "List where a peer is", Form::With(print::peer_addresses)),
    row("routing/provide", "Say to others what is here", Form::Nothing),
    row("routing/get", "Read a record", Form::With(print::record)),
    row("swarm/peers", "List connected peers", Form::With(print::peers)),
    row("swarm/connect", "Connect to peers", Form::List("Strings")),
    row("swarm/disconnect", "Disconnect from peers", Form::List("Strings")),
    row("swarm/addrs", "List known addresses of peers", Form::With(print::known_addresses)),
    row("swarm/addrs/local", "List addresses of this node", Form::List("Strings")),
    row("swarm/addrs/listen", "List addresses where this node listens", Form::List("Strings")),
    row("swarm/filters", "List refused networks", Form::List("Strings")),
    row("swarm/filters/add", "Refuse networks", Form::List("Strings")),
    row("swarm/filters/rm", "Refuse networks no more", Form::List("Strings")),
    row("swarm/peering/ls", "List peers to which connections are kept", Form::With(print::peering)),
    row("swarm/peering/add", "Keep connections to peers", Form::With(print::peering_changed)),
    row("swarm/peering/rm", "Keep connections no more", Form::With(print::peering_changed)),
    row("bootstrap", "List peers through which the network is entered", Form::List("Peers")),
    row("bootstrap/list", "List peers through which the network is entered", Form::List("Peers")),
    row("pubsub/pub", "Publish to a topic", Form::Nothing).of_topics(),
    row("pubsub/sub", "Read a topic", Form::With(print::message)).of_topics(),
    row("pubsub/peers", "List peers of topics", Form::List("Strings")).of_topics(),
    row("pubsub/ls", "List topics that are read", Form::With(print::topics)),
    row("config", "Read or set a key of the configuration", Form::With(print::setting)),
    row("config/show", "Show the configuration", Form::Json),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_said_in_multibase() {
        assert_eq!(of("pubsub/pub").said("rookery"), "ucm9va2VyeQ");
        assert_eq!(of("cat").said("rookery"), "rookery");
    }
}
