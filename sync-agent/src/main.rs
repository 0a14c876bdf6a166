//! `sync-agent`: brings the stores of two servers to the same set of comments.
//!
//! Asked by no box. Asks other servers what is new there (`GET /changes`), `get-worker` whether it is new here, and
//! `post-worker` to keep it. Writes one file: how far it has read each server's log of arrivals.
//!
//! Servers are named in the configuration; finding them through a DHT, and comparing whole sets, come later.

use std::process::ExitCode;

use daemon::Boot;
use proto::{Posts, Threads, wiring::SyncAgent};

mod cursor;
mod follow;
mod home;
mod peer;

fn main() -> ExitCode {
    daemon::main(|boot: Boot<SyncAgent>| {
        let threads = boot.asks::<Threads>();
        let posts = boot.asks::<Posts>();
        let folder = boot.writes(boot.places().data_dir.join("sync-agent"));
        let peers = peer::read_all(&boot.config().peers)?;
        boot.confine(|running, config| async move {
            let cursors = cursor::Cursors::open(&running.path(&folder))?;
            let home = home::Home { threads: running.asker(threads)?, posts: running.asker(posts)? };
            follow::Follower::new(&running, &config, home, cursors, peers).run().await
        })
    })
}
