//! The gateway of the front and that of `ipfs-node`, beside the real Kubo's: the same requests, the same answers.
//!
//! What is meant to differ from Kubo is a [`Difference`], with its reason, beside the request that shows it. Throughout:
//! * Words of refusals: ours say what to do. Statuses are the same.
//! * `Content-Length` of an archive: Kubo tells it when the archive happens to fit into a buffer. Ours are streams.
//! * `Date`, `Server`, `Vary` and what lets scripts of other pages read: each server's own.
//!
//! `http-front` and `ipfs-node` answer the same to everything.

mod content;
mod requests;
mod topics;

use rookery_tests::{
    http::{Answer, Client},
    kubo::{Kubo, Profile},
    setup::Setup,
    tree::Tree,
};

/// The headers that the specification of gateways tells of.
const HEADERS: [&str; 11] = [
    "content-type",
    "content-disposition",
    "etag",
    "cache-control",
    "x-content-type-options",
    "x-ipfs-path",
    "x-ipfs-roots",
    "accept-ranges",
    "content-range",
    "content-location",
    "content-length",
];
/// A name that Kubo is configured to serve only what can be checked under, as our gateways always do.
const TRUSTLESS: (&str, &str) = ("X-Forwarded-Host", "trustless.example");

/// Three gateways over the same blocks.
struct Gateways {
    kubo: Client,
    node: Client,
    front: Client,
    kubo_rpc: Client,
    node_rpc: Client,
    asked: usize,
    // Ended in this order.
    _tree: Tree,
    program: Kubo,
}

/// A request.
#[derive(Debug, Clone)]
struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
}

/// Why Kubo is not followed, and with what statuses that shows.
#[derive(Debug, Clone, Copy)]
struct Difference {
    kubos: u16,
    ours: u16,
    because: &'static str,
}

impl Ask {
    fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new() }
    }

    fn head(path: impl Into<String>) -> Self {
        Self { method: "HEAD", ..Self::get(path) }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn send(&self, to: &mut Client, more: &[(&str, &str)]) -> Result<Answer, String> {
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = own.chain(more.iter().copied()).collect();
        to.try_ask(self.method, &self.path, &headers, b"")
    }
}

impl Gateways {
    /// All three, or none when Kubo is not there.
    fn or_skip(test: &str) -> Option<Self> {
        let mut program = Kubo::or_skip(test, Profile::AsItComes)?;
        let trustless = r#"{"trustless.example":{"Paths":["/ipfs"],"DeserializedResponses":false}}"#;
        program.run(&["config", "--json", "Gateway.PublicGateways", trustless]);
        let kubo_rpc = program.start();
        let tree = Setup::new().with("[ipfs-node]\ngateway_paths = false\n").start();
        let node = Client::new(tree.address("ipfs-node.0", "gateway"));
        let (front, node_rpc) = (tree.web(), tree.rpc());
        Some(Self { kubo: program.gateway(), node, front, kubo_rpc, node_rpc, asked: 0, _tree: tree, program })
    }

    /// Our two answers, which are the same.
    fn ours(&mut self, ask: &Ask) -> Result<Answer, String> {
        self.asked += 1;
        let (node, front) = (ask.send(&mut self.node, &[]), ask.send(&mut self.front, &[]));
        match (node, front) {
            (Ok(node), Ok(front)) => {
                assert_same(ask, &node, &front);
                Ok(front)
            }
            (Err(node), Err(_)) => Err(node),
            (node, front) => panic!("{ask:?}: {node:?} and {front:?}"),
        }
    }

    /// The same answer of all three. Returns it.
    fn same(&mut self, ask: &Ask) -> Answer {
        self.same_as_trustless(ask, &[])
    }

    /// The same answer, where Kubo is asked under the name under which it gives only what can be checked.
    fn same_as_trustless(&mut self, ask: &Ask, more: &[(&str, &str)]) -> Answer {
        let kubos = ask.send(&mut self.kubo, more).unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        let ours = self.ours(ask).unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        assert_same(ask, &ours, &kubos);
        ours
    }

    fn differs(&mut self, ask: &Ask, difference: Difference) -> Answer {
        let kubos = ask.send(&mut self.kubo, &[]).unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        let ours = self.ours(ask).unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        assert_eq!((kubos.status, ours.status), (difference.kubos, difference.ours), "{ask:?}: {}", difference.because);
        ours
    }

    /// An archive that cannot be finished: Kubo ends it with a line of text in it and then as if it were whole; ours breaks
    /// off, so that nobody takes it for whole.
    fn cut(&mut self, ask: &Ask) {
        let kubos = ask.send(&mut self.kubo, &[]).unwrap_or_else(|error| panic!("{ask:?}: {error}"));
        assert_eq!((kubos.status, kubos.text().contains("truncated")), (200, true), "{ask:?}");
        let ours = self.ours(ask);
        assert!(ours.as_ref().is_err_and(|error| error.starts_with("within the body")), "{ask:?}: {ours:?}");
    }
}

/// What is compared of an answer.
fn seen(answer: &Answer) -> (u16, Vec<(&'static str, &str)>) {
    let is_block = answer.header("content-type") == "application/vnd.ipld.raw";
    let is_compared = |name: &str| match (answer.status, name) {
        (416, name) => name == "content-range",
        (400.., _) => false,
        (304, name) => !matches!(name, "content-length" | "x-content-type-options"),
        (_, "content-length") => is_block,
        _ => true,
    };
    let headers = HEADERS.into_iter().filter(|name| is_compared(name));
    (answer.status, headers.map(|name| (name, answer.header(name))).collect())
}

/// Fails with the first difference.
fn assert_same(ask: &Ask, ours: &Answer, theirs: &Answer) {
    assert_eq!(
        seen(ours),
        seen(theirs),
        "{ask:?}: {:?}",
        String::from_utf8_lossy(&ours.body[..ours.body.len().min(300)])
    );
    if ours.status < 400 {
        let differs = ours.body.iter().zip(&theirs.body).position(|(ours, theirs)| ours != theirs);
        let lengths = (ours.body.len(), theirs.body.len());
        assert!(differs.is_none() && lengths.0 == lengths.1, "{ask:?}: byte {differs:?} of {lengths:?}");
    }
}
