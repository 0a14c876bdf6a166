//! `ipfs-shim`: the one box that talks to an IPFS daemon, and shields the rest from it.
//!
//! Asked by `http-front`, `ingest-server`, `sync-agent` and the operator. Asks no box. Keeps how far publishing is.

use std::{process::ExitCode, time::Duration};

use comment_store::Options;
use daemon::{Boot, Failure, memory};
use ipfs_shim::{
    absence,
    blocks::{Desk, Published, batching, hurrying},
    copies::Copies,
    daemon_of,
    kubo::Waits,
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
        let _readers = boot.writes(data.join("comments/lock.mdb"));
        let comments = boot.reads(data.join("comments"));
        let folder = boot.writes(data.join("ipfs-shim"));
        let repository = boot.reads(data.join(daemon_of::repository(boot.all().ipfs.daemon)));
        boot.confine(|running, config| async move {
            let metrics = running.register(Metrics::registered);
            let waits = Waits::of(Duration::from_millis(config.answer_wait_ms));
            let ipfs = &running.all().ipfs;
            let copies = Copies::configured(ipfs, waits)?;
            let kubo = daemon_of::kubo(ipfs, &running.path(&repository), waits, &metrics)?;
            let (puts, batcher) = batching(kubo.clone());
            let (tell, published) = watch::channel(Published::default());
            let (hurry, hurried) = hurrying();
            let absent = absence::of_remote(ipfs.daemon, kubo.clone(), running.pulse());
            let desk = Desk::new(kubo.clone(), puts, published).hurrying(hurry);
            let desk = Copies::introduce(copies.as_ref(), desk, &running);
            let publish = async {
                let options = Options::from(&running.all().comment_store);
                let store = wait_for_store(&running.path(&comments), &options).await?;
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
