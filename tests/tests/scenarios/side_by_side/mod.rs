//! `ipfs-node` beside the real Kubo: the same calls, the same answers.
//!
//! What is meant to differ, and why:
//! * `id`, `version`: who answers. The members and their types are the same.
//! * `Server`: its own name. `Date`: the clock.
//! * Words of errors that come from the inside of Go's libraries: ours say what to do. Statuses are the same.
//! * `add`: `inline`, `trickle`, `nocopy` and other hashes than `sha2-256` are refused, not ignored.
//! * `dag/import`: an empty file is refused; Kubo takes it for an archive of nothing.
//! * `repo/stat`: sizes, counts and the path are each repository's own.
//! * `pin/ls`, `repo/gc`: Kubo pins the empty folder and keeps a help text that it adds at `init`; we have neither.
//! * `get`: times of files are the time of the answer.
//! * Trailers: Kubo sends them to everyone, we to clients that say `TE: trailers` (hyper's rule, and RFC 9110's); any other
//!   client's connection is cut when an answer fails in its middle, so that half of it never looks whole. A short answer
//!   that is complete in memory has a length and announces no trailer.
//! * MFS: a file that `files/write` makes is cut by `add`'s rules, as by Kubo with `cid-version=1`; Kubo's own default
//!   keeps a form of 2015 that nothing else writes (a trickle DAG of `raw` nodes).

mod adding;
mod archives;
mod blocks;
mod files;
mod pins;
mod reading;
mod values;
mod wire;

use std::time::Duration;

use rookery_tests::{
    begun::Begun,
    http::{Answer, Client},
    kubo::{Kubo, Profile},
    multipart,
    programs::free_port,
    setup::Setup,
    tree::Tree,
    wait,
};
use serde_json::Value;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// `ipfs-node`, started by hand, and Kubo.
struct Pair {
    ours: Client,
    kubos: Client,
    // Ended in this order.
    _node: Begun,
    _tree: Tree,
    _kubo: Kubo,
}

impl Pair {
    /// Both, or none when Kubo is not there.
    fn or_skip(test: &str, profile: Profile) -> Option<Self> {
        let mut kubo = Kubo::or_skip(test, profile)?;
        let (rpc, gateway) = (free_port(), free_port());
        let addresses = format!("rpc_listen = \"127.0.0.1:{rpc}\"\ngateway_listen = \"127.0.0.1:{gateway}\"\n");
        let tree = Setup::new().with(&format!("[ipfs-node]\n{addresses}")).lay_out();
        let node = tree.begin("ipfs-node", &[]);
        let mut ours = Client::new(([127, 0, 0, 1], rpc).into());
        let ready = wait::within(START_DEADLINE, || ours.try_ask("POST", "/api/v0/version", &[], b"").ok());
        assert!(ready.is_some(), "ipfs-node does not answer: {}", node.err());
        Some(Self { ours, kubos: kubo.start(), _node: node, _tree: tree, _kubo: kubo })
    }

    /// The same call of both.
    fn both(&mut self, call: &Call) -> (Answer, Answer) {
        (call.ask(&mut self.ours), call.ask(&mut self.kubos))
    }

    /// The same call of both; their answers are the same. Returns it.
    fn same(&mut self, call: &Call) -> Answer {
        let (ours, kubos) = self.both(call);
        let (left, right) = (call.seen(&ours), call.seen(&kubos));
        assert_eq!(left.status, right.status, "{}: {:?}, {:?}", call.path, ours.text(), kubos.text());
        assert_eq!(left.headers, right.headers, "{}: {:?}", call.path, kubos.text());
        left.body.assert_same(&right.body, &call.path);
        kubos
    }

    /// The same path of both, without a body.
    fn same_path(&mut self, path: &str) -> Answer {
        self.same(&Call::new(path))
    }
}

/// A call, and what of its answer is not compared.
#[derive(Debug, Clone)]
struct Call {
    path: String,
    method: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    masked: &'static [&'static str],
    sorted: bool,
    words_differ: bool,
}

/// What is compared of an answer.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Json(Vec<Value>),
    Bytes(Vec<u8>),
}

impl Body {
    /// Fails with the first difference, not with all of two long bodies.
    fn assert_same(&self, other: &Self, to: &str) {
        match (self, other) {
            (Self::Json(ours), Self::Json(kubos)) => {
                for (n, (ours, kubos)) in ours.iter().zip(kubos).enumerate() {
                    assert_eq!(ours, kubos, "line {n} of {to}");
                }
                assert_eq!(ours.len(), kubos.len(), "lines of {to}: {ours:?}, {kubos:?}");
            }
            (Self::Bytes(ours), Self::Bytes(kubos)) => {
                let differs = ours.iter().zip(kubos).position(|(ours, kubos)| ours != kubos);
                let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
                let same = differs.is_none() && ours.len() == kubos.len();
                assert!(
                    same,
                    "{to}: byte {differs:?} of {}, {}: {:?}, {:?}",
                    ours.len(),
                    kubos.len(),
                    text(ours),
                    text(kubos)
                );
            }
            _ => panic!("{to}: {self:?}, {other:?}"),
        }
    }
}

/// Headers and trailers that a client looks at.
const COMPARED: [&str; 7] = [
    "content-type",
    "x-chunked-output",
    "x-stream-output",
    "x-content-length",
    "x-stream-error",
    "allow",
    "access-control-allow-origin",
];

impl Call {
    /// `cat?arg=…`
    fn new(path: &str) -> Self {
        let path = path.to_owned();
        let headers = vec![("TE".to_owned(), "trailers".to_owned())];
        Self { path, method: "POST", headers, body: Vec::new(), masked: &[], sorted: false, words_differ: false }
    }

    fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With files.
    fn form(mut self, form: Vec<u8>) -> Self {
        self.body = form;
        self.header("Content-Type", &multipart::content_type())
    }

    /// With one file.
    fn file(self, bytes: &[u8]) -> Self {
        self.form(multipart::Form::of(bytes))
    }

    /// Of these members only the type is compared.
    fn masking(mut self, members: &'static [&'static str]) -> Self {
        self.masked = members;
        self
    }

    /// That it fails is compared, and with which status, but not in which words.
    fn in_other_words(mut self) -> Self {
        self.words_differ = true;
        self.masking(&["Message"])
    }

    /// The order of the lines is not compared.
    fn in_any_order(mut self) -> Self {
        self.sorted = true;
        self
    }

    fn ask(&self, client: &mut Client) -> Answer {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        client.ask(self.method, &format!("/api/v0/{}", self.path), &headers, &self.body)
    }

    fn seen(&self, answer: &Answer) -> Seen {
        let value = |name: &str| match (name, answer.header(name)) {
            ("x-stream-error", words) if self.words_differ && !words.is_empty() => "some words".to_owned(),
            (_, value) => value.to_owned(),
        };
        let headers = COMPARED.map(|name| (name, value(name))).into();
        let body = match answer.header("content-type") {
            "application/json" => Body::Json(self.values(answer)),
            _ => Body::Bytes(answer.body.to_vec()),
        };
        Seen { status: answer.status, headers, body }
    }

    fn values(&self, answer: &Answer) -> Vec<Value> {
        let mut values = answer.json_lines();
        values.iter_mut().for_each(|value| mask(value, self.masked));
        if self.sorted {
            values.sort_by_cached_key(Value::to_string);
        }
        values
    }
}

/// Replaces members by the name of their type.
fn mask(value: &mut Value, members: &[&str]) {
    let Some(object) = value.as_object_mut() else { return };
    for (name, member) in object {
        if members.contains(&name.as_str()) {
            *member = Value::from(kind(member));
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        // Go writes an empty list as null.
        Value::Null | Value::Array(_) => "a list",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Object(_) => "an object",
    }
}

/// The hash of the last thing that an `add` told.
fn added(answer: &Answer) -> String {
    let last = answer.json_lines().pop().expect("something was added");
    last["Hash"].as_str().expect("a hash").to_owned()
}

/// Bytes without a pattern that a chunker or a compressor could find, the same each time.
fn noise(bytes: usize) -> Vec<u8> {
    use rand::{RngCore as _, SeedableRng as _};
    let mut noise = vec![0; bytes];
    rand::rngs::StdRng::seed_from_u64(bytes as u64).fill_bytes(&mut noise);
    noise
}

/// A folder with files, a folder within, an empty one, and a name that has to be escaped.
fn folder() -> Vec<u8> {
    multipart::Form::new()
        .folder("dir")
        .file("dir/a.txt", b"a\n")
        .folder("dir/empty")
        .folder("dir/sub")
        .file("dir/sub/b.txt", &noise(300_000))
        .file("dir/sub/zoë & co.txt", b"")
        .end()
}

/// A folder that is too large for one block.
fn large_folder() -> Vec<u8> {
    let form = multipart::Form::new().folder("large");
    let files = (0..4_500)
        .fold(form, |form, n| form.file(&format!("large/a file with number {n:06}"), format!("{n}").as_bytes()));
    files.end()
}

/// A CID that nobody has.
const NOWHERE: &str = "bafkreiepinbumzepnoln7co5vea4kf3lcctnqolb3u6bvsellgznymt2uq";
/// The empty folder of 2015.
const EMPTY_FOLDER: &str = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";
