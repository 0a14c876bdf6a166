//! A daemon for tests that works: it keeps blocks and pins in memory, and can be killed, emptied and asked what it has.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use ipfs_shim::kubo::Kubo;
use unixfs::{
    Cid,
    car::{CarReader, CarStep},
};

use super::{Asked, Fake, Step, no, ok};

/// What the daemon has on its disk, and how it is.
#[derive(Debug, Default)]
pub struct Repo {
    /// Blocks by their hash.
    pub blocks: HashMap<Vec<u8>, Bytes>,
    /// Pinned roots.
    pub pins: BTreeSet<Cid>,
    /// Every connection is cut while this is set.
    pub down: bool,
    /// Imports are refused while this is set.
    pub full: bool,
    /// How many imports there were.
    pub imports: usize,
}

/// A daemon and its disk.
pub struct Daemon {
    /// The fake that answers.
    pub fake: Fake,
    repo: Arc<Mutex<Repo>>,
}

impl Daemon {
    /// An empty one.
    pub async fn start() -> Self {
        let repo = Arc::new(Mutex::new(Repo::default()));
        let behind = repo.clone();
        let fake = Fake::answering(Arc::new(move |asked| behind.lock().unwrap().answer(asked))).await;
        Self { fake, repo }
    }

    /// A client of it.
    pub fn kubo(&self) -> Kubo {
        self.fake.kubo(20_000)
    }

    /// Looks at the disk, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Repo) -> T) -> T {
        look(&mut self.repo.lock().unwrap())
    }
}

impl Repo {
    /// Whether a root and all below it are there.
    pub fn is_whole(&self, root: &Cid) -> bool {
        let Some(block) = self.blocks.get(&root.hash().to_bytes()) else { return false };
        unixfs::links(root, block).unwrap().iter().all(|link| self.is_whole(link))
    }

    fn has(&self, cid: &Cid) -> bool {
        self.blocks.contains_key(&cid.hash().to_bytes())
    }

    fn answer(&mut self, asked: &Asked) -> Vec<Step> {
        if self.down {
            return vec![Step::Close];
        }
        let (call, query) = asked.call.split_once('?').unwrap_or((&asked.call, ""));
        let args = query.split('&').filter_map(|pair| pair.strip_prefix("arg="));
        let args: Vec<Cid> = args.map(|arg| arg.parse().unwrap()).collect();
        match (call, args.as_slice()) {
            ("diag/healthy", []) => ok("ok"),
            ("id", []) => ok("{\"ID\":\"12D3KooW\",\"AgentVersion\":\"fake/1\"}\n"),
            ("version", []) => ok("{\"Version\":\"0.43.0\"}\n"),
            ("swarm/peers", []) => ok("{\"Peers\":null}\n"),
            ("repo/stat", []) => ok(format!("{{\"RepoSize\":{},\"StorageMax\":9}}\n", self.blocks.len())),
            ("dag/import", []) => self.import(&asked.body),
            ("block/get", [cid]) if self.has(cid) => ok(&self.blocks[&cid.hash().to_bytes()]),
            ("block/stat", [cid]) if self.has(cid) => ok(format!("{{\"Key\":\"{cid}\",\"Size\":1}}\n")),
            ("block/get" | "block/stat", [cid]) => {
                no(&format!("block was not found locally (offline): could not find {cid}"))
            }
            ("pin/add", [root]) => self.pin(root),
            ("pin/update", [old, new]) if self.pins.contains(old) => self.pin(new),
            ("pin/update", _) => no("'from' cid was not recursively pinned already"),
            ("pin/rm", [root]) if self.pins.remove(root) => ok(format!("{{\"Pins\":[\"{root}\"]}}\n")),
            ("pin/rm", _) => no("not pinned or pinned indirectly"),
            ("pin/ls", [root]) if self.pins.contains(root) => {
                ok(format!("{{\"Cid\":\"{root}\",\"Type\":\"recursive\"}}\n"))
            }
            ("pin/ls", [root]) => no(&format!("path '{root}' is not pinned")),
            other => panic!("unexpected call {other:?}"),
        }
    }

    fn pin(&mut self, root: &Cid) -> Vec<Step> {
        if !self.is_whole(root) {
            return no("block was not found locally (offline): ipld: could not find something");
        }
        self.pins.insert(*root);
        ok(format!("{{\"Progress\":1}}\n{{\"Pins\":[\"{root}\"]}}\n"))
    }

    fn import(&mut self, body: &[u8]) -> Vec<Step> {
        if self.full {
            return no("no space left on device");
        }
        self.imports += 1;
        let mut reader = CarReader::new();
        reader.push(file_of(body));
        let mut count = 0;
        loop {
            match reader.step().unwrap() {
                CarStep::Header(header) => assert!(!header.roots.is_empty()),
                CarStep::Block(block) => {
                    count += 1;
                    self.blocks.insert(block.cid.hash().to_bytes(), block.bytes);
                }
                CarStep::More => break,
            }
        }
        reader.finish().unwrap();
        ok(format!("{{\"Stats\":{{\"BlockCount\":{count},\"BlockBytesCount\":0}}}}\n"))
    }
}

/// The one file of a multipart body.
fn file_of(body: &[u8]) -> &[u8] {
    let find = |what: &[u8]| body.windows(what.len()).position(|window| window == what);
    let begin = find(b"\r\n\r\n").unwrap() + 4;
    let end = body.windows(12).rposition(|window| window == b"\r\n--rookery-").unwrap();
    &body[begin..end]
}
