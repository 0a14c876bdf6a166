//! What the front declares before it is confined, and opens after.

use std::sync::Arc;

use daemon::{
    Boot, Failure, Running,
    boot::{Askable, Audible, Declared, Listens, ReadsBoard},
};
use proto::{Arrived, Blocks, Posts, Threads, config, supervision::STATUS_SOCKET, wiring::HttpFront};

use crate::{
    cache::Cache, connection::door::Door, crowd::Crowd, events::hub::Hub, front::Front, health::tree::Tree, ipfs,
    measures::Measures, origin::Origins, settings, sides::Bus,
};

/// What was declared.
pub(crate) struct Needs {
    threads: Askable<Threads>,
    posts: Askable<Posts>,
    blocks: Askable<Blocks>,
    arrived: Audible<Arrived>,
    /// One for what is kept, one for readers who wait.
    boards: [ReadsBoard; 2],
    status: Declared,
    listens: Listens,
}

impl Needs {
    /// Declares everything.
    pub(crate) fn declare(boot: &Boot<HttpFront>) -> Self {
        Self {
            threads: boot.asks(),
            posts: boot.asks(),
            blocks: boot.asks(),
            arrived: boot.hears(),
            boards: [boot.board_reader(), boot.board_reader()],
            status: boot.reads(boot.places().runtime_dir.join(STATUS_SOCKET)),
            listens: boot.listens("http", boot.config().listen),
        }
    }

    /// Opens it, and the door last.
    pub(crate) fn open(self, running: &Running<HttpFront>, config: &config::HttpFront) -> Result<Door<Bus>, Failure> {
        let [board, watched] = self.boards;
        let measures = Measures::default();
        let cache = Cache::new(u64::from(config.cache_mib) << 20);
        running.register(|registry| {
            measures.register(registry);
            cache.register(registry);
        });
        let (own, own_name) = (running.clone(), format!("http-front.{}", running.instance()));
        let reads = running.asker(self.threads)?;
        let front = Front {
            events: Hub::start(running, reads.clone(), watched, self.arrived)?,
            reads,
            writes: running.asker(self.posts)?,
            blocks: running.asker(self.blocks)?,
            board: running.board_reader(board)?,
            tree: Tree::new(running.path(&self.status), own_name, move || own.metrics_text()),
            measures,
            cache,
            limits: settings::limits(config, running.all()),
            origins: Origins::new(config),
            crowd: Crowd::new(config),
            turns: ipfs::Turns::default(),
        };
        let (listener, manners) = (running.listener(&self.listens)?, settings::manners(config, running.all()));
        Ok(Door::new(listener, Arc::new(front), manners, running.stop(), running.pulse()))
    }
}
