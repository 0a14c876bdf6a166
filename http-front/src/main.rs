//! `http-front`: the only box that serves the web. Routing, limits, caching headers.
//!
//! Asked by visitors, over HTTP. Asks `get-worker`, `post-worker` and `ipfs-shim`. Reads the supervisor's status. Keeps nothing, and
//! touches no disk: killed and started again, it loses only the connections that it had accepted.

mod answer;
mod cache;
mod coding;
mod comments;
mod connection;
mod counts;
mod crowd;
mod etag;
mod events;
mod front;
mod health;
mod html;
mod ipfs;
mod measures;
mod openapi;
mod origin;
mod page;
mod problem;
mod request;
mod routes;
mod seldom;
mod sending;
mod settings;
mod sides;
mod site;
#[cfg(test)]
mod tests;

use std::{process::ExitCode, sync::Arc};

use daemon::Boot;
use proto::{Arrived, Blocks, Posts, Threads, supervision::STATUS_SOCKET, wiring::HttpFront};

use crate::{
    cache::Cache, connection::door::Door, crowd::Crowd, events::hub::Hub, front::Front, health::tree::Tree,
    measures::Measures, origin::Origins, sides::Bus,
};

fn main() -> ExitCode {
    daemon::main(|boot: Boot<HttpFront>| {
        let (threads, posts, blocks) = (boot.asks::<Threads>(), boot.asks::<Posts>(), boot.asks::<Blocks>());
        let (board, watched, arrived) = (boot.board_reader(), boot.board_reader(), boot.hears::<Arrived>());
        let status = boot.reads(boot.places().runtime_dir.join(STATUS_SOCKET));
        let listens = boot.listens("http", boot.config().listen);
        boot.confine(|running, config| async move {
            let measures = Measures::default();
            let cache = Cache::new(u64::from(config.cache_mib) << 20);
            running.register(|registry| measures.register(registry));
            running.register(|registry| cache.register(registry));
            let (own, own_name) = (running.clone(), format!("http-front.{}", running.instance()));
            let reads = running.asker(threads)?;
            let events = Hub::start(&running, reads.clone(), watched, arrived)?;
            let front = Arc::new(Front::<Bus> {
                reads,
                events,
                writes: running.asker(posts)?,
                blocks: running.asker(blocks)?,
                board: running.board_reader(board)?,
                tree: Tree::new(running.path(&status), own_name, move || own.metrics_text()),
                measures,
                cache,
                limits: settings::limits(&config, running.all()),
                origins: Origins::new(&config),
                crowd: Crowd::new(&config),
                turns: ipfs::Turns::default(),
            });
            let (listener, manners) = (running.listener(&listens)?, settings::manners(&config, running.all()));
            running.ready();
            Door::new(listener, front, manners, running.stop(), running.pulse()).keep_open().await;
            Ok(())
        })
    })
}
