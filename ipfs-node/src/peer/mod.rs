//! The peer side: the swarm with what the node adds to it. Blocks of the store are served, known peers are saved for the
//! next start, streams of other programs are carried.
//!
//! Asked by the commands of the RPC, by `names` and `provide`, and by readers that reach out. Asks the crate `swarm`.
//! Keeps `<repository>/peers`.

mod blocks;
mod known;
mod mounts;
mod news;
mod settings;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use daemon::Failure;
use proto::config::IpfsNode;
use swarm::{KeyError, Multiaddr, StartError, Swarm};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

pub(crate) use mounts::{Greeting, MountView, Mounts, StreamView};

use crate::{
    memory, names,
    node::{Node, Source},
    provide,
};
use blocks::{PeerSource, Served};
use news::News;

/// Known peers are saved so often, lest a crash loses them all.
const SAVE_EVERY: Duration = Duration::from_secs(10 * 60);
/// How often it is looked whether much passes between peers, and how much is much.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const BUSY_BYTES: u64 = 1 << 20;
/// How long the swarm may take to end.
const STOP_WAIT: Duration = Duration::from_secs(3);

/// Why there is no peer side.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A value of the configuration means nothing.
    #[error("[ipfs-node] {key}: `{text}` cannot be used: {why}")]
    Config {
        /// The key.
        key: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// The node's key.
    #[error("the node's key is none that peers know; move the file `identity` away for a new one")]
    Key(#[source] KeyError),
    /// The swarm.
    #[error("the peer side cannot start")]
    Start(#[from] StartError),
}

impl From<PeerError> for Failure {
    /// What the file says is for the operator to change; a port may be free again in a moment.
    fn from(error: PeerError) -> Self {
        let text = error.to_string();
        let failure = match &error {
            PeerError::Config { .. } | PeerError::Key(_) => Self::config(text),
            PeerError::Start(_) => Self::failed(text),
        };
        failure.because(error)
    }
}

/// The peer side.
#[derive(Debug)]
pub struct Peer {
    swarm: Swarm,
    bootstrap: Mutex<Vec<Multiaddr>>,
    pub(crate) mounts: Mounts,
    saved: PathBuf,
    /// The swarm's own task, then those of the node.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Peer {
    /// Starts the peer side of `node` as `config` says, and gives it to the node; nothing where the configuration has
    /// no address to listen at. Tells where it listens, and for what.
    ///
    /// # Errors
    ///
    /// When an address means nothing, or cannot be listened at.
    pub async fn start(node: &Node, config: &IpfsNode) -> Result<Vec<(String, String)>, PeerError> {
        node.configure(config.clone());
        if config.swarm_listen.is_empty() {
            return Ok(Vec::new());
        }
        let saved = node.store.folder().join("peers");
        let mut settings = settings::settings(config, &node.identity)?;
        settings.known = known::read(&saved);
        let bootstrap = settings.bootstrap.clone();
        let (swarm, task) = swarm::start(settings, Arc::new(Served(node.store.clone()))).await?;
        let news = Arc::new(News::default());
        let told = Arc::clone(&news);
        node.store.tell_news(move |cid| told.came(cid));
        let tasks = vec![
            tokio::spawn(task),
            tokio::spawn(tell(news, swarm.clone())),
            tokio::spawn(save(swarm.clone(), saved.clone())),
            tokio::spawn(give_back(swarm.clone())),
            tokio::spawn(names::keep_alive(Arc::new(node.here()))),
            tokio::spawn(provide::run(Arc::new(node.here()), swarm.clone())),
        ];
        provide::watch_pins(node);
        let (bootstrap, tasks) = (Mutex::new(bootstrap), Mutex::new(tasks));
        let mounts = Mounts::new(swarm.clone(), config.stream_mounting);
        let addresses = swarm.listen_addresses().await.unwrap_or_default();
        node.join(Self { swarm, bootstrap, mounts, saved, tasks });
        Ok(purposes(&addresses))
    }

    /// The swarm.
    #[must_use]
    pub fn swarm(&self) -> &Swarm {
        &self.swarm
    }

    /// Where blocks come from that are not here.
    pub(crate) fn source(&self) -> Box<dyn Source> {
        Box::new(PeerSource::new(self.swarm.fetch()))
    }

    /// The peers through which a network is entered.
    pub(crate) fn bootstrap_list(&self) -> Vec<Multiaddr> {
        self.bootstrap.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the list of them, until the next start.
    pub(crate) fn change_bootstrap<T>(&self, change: impl FnOnce(&mut Vec<Multiaddr>) -> T) -> T {
        change(&mut self.bootstrap.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Saves what is known of other peers, and ends.
    pub(crate) async fn stop(&self) {
        self.mounts.close_all();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.drain(1..).for_each(|task| task.abort());
        save_now(&self.swarm, &self.saved).await;
        self.swarm.stop().await;
        for task in tasks {
            let abort = task.abort_handle();
            if timeout(STOP_WAIT, task).await.is_err() {
                tracing::warn!(wait_ms = STOP_WAIT.as_millis(), "the peer side did not end in time and was cut");
                abort.abort();
            }
        }
    }
}

/// What `supervisor status` calls them: `swarm`, `swarm-quic`, `swarm-ws`.
fn purposes(addresses: &[Multiaddr]) -> Vec<(String, String)> {
    let mut named: Vec<(String, String)> = Vec::new();
    for address in addresses.iter().map(ToString::to_string) {
        let kind = match &address {
            address if address.ends_with("/quic-v1") => "swarm-quic",
            address if address.ends_with("/ws") => "swarm-ws",
            _ => "swarm",
        };
        let same = named.iter().filter(|(name, _)| name.split('.').next() == Some(kind)).count();
        let name = if same == 0 { kind.to_owned() } else { format!("{kind}.{}", same + 1) };
        named.push((name, address));
    }
    named
}

async fn tell(news: Arc<News>, swarm: Swarm) {
    news.tell(&swarm).await;
}

/// What passed between peers took memory, which goes back to the system when no more passes.
async fn give_back(swarm: Swarm) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut busy) = (0, false);
    loop {
        ticks.tick().await;
        let Ok(passed) = swarm.bandwidth().await else { return };
        let bytes = passed.in_bytes + passed.out_bytes;
        let is_busy = bytes - before > BUSY_BYTES;
        if busy && !is_busy {
            memory::give_back();
        }
        (before, busy) = (bytes, is_busy);
    }
}

async fn save(swarm: Swarm, path: PathBuf) {
    let mut ticks = interval(SAVE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        save_now(&swarm, &path).await;
    }
}

async fn save_now(swarm: &Swarm, path: &std::path::Path) {
    let Ok(known) = swarm.known_addresses().await else { return };
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || known::write(&path, &known)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(%error, "the peers that are known could not be saved");
    }
}
