//! Starting: transports, behaviour and listeners, then a handle and the task that does the work.

use std::{future::Future, io, mem, net::TcpListener, sync::Arc, time::Duration};

use libp2p::{Multiaddr, multiaddr::Protocol, swarm};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    behaviour::Behaviour,
    book::peer_of,
    errors::StartError,
    exchange, filters,
    filters::Filters,
    handle::{Blocks, Swarm},
    host::Host,
    seek,
    settings::Settings,
    store::BlockStore,
    transport,
};

/// Commands that wait for the task.
const COMMANDS: usize = 256;
/// A connection that nothing uses stays: Kubo hangs on peers that hang up. What is too many is closed by count instead.
const IDLE_WAIT: Duration = Duration::from_secs(6 * 3600);
/// Streams of one connection that are being agreed on at once; Kubo opens one for each answer.
const NEGOTIATING: usize = 256;

/// Starts a peer: when this returns it listens. The task must be run; it ends when the last handle is gone or
/// [`Swarm::stop`] is called.
///
/// # Errors
///
/// When it cannot listen where it should, when its key cannot sign, or when a setting makes no sense; each says which.
pub async fn start(
    mut settings: Settings,
    store: Arc<dyn BlockStore>,
) -> Result<(Swarm, impl Future<Output = ()> + Send), StartError> {
    check(&settings)?;
    let filters = Filters::new(settings.filters.clone());
    let meter = transport::Meter::default();
    let exchange = exchange::make(&settings.gateways, settings.memory_bytes, store);
    let (transport, relay) = transport::make(&settings.key.0, &filters, &meter)?;
    let behaviour = Behaviour::new(&settings, filters.clone(), relay, exchange.behaviour)?;
    let mut swarm = libp2p::Swarm::new(transport, behaviour, settings.key.peer_id(), config());
    listen(&mut swarm, &settings)?;
    let (commands, jobs) = mpsc::channel(COMMANDS);
    let blocks = Blocks { fetcher: exchange.fetcher, control: exchange.control };
    let handle = Swarm::new(&settings, commands, filters, swarm.behaviour().streams.desk(), blocks);
    let mut host = Host::new(swarm, &settings, meter, jobs);
    for (peer, addresses) in mem::take(&mut settings.known) {
        host.learn(peer, addresses);
    }
    host.enter();
    host.until_listening(listeners(&settings)).await;
    let seek = seek::run(exchange.searches, handle.downgrade());
    Ok((handle, run(host, exchange.driver, seek)))
}

/// The host in this task, the exchange and the searches in two of their own, which end with it.
async fn run(host: Host, driver: exchange::Driver, seek: impl Future<Output = ()> + Send + 'static) {
    let mut beside = JoinSet::new();
    beside.spawn(driver.run());
    beside.spawn(seek);
    host.run().await;
    beside.shutdown().await;
}

fn config() -> swarm::Config {
    swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_WAIT)
        .with_max_negotiating_inbound_streams(NEGOTIATING)
}

/// Those whose addresses are known at once; a relay has to be asked first.
fn listeners(settings: &Settings) -> usize {
    settings.listen.iter().filter(|address| !is_relayed(address)).count()
}

fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

fn check(settings: &Settings) -> Result<(), StartError> {
    let nobody = settings.bootstrap.iter().chain(&settings.peering).find(|address| peer_of(address).is_none());
    nobody.map_or(Ok(()), |address| Err(StartError::NoPeer(address.clone())))
}

fn listen(swarm: &mut libp2p::Swarm<Behaviour>, settings: &Settings) -> Result<(), StartError> {
    for address in &settings.listen {
        let fail = |cause| StartError::Listen { address: address.clone(), cause };
        probe(address).map_err(|cause| fail(cause.into()))?;
        swarm.listen_on(address.clone()).map_err(|cause| fail(cause.into()))?;
    }
    for address in &settings.announce {
        swarm.add_external_address(address.clone());
    }
    Ok(())
}

/// The library shares its TCP ports with whoever else is willing, so that two peers could both listen at one and each get
/// half of the connections. A plain socket is not willing, and tells.
fn probe(address: &Multiaddr) -> io::Result<()> {
    if is_relayed(address) {
        return Ok(());
    }
    let mut parts = address.iter();
    let (Some(ip), Some(Protocol::Tcp(port @ 1..))) = (filters::ip(address), parts.nth(1)) else { return Ok(()) };
    TcpListener::bind((ip, port)).map(drop)
}
