//! The same life with every real daemon that has been built: Kubo and `ipfs-node`.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod work;

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use ipfs_shim::{
    kubo::{BlockCodec, Kubo, Waits},
    metrics::Metrics,
};
use proto::Cid;
use tempfile::TempDir;
use unixfs::{Block, cid_dag_pb, cid_raw};
use work::{Store, Work, eventually};

/// A daemon in a process of its own, killed when it is dropped.
struct Process {
    folder: TempDir,
    api_file: PathBuf,
    command: Vec<String>,
    child: Child,
}

impl Process {
    fn start(folder: TempDir, api_file: &str, command: Vec<String>) -> Self {
        let child = spawn(folder.path(), &command);
        Self { api_file: folder.path().join(api_file), folder, command, child }
    }

    fn kubo(&self) -> Kubo {
        Kubo::new(self.api_file.clone(), Waits::of(Duration::from_secs(20)), Metrics::default())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), &self.command);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, command: &[String]) -> Child {
    let log = || File::options().create(true).append(true).open(folder.join("daemon.log")).unwrap();
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).env("IPFS_PATH", folder.join("kubo")).env_remove("IPFS_PROFILE");
    process.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().unwrap()
}

/// A program that was built, or the news that it was not.
fn built(name: &str, test: &str) -> Option<PathBuf> {
    let beside = env::current_exe().unwrap();
    let profile = beside.ancestors().nth(2).unwrap();
    let found = [profile.join(name), profile.parent().unwrap().join(name)].into_iter().find(|path| path.is_file());
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "{test}: {name} has not been built");
        skipped(&format!("skipped: {test}: {name} has not been built\n"));
    }
    found
}

/// Where a person sees it, and where `make test` counts it.
fn skipped(line: &str) {
    let _ = std::io::stderr().write_all(line.as_bytes());
    let Some(list) = env::var_os("ROOKERY_SKIPPED") else { return };
    let list = File::options().create(true).append(true).open(list);
    let _ = list.and_then(|mut list| list.write_all(line.as_bytes()));
}

fn kubo_process(test: &str) -> Option<Process> {
    let program = built("peers/ipfs", test)?.to_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let mut init = spawn(folder.path(), &[program.clone(), "init".to_owned(), "--profile=test".to_owned()]);
    assert!(init.wait().unwrap().success());
    Some(Process::start(folder, "kubo/api", vec![program, "daemon".to_owned(), "--offline".to_owned()]))
}

fn node_process(test: &str) -> Option<Process> {
    let program = built("ipfs-node", test)?.to_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let common = format!("[common]\ndata_dir = {data:?}\nruntime_dir = {:?}\n", folder.path().join("run"));
    let node = "[ipfs-node]\nrpc_listen = \"127.0.0.1:0\"\ngateway_listen = \"127.0.0.1:0\"\nswarm_listen = []\n";
    let config = folder.path().join("rookery.toml");
    fs::write(&config, common + node).unwrap();
    let config = config.to_str().unwrap().to_owned();
    Some(Process::start(folder, "data/ipfs/api", vec![program, "--config".to_owned(), config]))
}

/// Kubo's health call answers only when its disk does.
async fn is_up(kubo: &Kubo) {
    let mut last = None;
    for _ in 0..2_000 {
        match kubo.check_health().await {
            Ok(()) => return,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not up: {last:?}");
}

async fn holds_all(kubo: &Kubo, root: &Cid) {
    let mut open = vec![root.0];
    while let Some(cid) = open.pop() {
        let block = kubo.get_block(&cid).await.unwrap().unwrap_or_else(|| panic!("{cid} is missing"));
        open.extend(unixfs::links(&cid, &block).unwrap());
    }
}

async fn blocks_and_pins_work(kubo: &Kubo) {
    let empty = [0x0a, 0x02, 0x08, 0x01];
    let old = Block { cid: cid_dag_pb(unixfs::Version::V0, &empty), bytes: Bytes::copy_from_slice(&empty) };
    let large: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let raw: Vec<Block> = [large, b"one".to_vec(), b"two".to_vec(), vec![]]
        .into_iter()
        .map(|bytes| Block { cid: cid_raw(&bytes), bytes: bytes.into() })
        .collect();
    kubo.put_blocks(BlockCodec::Raw, &raw).await.unwrap();
    kubo.put_blocks(BlockCodec::DagPb, std::slice::from_ref(&old)).await.unwrap();
    for block in raw.iter().chain([&old]) {
        assert_eq!(kubo.get_block(&block.cid).await.unwrap().unwrap(), block.bytes);
        assert!(kubo.has_block(&block.cid).await.unwrap());
    }
    let missing = cid_raw(b"nobody has this");
    assert_eq!(kubo.get_block(&missing).await.unwrap(), None);
    assert!(!kubo.has_block(&missing).await.unwrap());
    let error = kubo.pin(&missing).await.unwrap_err();
    assert!(error.is_missing_block(), "{error}");

    let (one, two) = (&raw[1].cid, &raw[2].cid);
    assert!(!kubo.is_pinned(one).await.unwrap());
    let error = kubo.pin_beside(one, two).await.unwrap_err();
    assert!(error.is_not_pinned(), "{error}");
    kubo.pin(one).await.unwrap();
    kubo.pin_beside(one, two).await.unwrap();
    assert!(kubo.is_pinned(one).await.unwrap() && kubo.is_pinned(two).await.unwrap());
    for _ in 0..2 {
        kubo.unpin(one).await.unwrap();
    }
    assert!(!kubo.is_pinned(one).await.unwrap());
    assert!(kubo.repo_size().await.unwrap().repo_bytes > 1_000_000);
    assert!(!kubo.id().await.unwrap().agent.is_empty() && !kubo.version().await.unwrap().is_empty());
}

async fn a_life(mut daemon: Process) {
    let (mut store, folder, kubo) = (Store::new(), tempfile::tempdir().unwrap(), daemon.kubo());
    let first = store.say(300);
    let mut work = Work::begin(&store, &kubo, &folder);
    work.until(first).await;
    holds_all(&kubo, &first).await;
    let roots: Vec<Cid> = (0..20).map(|_| store.say(3)).collect();
    work.until(roots[19]).await;
    for root in &roots {
        holds_all(&kubo, root).await;
    }
    assert!(kubo.is_pinned(&roots[19].0).await.unwrap() && kubo.is_pinned(&first.0).await.unwrap());

    daemon.kill();
    let last = store.say(5);
    eventually("the death is seen", || !kubo.is_reachable()).await;
    daemon.start_again();
    work.until(last).await;
    holds_all(&kubo, &last).await;
    assert!(kubo.is_pinned(&last.0).await.unwrap());
    work.stop().await;
    blocks_and_pins_work(&kubo).await;
}

#[tokio::test]
async fn a_life_with_kubo() {
    let Some(daemon) = kubo_process("a_life_with_kubo") else { return };
    is_up(&daemon.kubo()).await;
    a_life(daemon).await;
}

#[tokio::test]
async fn a_life_with_the_embedded_node() {
    let Some(daemon) = node_process("a_life_with_the_embedded_node") else { return };
    is_up(&daemon.kubo()).await;
    a_life(daemon).await;
}
