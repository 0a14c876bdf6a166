//! The path gateway of `ipfs-node` beside the real Kubo's: the same requests, the same answers.
//!
//! What is meant to differ is said where it shows, with its reason. Throughout:
//! * Words and pages of refusals, and of redirects: ours say what to do. Statuses and `Location` are the same.
//! * Pages that list folders and show values are ours, and so is the part of their tag that tells one version of the page from
//!   another. That every entry is there is tested in the crate `gateway`.
//! * `Date`, `Server`, `Vary` and what lets scripts of other pages read: each server's own.
//! * `Last-Modified` of names: Kubo tells the time of the answer, which is no time of anything. Ours is the file's own or none.

mod content;
mod files;
mod formats;
mod hosts;

use std::time::Duration;

use rookery_tests::{
    begun::Begun,
    http::{Answer, Client},
    kubo::{Kubo, Profile},
    programs::free_port,
    setup::Setup,
    tree::Tree,
    wait,
};

use content::Content;

const START_DEADLINE: Duration = Duration::from_secs(60);
/// What of an answer is compared.
const HEADERS: [&str; 14] = [
    "content-type",
    "content-disposition",
    "content-length",
    "content-location",
    "content-range",
    "accept-ranges",
    "cache-control",
    "etag",
    "last-modified",
    "location",
    "x-content-type-options",
    "x-ipfs-path",
    "x-ipfs-roots",
    "retry-after",
];

/// Two gateways over the same blocks.
struct Pair {
    ours: Client,
    kubos: Client,
    asked: usize,
    /// What was not the same.
    differ: Vec<String>,
    // Ended in this order.
    _node: Begun,
    _tree: Tree,
    _kubo: Kubo,
}

/// A request, and what of its answer is not compared.
#[derive(Debug, Clone)]
struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    skipped: Vec<&'static str>,
}

fn get(path: impl Into<String>) -> Ask {
    Ask { method: "GET", path: path.into(), headers: Vec::new(), skipped: Vec::new() }
}

impl Ask {
    fn head(self) -> Self {
        Self { method: "HEAD", ..self }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn at(self, host: impl Into<String>) -> Self {
        self.with("Host", host)
    }

    /// This is not the same, for a reason.
    fn but(mut self, name: &'static str, _because: &str) -> Self {
        self.skipped.push(name);
        self
    }

    fn send(&self, to: &mut Client) -> Answer {
        self.send_or_cut(to).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// The answer, unless it is cut off.
    fn send_or_cut(&self, to: &mut Client) -> Result<Answer, String> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        to.try_ask(self.method, &self.path, &headers, b"")
    }
}

impl Pair {
    /// Both with the same content, or none when Kubo is not there.
    fn or_skip(test: &str) -> Option<(Self, Content)> {
        let mut kubo = Kubo::or_skip(test, Profile::AsItComes)?;
        let content = Content::make(&kubo);
        let map = content.map();
        kubo.env("IPFS_NS_MAP", &map);
        let mut kubo_rpc = kubo.start();
        let (rpc, gateway) = (free_port(), free_port());
        let settings = format!(
            "[ipfs-node]\nrpc_listen = \"127.0.0.1:{rpc}\"\ngateway_listen = \"127.0.0.1:{gateway}\"\nswarm_listen = []\n"
        );
        let tree = Setup::new().with(&settings).env("IPFS_NS_MAP", &map).lay_out();
        let node = tree.begin("ipfs-node", &[]);
        let mut node_rpc = Client::new(([127, 0, 0, 1], rpc).into());
        let ready = wait::within(START_DEADLINE, || node_rpc.try_ask("POST", "/api/v0/version", &[], b"").ok());
        assert!(ready.is_some(), "ipfs-node does not answer: {}", node.err());
        content.bring(&mut kubo_rpc, &mut node_rpc);
        let ours = Client::new(([127, 0, 0, 1], gateway).into());
        let pair =
            Self { ours, kubos: kubo.gateway(), asked: 0, differ: Vec::new(), _node: node, _tree: tree, _kubo: kubo };
        Some((pair, content))
    }

    /// The same answer of both. Returns ours.
    fn same(&mut self, ask: &Ask) -> Answer {
        self.asked += 1;
        let (ours, kubos) = match (ask.send_or_cut(&mut self.ours), ask.send_or_cut(&mut self.kubos)) {
            (Ok(ours), Ok(kubos)) => (ours, kubos),
            (ours, kubos) => {
                let cut = (ours.as_ref().err(), kubos.as_ref().err());
                self.differ.push(format!("{} {} {:?}: cut off: {cut:?}", ask.method, ask.path, ask.headers));
                return ours.or(kubos).unwrap_or_else(|error| panic!("{ask:?}: {error}"));
            }
        };
        let (left, right) = (seen(ask, &ours), seen(ask, &kubos));
        // Of answers that are not of one kind the rest says nothing.
        let compared = if ours.status == kubos.status { left.len() } else { 1 };
        for (name, ours) in left.iter().take(compared) {
            let kubos = right.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            if Some(ours) != kubos {
                self.differ
                    .push(format!("{} {} {:?}: {name}: {ours:?}, Kubo {kubos:?}", ask.method, ask.path, ask.headers));
            }
        }
        ours
    }

    /// The same answer of both, with this status.
    fn is(&mut self, status: u16, ask: &Ask) -> Answer {
        let ours = self.same(ask);
        if ours.status != status {
            self.differ.push(format!("{} {} {:?}: {}, not {status}", ask.method, ask.path, ask.headers, ours.status));
        }
        ours
    }

    /// Other statuses, for a reason.
    fn differs(&mut self, ask: &Ask, (kubos, ours): (u16, u16), because: &str) -> Answer {
        self.asked += 1;
        let (our, kubo) = (ask.send(&mut self.ours), ask.send(&mut self.kubos));
        if (kubo.status, our.status) != (kubos, ours) {
            let statuses = (our.status, kubo.status);
            self.differ.push(format!("{} {} {:?}: {statuses:?} ({because})", ask.method, ask.path, ask.headers));
        }
        our
    }

    /// Fails with all that was not the same.
    fn settle(self, least: usize) {
        assert!(self.differ.is_empty(), "{} of {}:\n{}", self.differ.len(), self.asked, self.differ.join("\n"));
        assert!(self.asked >= least, "{} requests", self.asked);
    }
}

/// What is compared of an answer.
fn seen(ask: &Ask, answer: &Answer) -> Vec<(&'static str, String)> {
    let is_page = answer.header("etag").contains("Index-");
    let is_compared = |name: &&str| match (answer.status, *name) {
        (_, name) if ask.skipped.contains(&name) => false,
        (300..=303 | 305..=399, name) => name == "location",
        (416, name) => name == "content-range",
        (400.., _) => !answer.header("etag").is_empty() && *name != "content-length",
        (304, name) => !matches!(
            name,
            "content-type"
                | "content-length"
                | "x-content-type-options"
                | "content-disposition"
                | "x-ipfs-roots"
                | "accept-ranges"
        ),
        (_, "content-length") => !is_page,
        _ => true,
    };
    let mut seen = vec![("status", answer.status.to_string())];
    for name in HEADERS.into_iter().filter(is_compared) {
        let value = answer.header(name);
        seen.push((name, if name == "etag" { tag_without_page(value) } else { value.to_owned() }));
    }
    let has_body = answer.status < 300 && !is_page && !ask.skipped.contains(&"body");
    if has_body {
        seen.push(("body", format!("{} bytes, {}", answer.body.len(), String::from_utf8_lossy(&answer.body))));
    }
    seen
}

/// `"DirIndex-<page>_CID-<cid>"` without what tells one version of the page from another.
fn tag_without_page(tag: &str) -> String {
    match (tag.split_once('-'), tag.split_once("_CID-")) {
        (Some((kind, _)), Some((_, cid))) => format!("{kind}-_CID-{cid}"),
        _ => tag.to_owned(),
    }
}

#[test]
fn two_path_gateways_give_the_same_answers() {
    let Some((mut pair, content)) = Pair::or_skip("two path gateways give the same answers") else { return };
    files::files(&mut pair, &content);
    files::ranges(&mut pair, &content);
    files::conditions(&mut pair, &content);
    files::folders(&mut pair, &content);
    files::refusals(&mut pair, &content);
    formats::values(&mut pair, &content);
    formats::wishes(&mut pair, &content);
    formats::archives(&mut pair, &content);
    hosts::names(&mut pair, &content);
    hosts::subdomains(&mut pair, &content);
    hosts::rules(&mut pair, &content);
    pair.settle(300);
}
