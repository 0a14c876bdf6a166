//! `ingest-server`: takes files over plain TCP and answers with their CIDs; gives files out the same way.
//!
//! Asked by clients of the original ARTC servers and by `ingest`, over TCP, and by those servers themselves, which take it
//! for an IPFS Cluster. Asks `ipfs-shim`. Keeps `<data_dir>/ingest-server/uploads.jsonl`, the journal, and no byte of a file.

use std::{process::ExitCode, sync::Arc};

use daemon::{Boot, OrFail as _, memory};
use ingest_server::{
    blocks::Ipfs,
    cluster::Cluster,
    door::Door,
    download::Downloads,
    journal::{self, Journal},
    measures::Measures,
    quota::Quota,
    settings::{self, Settings},
    tls,
    upload::Uploads,
};
use proto::{Blocks, uploads::JOURNAL, wiring::IngestServer};

fn main() -> ExitCode {
    daemon::main(|boot: Boot<IngestServer>| {
        memory::keep_buffers();
        let blocks = boot.asks::<Blocks>();
        let path = boot.writes(boot.places().data_dir.join(JOURNAL));
        let certificate = tls::declare(&boot);
        let upload = boot.listens("upload", boot.config().upload_listen);
        let download = boot.listens("download", boot.config().download_listen);
        let cluster = boot.config().cluster_listen.map(|address| boot.listens("cluster", address));
        boot.confine(|running, config| async move {
            let measures = Measures::default();
            running.register(|registry| measures.register(registry));
            let path = running.path(&path);
            let journal = Journal::open(&path).or_fail(format!("cannot write {}", path.display()))?;
            let past = journal::read(&path).or_fail("cannot read the journal of uploads")?;
            let quota = Quota::new(settings::mib(config.quota_mib), past);
            let settings = Settings::new(&config, running.all(), running.stop()).within(tls::open(certificate)?);
            let ipfs = Ipfs::new(running.asker(blocks)?, settings.ipfs_wait);
            let downloads = Downloads::new(ipfs.clone(), &settings, measures.clone()).into();
            let uploads = Arc::new(Uploads::new(ipfs, journal, quota, settings, measures.clone()));
            let manners = || settings::manners(&config, running.all());
            let listener = cluster.map(|listens| running.listener(&listens)).transpose()?;
            let cluster = Cluster { listener, uploads: Arc::clone(&uploads), manners: manners() };
            let door = Door {
                upload: running.listener(&upload)?,
                download: running.listener(&download)?,
                downloads,
                uploads,
                manners: manners(),
                measures,
            };
            running.ready();
            tokio::join!(door.keep_open(running.stop(), running.pulse()), cluster.keep_open(running.stop()));
            Ok(())
        })
    })
}
