//! Peers: what one fetches from another, ours and Kubo in all four pairs, over one TCP connection of loopback; and what a
//! daemon costs by itself: small files, collection, gateway, start and stop, memory.
//!
//! Repositories are on tmpfs, so that nothing of this is about a disk.

mod churn;
mod fetch;
mod serve;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{
    blocks::kubo,
    ipfsd::{Daemon, init_kubo},
    row::Table,
};

/// The one address of ours.
const TCP: &str = "\"/ip4/127.0.0.1/tcp/0\"";

/// Whose program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Kubo,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Kubo => "Kubo",
        }
    }
}

/// A daemon with a repository that goes with it.
struct Peer {
    daemon: Option<Daemon>,
    kind: Kind,
    folder: TempDir,
}

impl Peer {
    /// One with an empty repository on tmpfs.
    fn start(kind: Kind) -> Self {
        Self::start_in(kind, "/dev/shm")
    }

    /// One with an empty repository below `root`.
    fn start_in(kind: Kind, root: &str) -> Self {
        let folder = tempfile::tempdir_in(root).expect("a directory there");
        if kind == Kind::Kubo {
            init_kubo(&program_of_kubo(), folder.path());
        }
        let mut peer = Self { daemon: None, kind, folder };
        peer.start_again();
        peer
    }

    /// Starts it again on the repository that it has.
    fn start_again(&mut self) {
        self.daemon = Some(match self.kind {
            Kind::Ours => Daemon::ours(self.folder.path(), TCP),
            Kind::Kubo => Daemon::kubo_peer(&program_of_kubo(), &self.folder.path().join("kubo")),
        });
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it was started")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn program_of_kubo() -> PathBuf {
    kubo().expect("looked at before anything was measured")
}

/// Fetches in all pairs.
pub fn fetches() -> Table {
    let mut table = Table::new(
        "Fetched from another peer with `pin add`: loopback, TCP, tmpfs, median of 3, new repository each time",
    );
    if kubo().is_some() {
        fetch::measure(&mut table);
    }
    table
}

/// What a daemon costs by itself.
pub fn alone() -> Table {
    let mut table = Table::new("An IPFS daemon by itself, beside Kubo, on tmpfs");
    if kubo().is_some() {
        serve::measure(&mut table);
    }
    table
}

/// An hour of peers that come and go; `ROOKERY_CHURN_MINUTES` says otherwise.
pub fn churn() -> Table {
    let minutes = std::env::var("ROOKERY_CHURN_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut table =
        Table::new("Anonymous memory of `ipfs-node` while 100 peers a minute come, fetch 300 kB and are killed");
    churn::measure(&mut table, minutes);
    table
}
