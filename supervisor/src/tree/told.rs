//! `told`: what the tree tells of itself: its status, and the lines for whoever started it.

use std::{collections::BTreeMap, fmt::Write as _};

use proto::supervision::{Status, exit};

use super::{Stage, Tree};
use crate::{memory, metrics};

/// Whether a status comes with the metrics of all boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metrics {
    /// For the web.
    Included,
    /// For a human.
    Left,
}

impl Tree {
    pub(super) fn status(&self, with: Metrics) -> Status {
        let places = &self.plan.loaded.places;
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            rss_bytes: memory::ours().rss_bytes,
            ready: self.stage == Stage::Serving && self.is_ready(),
            data_dir: places.data_dir.display().to_string(),
            runtime_dir: places.runtime_dir.display().to_string(),
            boxes: self.instances.iter().map(|instance| instance.status(&self.plan)).collect(),
            metrics: BTreeMap::new(),
        };
        if with == Metrics::Included {
            status.metrics = self.metrics(&status);
        }
        status
    }

    fn metrics(&self, status: &Status) -> BTreeMap<String, String> {
        let children = self.instances.iter().filter_map(|one| Some((one.name.clone(), one.metrics()?.clone())));
        let ours = metrics::text(status, self.journal.dropped_lines());
        children.chain([(metrics::OWN_NAME.to_owned(), ours)]).collect()
    }

    /// The exit code for a command line that waited for these instances in vain.
    pub(super) fn exit_code(&self, slots: &[usize]) -> u8 {
        let codes = slots.iter().map(|&slot| self.instances[slot].child.hold_code());
        codes.max().unwrap_or(0).max(exit::FAILED)
    }
}

/// What to open, where the data is, and how to stop it.
pub fn banner(status: &Status) -> String {
    let mut text = String::from("Rookery is ready.\n");
    // The last to start is the first to be visited.
    let doors = status.boxes.iter().rev().flat_map(|one| &one.listen);
    for (purpose, address) in doors {
        let (label, scheme, path) = match purpose.as_str() {
            "http" => ("comments", "http://", ""),
            "rpc" => ("IPFS RPC", "http://", "/api/v0/version"),
            "gateway" => ("IPFS blocks", "http://", "/ipfs/<CID>?format=raw"),
            "upload" => ("files in", "tcp ", ""),
            "download" => ("files out", "tcp ", ""),
            // An address of peers says by itself how it is spoken to.
            _ if address.starts_with('/') => ("IPFS peers", "", ""),
            other => (other, "http://", ""),
        };
        let _ = writeln!(text, "  {:<14}{scheme}{address}{path}", format!("{label}:"));
    }
    let _ = writeln!(text, "  {:<14}{}", "data:", status.data_dir);
    text
}

#[cfg(test)]
mod tests {
    use proto::supervision::{InstanceState, InstanceStatus};

    use super::*;

    #[test]
    fn the_banner_names_every_address_and_the_data() {
        let listen = [("http", "127.0.0.1:1"), ("rpc", "127.0.0.1:2"), ("swarm", "/ip4/127.0.0.1/tcp/3")];
        let listen = listen.map(|(purpose, address)| (purpose.to_owned(), address.to_owned()));
        let one = InstanceStatus {
            name: "x".to_owned(),
            instance: 0,
            state: InstanceState::Running,
            pid: None,
            restarts: 0,
            uptime_ms: 0,
            rss_bytes: 0,
            rss_anon_bytes: 0,
            heartbeat_age_ms: None,
            listen: listen.into(),
            reason: None,
            alert: None,
            memory: None,
        };
        let status = Status {
            version: String::new(),
            pid: 1,
            uptime_ms: 0,
            rss_bytes: 0,
            ready: true,
            data_dir: "/data".to_owned(),
            runtime_dir: "/run".to_owned(),
            boxes: vec![one],
            metrics: BTreeMap::new(),
        };
        let expected = "\
Rookery is ready.
  comments:     http://127.0.0.1:1
  IPFS RPC:     http://127.0.0.1:2/api/v0/version
  IPFS peers:   /ip4/127.0.0.1/tcp/3
  data:         /data
";
        assert_eq!(banner(&status), expected);
    }
}
