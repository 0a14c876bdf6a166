//! Many files at once, at most so many at a time. Asked by `main`.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use ingest_server::wire::UploadId;

use crate::{
    attempts::{Outcome, attempts},
    link::Server,
    refusal::Verdict,
    show::Show,
    source::Source,
    upload::{Gap, Plan, Stored, upload},
};

/// Stores all files and tells of each as it is done.
pub fn store_all(server: &Server, sources: &[Source], parallel: usize, show: &Show) -> Verdict {
    let next = AtomicUsize::new(0);
    let verdict = Mutex::new(None::<Verdict>);
    thread::scope(|scope| {
        for _ in 0..parallel.min(sources.len()) {
            scope.spawn(|| {
                while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = store(server, source, show);
                    let one = Verdict::of(&outcome.result);
                    show.stored(&source.name(), &outcome);
                    let mut all = verdict.lock().expect("nobody panics while telling a verdict");
                    *all = Some(all.map_or(one, |all| all.and(one)));
                }
            });
        }
    });
    verdict.into_inner().expect("nobody panics while telling a verdict").unwrap_or(Verdict::Well)
}

fn store(server: &Server, source: &Source, show: &Show) -> Outcome<Stored> {
    let meter = show.meter(&source.name(), source.bytes());
    let id = UploadId::from_random(rand::random());
    let outcome = attempts(server.retries, |failed, reached| {
        meter.restart();
        let gap = if failed == 0 { Gap::WhereNeeded } else { Gap::Always(1 << failed.min(4)) };
        upload(source, server, &Plan { id, gap, meter: &meter }, reached)
    });
    meter.finish();
    outcome
}
