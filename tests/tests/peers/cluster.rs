//! IPFS Cluster over three daemons, Kubo's or ours: what is added is on two of them, and on two again after one has died.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rookery_tests::{
    http::Client,
    multipart::{self, Form},
    peer::{Peer, Transport},
    programs::{free_port, target},
    skipped, wait,
};
use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(90);
const SECRET: &str = "5ec2e7000000000000000000000000000000000000000000000000000000c0de";

/// A peer of the Cluster.
pub struct Member {
    folder: TempDir,
    pub rest: SocketAddr,
    swarm_port: u16,
    process: Option<Child>,
}

impl Member {
    /// Begins beside a daemon, and joins the member at `others`.
    pub fn start(name: &str, daemon: &Peer, others: Option<&str>) -> Self {
        let folder = tempfile::Builder::new().prefix("cluster").tempdir().expect("the test's files can be used");
        let rest = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut member = Self { folder, rest, swarm_port: free_port(), process: None };
        let made = member.command(daemon, name).args(["init", "--consensus", "crdt", "--randomports"]).output();
        let made = made.expect("IPFS Cluster can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut command = member.command(daemon, name);
        command.arg("daemon").args(others.into_iter().flat_map(|others| ["--bootstrap", others]));
        let log = File::create(member.folder.path().join("log")).expect("the test's files can be used");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("the test's files can be used")).stderr(log);
        member.process = Some(command.spawn().expect("IPFS Cluster can be started"));
        let answers = wait::within(DEADLINE, || member.get("/id"));
        assert!(answers.is_some(), "{}", fs::read_to_string(member.folder.path().join("log")).unwrap_or_default());
        member
    }

    fn command(&self, daemon: &Peer, name: &str) -> Command {
        let at = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
        let mut command = Command::new(target().join("peers/ipfs-cluster-service"));
        command
            .env("IPFS_CLUSTER_PATH", self.folder.path().join("cluster"))
            .env("CLUSTER_SECRET", SECRET)
            .env("CLUSTER_PEERNAME", name)
            .env("CLUSTER_IPFSHTTP_NODEMULTIADDRESS", at(daemon.rpc_address().port()))
            .env("CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS", at(self.rest.port()))
            .env("CLUSTER_LISTENMULTIADDRESS", at(self.swarm_port))
            .env("CLUSTER_IPFSPROXY_LISTENMULTIADDRESS", at(free_port()))
            .env("CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS", at(free_port()))
            .env("CLUSTER_CRDT_TRUSTEDPEERS", "*")
            .env("CLUSTER_MONITORPINGINTERVAL", "1s")
            .env("CLUSTER_MDNSINTERVAL", "0")
            .env("CLUSTER_DISABLEREPINNING", "false")
            .env("CLUSTER_PEERWATCHINTERVAL", "1s")
            .env("CLUSTER_PUBSUBMON_CHECKINTERVAL", "1s")
            .env("CLUSTER_DISK_METRICTTL", "2s")
            .env("CLUSTER_PINQUEUE_METRICTTL", "2s")
            .env("CLUSTER_TAGS_METRICTTL", "2s")
            .env("CLUSTER_STATESYNCINTERVAL", "5s")
            .env("CLUSTER_PINRECOVERINTERVAL", "5s");
        command
    }

    /// What its REST API answers, once it does.
    pub fn get(&self, path: &str) -> Option<Vec<Value>> {
        let answer = Client::new(self.rest).try_ask("GET", path, &[], b"").ok()?;
        (answer.status == 200).then(|| answer.json_lines())
    }

    fn id(&self) -> String {
        self.get("/id").expect("it answers")[0]["id"].as_str().expect("a member has an id").to_owned()
    }

    pub fn address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", self.swarm_port, self.id())
    }

    /// Who has pinned a CID.
    pub fn holders(&self, cid: &str) -> BTreeSet<String> {
        let state = self.get(&format!("/pins/{cid}")).unwrap_or_default();
        let peers = state.iter().flat_map(|state| state["peer_map"].as_object().into_iter().flatten());
        peers.filter(|(_, pin)| pin["status"] == "pinned").map(|(id, _)| id.clone()).collect()
    }

    pub fn end(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let _ = process.kill();
        let _ = process.wait();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn or_skip(test: &str) -> Option<()> {
    let program = target().join("peers/ipfs-cluster-service");
    if !program.is_file() {
        skipped::tell(test, &format!("no IPFS Cluster at {}; install Go and run `make peers`", program.display()));
        return None;
    }
    Some(())
}

fn assert_recovers(mut daemons: Vec<Peer>) {
    daemons[1..].iter().for_each(|daemon| daemon.connect(&daemons[0], Transport::Tcp));
    daemons[2].connect(&daemons[1], Transport::Tcp);
    let mut members = vec![Member::start("first", &daemons[0], None)];
    let first = members[0].address();
    for (name, daemon) in ["second", "third"].into_iter().zip(&daemons[1..]) {
        members.push(Member::start(name, daemon, Some(&first)));
    }
    wait::until("three members know each other", DEADLINE, || {
        (members.iter().all(|member| member.get("/peers").is_some_and(|peers| peers.len() == 3))).then_some(())
    });
    let body = Form::of(b"kept twice");
    let kind = multipart::content_type();
    let query = "/add?replication-min=2&replication-max=2&cid-version=1&raw-leaves=true";
    // Refused until each has told the others how much room it has.
    let cid = wait::until("the Cluster takes a file", DEADLINE, || {
        let added = Client::new(members[0].rest).ask("POST", query, &[("content-type", &kind)], &body).expect(200);
        added.json_lines().first().and_then(|added| added["cid"].as_str().map(str::to_owned))
    });
    let holders = wait::until("two daemons have it", DEADLINE, || {
        Some(members[0].holders(&cid)).filter(|holders| holders.len() == 2)
    });
    // One of the two dies with its daemon; the first is asked for the state, so it stays.
    let dying = (1..3).find(|at| holders.contains(&members[*at].id())).expect("at most one holder is the first");
    let lost = members[dying].id();
    members[dying].end();
    daemons[dying].kill();
    let again = wait::until("two living daemons have it again", DEADLINE, || {
        let holders = members[0].holders(&cid);
        (holders.iter().filter(|id| **id != lost).count() == 2).then_some(holders)
    });
    assert!(again.len() >= 2);
    for (at, daemon) in daemons.iter().enumerate().filter(|(at, _)| *at != dying) {
        assert_eq!(daemon.run(&["cat", "--offline", &cid]), "kept twice", "daemon {at}");
    }
}

#[test]
fn a_cluster_over_three_kubos_keeps_two_copies_when_one_dies() {
    let test = "IPFS Cluster over Kubo";
    let Some(()) = or_skip(test) else { return };
    let kubos: Option<Vec<_>> = (0..3).map(|_| Peer::kubo_or_skip(test).map(Peer::start)).collect();
    let Some(kubos) = kubos else { return };
    assert_recovers(kubos);
}

#[test]
fn a_cluster_over_three_of_our_nodes_keeps_two_copies_when_one_dies() {
    let Some(()) = or_skip("IPFS Cluster over our nodes") else { return };
    assert_recovers((0..3).map(|_| Peer::ours().start()).collect());
}
