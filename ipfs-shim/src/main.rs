//! `ipfs-shim`: the one box that talks to an IPFS daemon, and shields the rest from it.
//!
//! Asked by `http-front`, `ingest-server`, `sync-agent` and the operator. Asks no box; it calls the daemon over HTTP.
//! Reads the comment store and publishes what is in it. Keeps `<data_dir>/ipfs-shim`: how far publishing is.

use std::{process::ExitCode, time::Duration};

use comment_store::Options;
use daemon::{Boot, Failure, memory};
use ipfs_shim::{
    absence,
    blocks::{Desk, Published, batching, hurrying},
    copies::Copies,
    daemon_of,
    kubo::{CommandLine, Kubo, Waits},
    metrics::Metrics,
    publish::{Publisher, Settings, wait_for_store},
};
use proto::{Blocks, wiring::IpfsShim};
use tokio::sync::watch;

fn main() -> ExitCode {
    daemon::main(|boot: Boot<IpfsShim>| {
        memory::keep_buffers();
        let questions = boot.answers::<Blocks>();
        let data = boot.places().data_dir.clone();
        // LMDB's readers write themselves into its lock file; nothing else of the store is written here.
        let _readers = boot.writes(data.join("comments").join("lock.mdb"));
        let comments = boot.reads(data.join("comments"));
        let folder = boot.writes(data.join("ipfs-shim"));
        let repository = boot.reads(data.join(daemon_of::repository(boot.all().ipfs.daemon)));
        boot.confine(|running, config| async move {
            let metrics = running.register(Metrics::registered);
            let waits = Waits::of(Duration::from_millis(config.answer_wait_ms));
            let ipfs = &running.all().ipfs;
            let place = daemon_of::place(ipfs, &running.path(&repository))?;
            let copies = Copies::configured(ipfs, waits)?;
            let kubo = Kubo::new(place, waits, metrics.clone());
            let kubo = kubo.with_command_line(CommandLine::configured(ipfs, running.path(&repository)));
            let (puts, batcher) = batching(kubo.clone());
            let (tell, published) = watch::channel(Published::default());
            let (hurry, hurried) = hurrying();
            let desk = Desk::new(kubo.clone(), puts, published).hurrying(hurry);
            let desk = Copies::introduce(copies.as_ref(), desk, &running);
            let absent = absence::of_remote(ipfs.daemon, kubo.clone(), running.pulse());
            let publish = async {
                let store =
                    wait_for_store(&running.path(&comments), &Options::from(&running.all().comment_store)).await?;
                let settings = Settings::new(running.path(&folder), &config);
                let mut publisher = Publisher::open(kubo, store.clone(), settings, tell, metrics)?.hurried_by(hurried);
                let Some(copies) = copies else { return publisher.run().await };
                let copying = copies.publish(store, running.path(&folder), &config, running.pulse());
                tokio::try_join!(publisher.run(), copying).map(|(never, _)| never)
            };
            tokio::select! {
                served = running.serve(questions, desk) => served,
                Err(error) = publish => Err(Failure::from(error)),
                never = absent => match never {},
                () = batcher.run() => Err(Failure::failed("nobody was left who could put blocks")),
            }
        })
    })
}
