//! `get-worker`: the read path. Threads, counts, folder CIDs, single comments.
//!
//! Asked by `http-front`, `sync-agent` and the operator. Asks nobody. Reads the comment store through its memory map, as
//! do its siblings: there may be any number of them. Keeps nothing.

mod archive;
mod json;
mod measures;
mod news;
mod page;
mod reads;
mod store;

use std::process::ExitCode;

use daemon::Boot;
use proto::{Threads, wiring::GetWorker};

use crate::{measures::Measures, reads::Reads};

fn main() -> ExitCode {
    daemon::main(|boot: Boot<GetWorker>| {
        let questions = boot.answers::<Threads>();
        // LMDB's readers write themselves into its lock file; nothing else of the store is written here.
        let dir = boot.places().data_dir.join("comments");
        let _readers = boot.writes(dir.join("lock.mdb"));
        let dir = boot.reads(dir);
        boot.confine(|running, _config| async move {
            let Some(store) = store::open(&running, running.path(&dir)).await? else { return Ok(()) };
            let measures = Measures::default();
            running.register(|registry| measures.register(registry));
            running.serve(questions, Reads::new(store, measures)).await
        })
    })
}
