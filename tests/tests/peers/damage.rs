//! Our node's disk damages blocks, or is full: what is wrong is said, what can be mended is mended, nothing pinned is lost.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rookery_tests::{
    http::{Answer, Client},
    multipart::{self, Form},
    peer::{Peer, Transport},
    programs::program,
    skipped, wait,
};
use tempfile::TempDir;

use super::noise;

const DEADLINE: Duration = Duration::from_secs(60);
const MIB: usize = 1 << 20;

/// Changes bytes on disk where a block holds `content`.
fn damage(repository: &Path, content: &[u8]) {
    for entry in fs::read_dir(repository.join("segments")).expect("the test's files can be used").flatten() {
        let bytes = fs::read(entry.path()).expect("the test's files can be used");
        if let Some(at) = bytes.windows(content.len()).position(|window| window == content) {
            let file = File::options().write(true).open(entry.path()).expect("the test's files can be used");
            file.write_all_at(b"damaged", at as u64 + 3).expect("the test's files can be used");
            return;
        }
    }
    panic!("no block holds these bytes");
}

#[test]
fn a_damaged_block_is_found_dropped_and_got_anew_from_a_peer() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let content = noise(600_000, 1);
    fs::write(&path, &content).unwrap();
    let (ours, other) = (Peer::ours().start(), Peer::ours().start());
    let root = ours.add(&path, &[]);
    assert_eq!(other.add(&path, &[]), root);
    damage(&ours.repository(), &content[300_000..300_064]);
    let said = ours.try_run(&["repo", "verify"]).unwrap_err();
    assert!(said.contains("verify complete, 1 blocks corrupt"), "{said}");
    ours.run(&["repo", "verify", "--drop"]);
    let said = ours.run(&["pin", "verify"]);
    assert!(said.starts_with(&format!("{root} broken\n  ")) && said.contains("block was not found locally"), "{said}");
    damage(&ours.repository(), &content[..64]);
    ours.connect(&other, Transport::Tcp);
    let said = ours.run(&["repo", "verify", "--heal"]);
    assert!(said.contains("verify complete, 1 blocks corrupt, 1 removed, 1 healed"), "{said}");
    // What was dropped is got when it is asked for.
    assert!(ours.rpc().post(&format!("/api/v0/cat?arg={root}"), b"").expect(200).body == content);
    assert_eq!(ours.run(&["pin", "verify"]), "");
}

/// A node on a volume of its own, which is small.
struct Cramped {
    daemon: Child,
    rpc: SocketAddr,
    _place: TempDir,
}

impl Cramped {
    /// None where no volume may be mounted, which is told and counted.
    fn or_skip(test: &str) -> Option<Self> {
        // The store stops 64 MiB before the end, so that there is room to delete.
        const SCRIPT: &str = "mount -t tmpfs -o size=100m none \"$IPFS_PATH\" && \"$0\" init --profile=test && exec \"$0\" daemon --offline";
        let place = tempfile::Builder::new().prefix("cramped").tempdir().expect("the test's files can be used");
        let repository = place.path().join("repo");
        fs::create_dir(&repository).expect("the test's files can be used");
        if !may_mount(&repository) {
            skipped::tell(test, "no volume may be mounted in a namespace here; run as root, or allow user namespaces");
            return None;
        }
        let log = place.path().join("log");
        let file = File::create(&log).expect("the test's files can be used");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT]).arg(program("ipfs-node"));
        command
            .env("IPFS_PATH", &repository)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the test's files can be used"))
            .stderr(file);
        let daemon = command.spawn().expect("unshare can be started");
        let line = wait::until("the node is ready", DEADLINE, || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let line = said.lines().find(|line| line.starts_with("RPC API server listening on")).map(str::to_owned);
            line.filter(|_| said.contains("Daemon is ready"))
        });
        let port = line.rsplit('/').next().and_then(|port| port.parse().ok()).expect("the address has a port");
        Some(Self { daemon, rpc: SocketAddr::from(([127, 0, 0, 1], port)), _place: place })
    }

    fn post(&self, command: &str) -> Answer {
        Client::new(self.rpc).post(&format!("/api/v0/{command}"), b"")
    }

    fn add(&self, content: &[u8]) -> Answer {
        let kind = multipart::content_type();
        Client::new(self.rpc).ask("POST", "/api/v0/add", &[("content-type", &kind)], &Form::of(content))
    }
}

impl Drop for Cramped {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn may_mount(folder: &Path) -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none"]).arg(folder);
    command.stderr(Stdio::null()).status().is_ok_and(|ended| ended.success())
}

#[test]
fn a_full_disk_refuses_what_is_new_and_keeps_what_is_pinned() {
    let Some(node) = Cramped::or_skip("a full disk") else { return };
    let mut added = Vec::new();
    let refused = (0..40).find_map(|seed| {
        let answer = node.add(&noise(4 * MIB, seed));
        match answer.status {
            200 => added.push((seed, answer.json_lines().last().unwrap()["Hash"].as_str().unwrap().to_owned())),
            _ => return Some(answer),
        }
        None
    });
    let refused = refused.expect("a volume of 100 MiB does not take 160").text();
    assert!(refused.contains("no space left"), "{refused}");
    assert!(added.len() >= 2, "{} files of 4 MiB were taken", added.len());
    assert_eq!(node.post("pin/verify").expect(200).text(), "");
    for (seed, cid) in &added {
        assert!(node.post(&format!("cat?arg={cid}")).expect(200).body == noise(4 * MIB, *seed), "{cid}");
    }
    // The store begins to refuse only when what was on its way is written, so there may be less left than it likes.
    for (_, unwanted) in added.split_off(1) {
        let _ = node.post(&format!("pin/rm?arg={unwanted}")).expect(200);
    }
    let _ = node.post("repo/gc").expect(200);
    let _ = node.add(&noise(MIB, 99)).expect(200);
    assert_eq!(
        node.post("repo/verify").expect(200).json_lines().last().unwrap()["Msg"],
        "verify complete, all blocks validated."
    );
}
