//! `http-front`: the only box that serves the web. Routing, limits, caching headers.
//!
//! Asked by visitors, over HTTP. Asks `get-worker` and `post-worker`. Reads the supervisor's status. Keeps nothing, and
//! touches no disk: killed and started again, it loses only the connections that it had accepted.

mod accept;
mod answer;
mod body;
mod comments;
mod door;
mod etag;
mod exposition;
mod front;
mod health;
mod link;
mod measures;
mod patience;
mod problem;
mod query;
mod refusal;
mod routes;
mod seldom;
mod settings;
mod sides;
#[cfg(test)]
mod tests;
mod tree;

use std::{process::ExitCode, sync::Arc};

use daemon::Boot;
use proto::{Posts, Threads, supervision::STATUS_SOCKET, wiring::HttpFront};

use crate::{door::Door, front::Front, measures::Measures, tree::Tree};

fn main() -> ExitCode {
    daemon::main(|boot: Boot<HttpFront>| {
        let (threads, posts) = (boot.asks::<Threads>(), boot.asks::<Posts>());
        let status = boot.reads(boot.places().runtime_dir.join(STATUS_SOCKET));
        let listens = boot.listens("http", boot.config().listen);
        boot.confine(|running, config| async move {
            let measures = Measures::default();
            running.register(|registry| measures.register(registry));
            let (own, own_name) = (running.clone(), format!("http-front.{}", running.instance()));
            let front = Arc::new(Front {
                reads: running.asker(threads)?,
                writes: running.asker(posts)?,
                tree: Tree::new(running.path(&status), own_name, move || own.metrics_text()),
                measures,
                limits: settings::limits(&config, running.all()),
            });
            let (listener, manners) = (running.listener(&listens)?, settings::manners(&config, running.all()));
            running.ready();
            Door::new(listener, front, manners, running.stop(), running.pulse()).keep_open().await;
            Ok(())
        })
    })
}
