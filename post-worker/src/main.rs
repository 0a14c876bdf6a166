//! `post-worker`: the write path, and the only box that writes the comment store.
//!
//! Asked by `http-front`, `sync-agent` and the operator. Asks nobody; tells `http-front` what arrived. Checks each comment where the question arrives, then
//! one thread keeps all that wait in one commit, with the folders that they change.
//!
//! `post-worker store check|salvage` is the maintenance that `supervisor store` runs.

mod folders;
mod group;
mod measures;
mod posts;
mod readers;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod writing;

use std::{env, process::ExitCode};

use daemon::Boot;
use proto::{Arrived, Posts, wiring::PostWorker};

use crate::{measures::Measures, readers::Readers, writing::Writing};

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|argument| argument == "store") {
        return store::main();
    }
    daemon::main(|boot: Boot<PostWorker>| {
        let questions = boot.answers::<Posts>();
        let dir = boot.writes(boot.places().data_dir.join("comments"));
        let board = boot.board_writer();
        let arrived = boot.tells::<Arrived>();
        boot.confine(|running, config| async move {
            let measures = Measures::default();
            running.register(|registry| measures.register(registry));
            let writer = store::open(&running.path(&dir), &running.all().comment_store)?;
            let readers = Readers { board: running.board_writer(board)?, arrived: running.teller(arrived) };
            let (writing, ended) = Writing::start(writer, readers, config.group_comments, measures)?;
            tokio::select! {
                served = running.serve(questions, posts::Keeper::new(writing, &config)) => served,
                failure = ended => Err(failure),
            }
        })
    })
}
