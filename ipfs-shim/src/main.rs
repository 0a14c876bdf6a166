//! `ipfs-shim`: the one box that talks to an IPFS daemon, and shields the rest from it.
//!
//! Asked by `http-front`, `ingest-server`, `sync-agent` and the operator. Asks no box; it calls the daemon over HTTP.
//! Reads the comment store and publishes what is in it. Keeps `<data_dir>/ipfs-shim`: how far publishing is.

use std::{process::ExitCode, time::Duration};

use comment_store::Options;
use daemon::{Boot, Failure};
use ipfs_shim::{
    blocks::{Desk, Published, batching, hurrying},
    daemon_of,
    kubo::{Kubo, Waits},
    metrics::Metrics,
    publish::{PublishError, Publisher, Settings, wait_for_store},
};
use proto::{Blocks, wiring::IpfsShim};
use tokio::sync::watch;

fn main() -> ExitCode {
    daemon::main(|boot: Boot<IpfsShim>| {
        let questions = boot.answers::<Blocks>();
        let data = boot.places().data_dir.clone();
        // LMDB's readers write themselves into its lock file; nothing else of the store is written here.
        let _readers = boot.writes(data.join("comments").join("lock.mdb"));
        let comments = boot.reads(data.join("comments"));
        let folder = boot.writes(data.join("ipfs-shim"));
        let repository = boot.reads(data.join(daemon_of::repository(boot.all().ipfs.daemon)));
        boot.confine(|running, config| async move {
            let metrics = Metrics::default();
            running.register(|registry| metrics.register(registry));
            let waits = Waits::of(Duration::from_millis(config.answer_wait_ms));
            let place = daemon_of::place(&running.all().ipfs, &running.path(&repository));
            let place = place.map_err(|error| Failure::config("[ipfs] remote_secret_file").because(error))?;
            let kubo = Kubo::new(place, waits, metrics.clone());
            let (puts, batcher) = batching(kubo.clone());
            let (tell, published) = watch::channel(Published::default());
            let (hurry, hurried) = hurrying();
            let desk = Desk::new(kubo.clone(), puts, published).hurrying(hurry);
            let publish = async {
                let options = Options::from(&running.all().comment_store);
                let store = wait_for_store(&running.path(&comments), &options).await?;
                let settings = Settings::new(running.path(&folder), &config);
                Publisher::open(kubo, store, settings, tell, metrics)?.hurried_by(hurried).run().await
            };
            tokio::select! {
                served = running.serve(questions, desk) => served,
                Err(error) = publish => Err(failure(error)),
                () = batcher.run() => Err(Failure::failed("nobody was left who could put blocks")),
            }
        })
    })
}

fn failure(error: PublishError) -> Failure {
    let failure = if error.is_damage() { Failure::damaged } else { Failure::failed };
    failure("cannot publish comments").because(error)
}
