//! `kubo-keeper`: runs Kubo where the embedded IPFS daemon would be, and watches it, so that the supervisor need not know
//! anything about it ([decision 16](../docs/decisions/0016-kubo-in-a-box.md)).
//!
//! Asked by no box, asks none: `ipfs-shim` calls Kubo itself. Keeps `<data_dir>/kubo`, Kubo's repository. Kubo is a child
//! of this process and ends with it, however this process ends; when Kubo ends, so does this.

mod become_kubo;
mod health;
mod keep;
mod output;
mod program;
mod repository;
mod settings;
mod version;

use std::process::ExitCode;

use daemon::Boot;
use proto::wiring::KuboKeeper;

fn main() -> ExitCode {
    if let Some(ended) = become_kubo::asked() {
        return ended;
    }
    daemon::main(|boot: Boot<KuboKeeper>| {
        let repository = boot.writes(repository::folder(&boot.places().data_dir));
        let node = &boot.all().ipfs_node;
        let rpc = boot.listens("rpc", node.rpc_listen);
        let gateway = boot.listens("gateway", node.gateway_listen);
        // The repository holds the peer's private key; Kubo reads it, and nothing of it stays here.
        boot.confine(|running, config| async move {
            let repository = running.path(&repository);
            let doors = keep::Doors { rpc: running.listener(&rpc)?, gateway: running.listener(&gateway)? };
            keep::keep(&running, &config, repository, doors).await
        })
    })
}
