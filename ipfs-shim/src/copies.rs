//! Copies in an IPFS Cluster: a second publisher brings the comments there, and whoever operates the tree is told while too
//! few peers keep them.
//!
//! Asked by `main`. Keeps `<data_dir>/ipfs-shim/cluster`: how far that is. A Cluster that is down stops nothing else.

use std::{convert::Infallible, path::PathBuf, time::Duration};

use comment_store::Reader;
use daemon::{Running, pulse::Pulse};
use proto::{
    blocks::Replicas,
    config::{self, Ipfs},
    wiring::IpfsShim,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use crate::{
    blocks::{Desk, Published},
    daemon_of::{SecretError, secret},
    kubo::{Cluster, Place, Waits},
    metrics::Metrics,
    publish::{PublishError, Publisher, Settings},
};

/// A Cluster takes moments to copy a new root; only when that is over the operator needs to know.
const ALERT_AFTER: Duration = Duration::from_secs(10);

/// The Cluster of the configuration, if there is one, with its publisher's ends.
#[derive(Debug)]
pub struct Copies {
    cluster: Cluster,
    copied: watch::Receiver<Published>,
    tell: watch::Sender<Published>,
    metrics: Metrics,
}

impl Copies {
    /// As configured; none without a Cluster.
    ///
    /// # Errors
    ///
    /// When the Cluster asks for a secret that cannot be read.
    pub fn configured(config: &Ipfs, waits: Waits) -> Result<Option<Self>, SecretError> {
        let Some(address) = config.cluster.clone() else { return Ok(None) };
        let place = Place::At { address, secret: secret(config.cluster_secret_file.as_deref())? };
        let metrics = Metrics::default();
        let (tell, copied) = watch::channel(Published::default());
        let cluster = Cluster::new(place, config.into(), waits, metrics.clone());
        Ok(Some(Self { cluster, copied, tell, metrics }))
    }

    /// Makes the Cluster, if there is one, known to those who answer questions, and its metrics to the supervisor.
    #[must_use]
    pub fn introduce(copies: Option<&Self>, desk: Desk, running: &Running<IpfsShim>) -> Desk {
        let Some(copies) = copies else { return desk };
        running.register(|registry| copies.metrics.register_of_cluster(registry));
        desk.replicating(copies.cluster.clone(), copies.copied.clone())
    }

    /// Brings the comments there, until it is dropped.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or the folder not written.
    pub async fn publish(
        self,
        store: Reader,
        folder: PathBuf,
        config: &config::IpfsShim,
        pulse: Pulse,
    ) -> Result<Infallible, PublishError> {
        let settings = Settings::new(folder.join("cluster"), config);
        let (replicas, copied) = (self.cluster.replicas_of_published(), self.copied);
        let mut publisher = Publisher::open(self.cluster, store, settings, self.tell, self.metrics)?;
        tokio::select! {
            ended = publisher.run() => ended,
            never = tell_of_trouble(replicas, copied, |alert| pulse.alert(alert)) => match never {},
        }
    }
}

/// Why the operator should look at the Cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Too few peers keep what it was given last.
    Few(Replicas),
    /// It takes nothing: since this commit of the store it has been given nothing.
    Stuck { commit: u64 },
}

impl Trouble {
    fn of(replicas: Option<Replicas>, copied: &Published) -> Option<Self> {
        let few = replicas.filter(|replicas| !replicas.are_enough()).map(Self::Few);
        let stuck = (copied.commit < copied.stored_commit).then_some(Self::Stuck { commit: copied.commit });
        few.or(stuck)
    }

    /// Whether it is still the same, with other numbers.
    fn goes_on_as(self, other: Self) -> bool {
        match (self, other) {
            (Self::Few(_), Self::Few(_)) => true,
            (Self::Stuck { commit: then }, Self::Stuck { commit: now }) => then == now,
            (Self::Few(_), Self::Stuck { .. }) | (Self::Stuck { .. }, Self::Few(_)) => false,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Few(Replicas { pinned, wanted }) => {
                format!(
                    "the published root is on {pinned} of {wanted} peers of the Cluster; see `ipfs-cluster-ctl status`"
                )
            }
            Self::Stuck { .. } => "the Cluster takes no comments; see `supervisor logs ipfs-shim`".to_owned(),
        }
    }
}

/// Says what is wrong when it has been so for a while, and when it is over.
async fn tell_of_trouble(
    mut replicas: watch::Receiver<Option<Replicas>>,
    mut copied: watch::Receiver<Published>,
    say: impl Fn(Option<String>),
) -> Infallible {
    let mut began: Option<(Trouble, Instant)> = None;
    let mut told = None;
    loop {
        let now = Trouble::of(*replicas.borrow_and_update(), &copied.borrow_and_update());
        began = now.map(|now| match began {
            Some((then, since)) if then.goes_on_as(now) => (now, since),
            _ => (now, Instant::now()),
        });
        let lasting = began.filter(|(_, since)| since.elapsed() >= ALERT_AFTER).map(|(trouble, _)| trouble.in_words());
        // What has just changed is not over.
        let over = lasting.is_none() && began.is_none();
        if lasting != told && (lasting.is_some() || over) {
            match &lasting {
                Some(words) => warn!("{words}"),
                None => info!("the Cluster keeps enough copies again"),
            }
            say(lasting.clone());
            told = lasting;
        }
        let alert_at = began.map(|(_, since)| since + ALERT_AFTER).filter(|&at| at > Instant::now());
        tokio::select! {
            changed = replicas.changed() => if changed.is_err() { std::future::pending::<()>().await },
            changed = copied.changed() => if changed.is_err() { std::future::pending::<()>().await },
            () = wait_until(alert_at) => {}
        }
    }
}

async fn wait_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    async fn settle() {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    async fn pass(seconds: u64) {
        settle().await;
        tokio::time::advance(Duration::from_secs(seconds)).await;
        settle().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_root_that_is_copied_within_moments_is_no_alert_and_one_that_is_not_is_until_it_is() {
        let (tell, replicas) = watch::channel(None);
        let (_copied, nothing) = watch::channel(Published::default());
        let (say, said) = sync_channel(16);
        tokio::spawn(tell_of_trouble(replicas, nothing, move |alert| say.send(alert).unwrap()));
        let have = |pinned| tell.send_replace(Some(Replicas { pinned, wanted: 2 }));
        have(0);
        pass(5).await;
        have(2);
        pass(60).await;
        assert!(said.try_recv().is_err(), "five seconds are not long");
        have(1);
        pass(11).await;
        assert!(said.try_recv().unwrap().unwrap().contains("on 1 of 2 peers"));
        have(2);
        settle().await;
        assert_eq!(said.try_recv().unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_takes_nothing_is_an_alert_and_one_that_is_busy_is_none() {
        let (_tell, replicas) = watch::channel(None);
        let (copied, seen) = watch::channel(Published::default());
        let (say, said) = sync_channel(16);
        tokio::spawn(tell_of_trouble(replicas, seen, move |alert| say.send(alert).unwrap()));
        let is =
            |commit, stored_commit| copied.send_replace(Published { commit, stored_commit, ..Published::default() });
        for commit in 0..10 {
            is(commit, 100);
            pass(5).await;
        }
        assert!(said.try_recv().is_err(), "it gets on");
        pass(11).await;
        assert!(said.try_recv().unwrap().unwrap().contains("takes no comments"));
        is(100, 100);
        settle().await;
        assert_eq!(said.try_recv().unwrap(), None);
    }
}
