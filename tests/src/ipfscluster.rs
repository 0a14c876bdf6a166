//! `ipfscluster`, the library by which the original ingest servers talk to their IPFS Cluster: installed by `make peers`,
//! unmodified, pinned hash by hash.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{programs, skipped};

/// Says hello as the original servers do, adds the files that are named, and prints what it was answered, one line for each.
const ADD: &str = "
import json, sys, ipfscluster
client = ipfscluster.connect(sys.argv[1], session=True)
for path in sys.argv[2:]:
    print(json.dumps(client.add_files(path)))
";

/// Python with the library.
#[derive(Debug)]
pub struct IpfsCluster {
    python: PathBuf,
}

impl IpfsCluster {
    /// It; none when it is not there, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it is not there and `CI` is set.
    #[must_use]
    pub fn or_skip(test: &str) -> Option<Self> {
        let python = programs::target().join("peers/ipfscluster/venv/bin/python");
        if python.is_file() {
            return Some(Self { python });
        }
        let why = format!("no ipfscluster at {}; install python3-venv and run `make peers`", python.display());
        skipped::tell(test, &why);
        None
    }

    /// Adds files by the Cluster at `address`, and returns what the library made of the answers.
    ///
    /// # Panics
    ///
    /// With what it wrote, when it failed.
    #[must_use]
    pub fn add(&self, address: SocketAddr, paths: &[&str]) -> Vec<serde_json::Value> {
        let multiaddr = format!("/ip4/{}/tcp/{}/http", address.ip(), address.port());
        let mut command = Command::new(&self.python);
        command.args(["-W", "ignore", "-c", ADD, &multiaddr]).args(paths).stdin(Stdio::null()).env("NO_PROXY", "*");
        let output = command.output().expect("python can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.lines().map(|line| serde_json::from_str(line).expect("it prints JSON")).collect()
    }
}
