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
mod needs;
mod openapi;
mod origin;
mod page;
mod problem;
mod request;
mod routes;
mod sending;
mod settings;
mod sides;
mod site;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use daemon::Boot;
use proto::wiring::HttpFront;

use crate::needs::Needs;

fn main() -> ExitCode {
    daemon::main(|boot: Boot<HttpFront>| {
        let needs = Needs::declare(&boot);
        boot.confine(|running, config| async move {
            let door = needs.open(&running, &config)?;
            running.ready();
            door.keep_open().await;
            Ok(())
        })
    })
}
