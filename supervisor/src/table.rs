//! `table`: which boxes make up the tree, one row each, in start order. They are stopped in reverse.

use std::{net::SocketAddr, time::Duration};

use proto::{
    config::{IpfsDaemon, Rookery},
    wiring::{BoxKind, GetWorker, HttpFront, IngestServer, IpfsNode, IpfsShim, KuboKeeper, PostWorker, SyncAgent},
};

use crate::machine::{Rules, Store};

/// Whether the limits of `[ipfs]` apply to a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It is sampled, recycled above the soft limit and killed above the hard one.
    Limited,
    /// It is not looked at.
    Free,
}

/// A public listener that the supervisor binds once and hands down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// What it is for; the box asks for it by this name.
    pub purpose: &'static str,
    /// The configured address.
    pub address: SocketAddr,
    /// The key that sets it, for error messages.
    pub key: &'static str,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its program's name.
    pub name: &'static str,
    /// How many of it run.
    pub instances: u16,
    /// What it listens on.
    pub doors: Vec<Door>,
    /// Whether its memory is limited.
    pub memory: Memory,
    /// Whether it has the comment store open.
    pub store: Store,
}

impl Row {
    fn of<B: BoxKind>() -> Self {
        Self { name: B::NAME, instances: 1, doors: Vec::new(), memory: Memory::Free, store: Store::NotOpened }
    }

    fn reading_the_store(mut self) -> Self {
        self.store = Store::Opened;
        self
    }

    fn door(mut self, purpose: &'static str, address: SocketAddr, key: &'static str) -> Self {
        self.doors.push(Door { purpose, address, key });
        self
    }
}

/// The enabled boxes, in start order: what others ask comes first, so that little has to wait at the start.
pub fn rows(all: &Rookery) -> Vec<Row> {
    let mut rows = Vec::new();
    match all.ipfs.daemon {
        IpfsDaemon::Embedded => rows.push(ipfs_daemon::<IpfsNode>(all)),
        IpfsDaemon::Kubo => rows.push(ipfs_daemon::<KuboKeeper>(all)),
        // In somebody else's care.
        IpfsDaemon::Remote => {}
    }
    rows.push(Row::of::<PostWorker>().reading_the_store());
    rows.push(Row { instances: all.get_worker.instances.get(), ..Row::of::<GetWorker>().reading_the_store() });
    rows.push(Row::of::<IpfsShim>().reading_the_store());
    rows.push(Row::of::<HttpFront>().door("http", all.http_front.listen, "[http-front] listen"));
    if all.sync_agent.enabled {
        rows.push(Row::of::<SyncAgent>().reading_the_store());
    }
    if all.ingest_server.enabled {
        rows.push(ingest_server(all));
    }
    rows
}

fn ipfs_daemon<B: BoxKind>(all: &Rookery) -> Row {
    Row { memory: Memory::Limited, ..Row::of::<B>() }
        .door("rpc", all.ipfs_node.rpc_listen, "[ipfs-node] rpc_listen")
        .door("gateway", all.ipfs_node.gateway_listen, "[ipfs-node] gateway_listen")
}

fn ingest_server(all: &Rookery) -> Row {
    let config = &all.ingest_server;
    let row = Row::of::<IngestServer>().door("upload", config.upload_listen, "[ingest-server] upload_listen").door(
        "download",
        config.download_listen,
        "[ingest-server] download_listen",
    );
    match config.cluster_listen {
        Some(address) => row.door("cluster", address, "[ingest-server] cluster_listen"),
        None => row,
    }
}

/// The rules that the instances of a row live by.
pub fn rules(all: &Rookery, store: Store) -> Rules {
    let config = &all.supervisor;
    let ms = Duration::from_millis;
    Rules {
        start_wait: ms(config.start_wait_ms),
        heartbeat_wait: ms(config.heartbeat_wait_ms),
        stop_wait: ms(config.stop_wait_ms),
        restart_base: ms(config.restart_base_ms),
        restart_cap: ms(config.restart_cap_ms),
        stable: ms(config.stable_ms),
        deaths_limit: usize::try_from(config.deaths_limit).unwrap_or(usize::MAX).clamp(1, MOST_DEATHS),
        deaths_period: ms(config.deaths_period_ms),
        hold_pause: ms(config.hold_pause_ms),
        store,
    }
}

/// So many deaths are remembered at most, whatever the configuration says: 16 bytes each, for each instance.
const MOST_DEATHS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(toml: &str) -> Vec<String> {
        let rows = rows(&Rookery::parse(toml).unwrap());
        rows.iter().map(|row| format!("{}x{}", row.name, row.instances)).collect()
    }

    #[test]
    fn the_default_tree_starts_what_is_asked_before_those_who_ask() {
        assert_eq!(names(""), ["ipfs-nodex1", "post-workerx1", "get-workerx2", "ipfs-shimx1", "http-frontx1"]);
    }

    #[test]
    fn only_enabled_boxes_are_in_the_tree() {
        let names =
            names("[sync-agent]\nenabled = true\n[get-worker]\ninstances = 5\n[ingest-server]\nenabled = true\n");
        assert_eq!(names[2], "get-workerx5");
        assert_eq!(names[5..], ["sync-agentx1", "ingest-serverx1"]);
    }

    #[test]
    fn the_ipfs_daemon_is_ours_or_kubo_or_none_of_our_business() {
        assert_eq!(names("[ipfs]\ndaemon = \"kubo\"\n")[0], "kubo-keeperx1");
        let remote = names("[ipfs]\ndaemon = \"remote\"\nremote = \"http://192.0.2.7:5001\"\n");
        assert_eq!(remote[0], "post-workerx1");
    }

    #[test]
    fn every_row_is_a_box_of_the_wiring_table() {
        let all = Rookery::parse("[sync-agent]\nenabled = true\n[ingest-server]\nenabled = true\n").unwrap();
        assert!(rows(&all).iter().all(|row| proto::wiring::row(row.name).is_some()));
    }

    #[test]
    fn only_the_ipfs_daemon_has_memory_limits() {
        let limited = |toml: &str| {
            let rows = rows(&Rookery::parse(toml).unwrap()).into_iter().filter(|row| row.memory == Memory::Limited);
            rows.map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(limited(""), ["ipfs-node"]);
        assert_eq!(limited("[ipfs]\ndaemon = \"kubo\"\n"), ["kubo-keeper"]);
    }
}
