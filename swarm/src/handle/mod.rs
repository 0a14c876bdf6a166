//! The handle: everything that can be asked of a peer. Each question goes to the peer's task as a command and has an end.

mod blocks;
mod connections;
mod dht;
mod pubsub;
mod streams;

use std::{sync::Arc, time::Duration};

use libp2p::PeerId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

pub(crate) use blocks::Blocks;
pub use pubsub::Subscription;

use crate::{
    dht::Net,
    errors::Gone,
    filters::Filters,
    host::{Host, Job},
    settings::{Dht, KeyPair, Settings},
    streams::Desk,
    views::Bandwidth,
};

/// What the task answers from memory it answers within this time, or it is in trouble.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// A handle of a running peer. Cheap to clone; all clones speak of the same peer, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Swarm {
    commands: mpsc::Sender<Job>,
    about: Arc<About>,
    filters: Filters,
    desk: Desk,
    blocks: Blocks,
}

/// A handle that does not keep the peer alive.
#[derive(Debug, Clone)]
pub(crate) struct WeakSwarm {
    commands: mpsc::WeakSender<Job>,
    about: Arc<About>,
    filters: Filters,
    desk: Desk,
    blocks: Blocks,
}

impl WeakSwarm {
    /// The handle, while somebody else holds one.
    pub(crate) fn upgrade(&self) -> Option<Swarm> {
        let commands = self.commands.upgrade()?;
        let Self { about, filters, desk, blocks, .. } = self.clone();
        Some(Swarm { commands, about, filters, desk, blocks })
    }
}

/// What does not change.
#[derive(Debug)]
struct About {
    key: KeyPair,
    agent_version: String,
    dht: Dht,
    pubsub: bool,
}

impl Swarm {
    pub(crate) fn new(
        settings: &Settings,
        commands: mpsc::Sender<Job>,
        filters: Filters,
        desk: Desk,
        blocks: Blocks,
    ) -> Self {
        let about = About {
            key: settings.key.clone(),
            agent_version: settings.agent_version.clone(),
            dht: settings.dht.clone(),
            pubsub: settings.pubsub,
        };
        Self { commands, about: Arc::new(about), filters, desk, blocks }
    }

    pub(crate) fn downgrade(&self) -> WeakSwarm {
        let Self { commands, about, filters, desk, blocks } = self.clone();
        WeakSwarm { commands: commands.downgrade(), about, filters, desk, blocks }
    }

    /// Who this peer is.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.about.key.peer_id()
    }

    /// Its public key, as libp2p writes it (protobuf).
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.about.key.public_protobuf()
    }

    /// What it calls itself to others.
    #[must_use]
    pub fn agent_version(&self) -> &str {
        &self.about.agent_version
    }

    /// In which networks it looks peers and providers up.
    #[must_use]
    pub fn dht(&self) -> &Dht {
        &self.about.dht
    }

    /// Whether messages can be published to topics, and read.
    #[must_use]
    pub fn has_pubsub(&self) -> bool {
        self.about.pubsub
    }

    /// The protocols of streams that others may open with it.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn protocols(&self) -> Result<Vec<String>, Gone> {
        let served = self.ask(|host| [Net::Wide, Net::Local].map(|net| host.serves(net))).await?;
        let mut all: Vec<String> =
            ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0"].map(str::to_owned).to_vec();
        all.extend(["", "/1.0.0", "/1.1.0", "/1.2.0"].map(|version| format!("/ipfs/bitswap{version}")));
        all.extend(self.dht_protocols(served));
        if self.about.pubsub {
            all.extend(["/meshsub/1.0.0", "/meshsub/1.1.0"].map(str::to_owned));
        }
        if self.about.dht == Dht::Public {
            all.extend(
                ["/libp2p/dcutr", "/libp2p/autonat/2/dial-request", "/libp2p/autonat/2/dial-back"].map(str::to_owned),
            );
        }
        all.push("/libp2p/circuit/relay/0.2.0/stop".to_owned());
        all.extend(self.desk.protocols().iter().map(ToString::to_string));
        all.sort();
        Ok(all)
    }

    fn dht_protocols(&self, [wide, local]: [bool; 2]) -> Vec<String> {
        let name = match &self.about.dht {
            Dht::Private(prefix) => format!("{prefix}/kad/1.0.0"),
            _ => "/ipfs/kad/1.0.0".to_owned(),
        };
        let local = local.then(|| "/ipfs/lan/kad/1.0.0".to_owned());
        wide.then_some(name).into_iter().chain(local).collect()
    }

    /// Bytes that passed over all streams.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn bandwidth(&self) -> Result<Bandwidth, Gone> {
        self.ask(|host| host.bandwidth()).await
    }

    /// Bytes that passed over the streams with one peer since it connected; nothing when it is not.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn bandwidth_with(&self, peer: PeerId) -> Result<Bandwidth, Gone> {
        self.ask(move |host| host.bandwidth_with(&peer)).await
    }

    /// Ends the peer: connections and streams are closed, questions that are open get no answer.
    pub async fn stop(&self) {
        let _ = self.ask(Host::stop).await;
    }

    /// Asks what the task knows.
    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Host) -> T + Send + 'static) -> Result<T, Gone> {
        self.ask_later(ANSWER_WAIT, move |host, reply| drop(reply.send(question(host)))).await
    }

    /// Asks what the task has to find out: it sends the answer when it has it. If it drops the question instead, it has
    /// stopped.
    async fn ask_later<T: Send + 'static>(
        &self,
        wait: Duration,
        question: impl FnOnce(&mut Host, oneshot::Sender<T>) + Send + 'static,
    ) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |host| question(host, reply));
        let asked = async {
            self.commands.send(job).await.map_err(|_| Gone::Stopped)?;
            answer.await.map_err(|_| Gone::Stopped)
        };
        timeout(wait, asked).await.unwrap_or(Err(Gone::TimedOut(wait)))
    }
}
