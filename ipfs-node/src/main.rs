//! `ipfs-node`: the embedded IPFS daemon: blocks, pins and Kubo's RPC.
//!
//! Asked by `ipfs-shim` over Kubo's RPC, and by anyone over the gateway. Asks no box. Keeps `<data_dir>/ipfs`.

use std::process::ExitCode;

use daemon::{Boot, Failure, OrFail as _};
use ipfs_node::{
    cli, memory,
    node::{Limits, Node, NodeError},
    peer::Peer,
    server::Server,
    store::{OpenError, StoreOptions},
};
use proto::wiring::IpfsNode;

fn main() -> ExitCode {
    if let Some(ended) = cli::run() {
        return ended;
    }
    daemon::main(|boot: Boot<IpfsNode>| {
        boot.holds_private_key();
        memory::keep_buffers();
        let repository = boot.writes(boot.places().data_dir.join("ipfs"));
        let rpc = boot.listens("rpc", boot.config().rpc_listen);
        let gateway = boot.listens("gateway", boot.config().gateway_listen);
        boot.confine(|running, config| async move {
            let limits = Limits { storage_max_bytes: config.storage_max_gib << 30 };
            let node = Node::open(&running.path(&repository), StoreOptions::default(), limits).map_err(failure)?;
            let (rpc, gateway) = (running.listener(&rpc)?, running.listener(&gateway)?);
            let met = Peer::start(&node, &config).await?;
            let server = Server::new(node, rpc, gateway, &config.rpc_allow_origins);
            let server = server.or_fail("cannot read the address of a listener")?;
            let server = server.with_gateway(|gateway| gateway.configured(&config));
            let (stop, pulse) = (running.stop(), running.pulse());
            met.iter().for_each(|(purpose, address)| pulse.listens(purpose, address.clone()));
            #[cfg(feature = "leak")]
            ipfs_node::leak::start().or_fail("cannot start to leak")?;
            running.ready();
            server.run(stop.asked(), || pulse.beat()).await.or_fail("the node cannot go on")
        })
    })
}

fn failure(error: NodeError) -> Failure {
    let text = error.to_string();
    let failure = match &error {
        NodeError::Store(OpenError::Locked { .. }) => Failure::locked(text),
        NodeError::Store(OpenError::Damaged { .. } | OpenError::Format { .. }) => Failure::damaged(text),
        _ => Failure::failed(text),
    };
    failure.because(error)
}
