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
        let replicas = self.cluster.replicas_of_published();
        let mut publisher = Publisher::open(self.cluster, store, settings, self.tell, self.metrics)?;
        tokio::select! {
            ended = publisher.run() => ended,
            never = tell_of_few(replicas, |alert| pulse.alert(alert)) => match never {},
        }
    }
}

/// Says when too few peers have kept what was published for a while, and when enough do again.
async fn tell_of_few(mut replicas: watch::Receiver<Option<Replicas>>, say: impl Fn(Option<String>)) -> Infallible {
    let mut since: Option<Instant> = None;
    let mut told = false;
    loop {
        let now = *replicas.borrow_and_update();
        let few = now.filter(|replicas| !replicas.are_enough());
        match few {
            None if told => {
                info!("enough peers of the Cluster keep the comments again");
                say(None);
                (since, told) = (None, false);
            }
            None => since = None,
            Some(few) => {
                let since = *since.get_or_insert_with(Instant::now);
                if since.elapsed() >= ALERT_AFTER {
                    if !told {
                        warn!(
                            pinned = few.pinned,
                            wanted = few.wanted,
                            "too few peers of the Cluster keep the comments"
                        );
                    }
                    told = true;
                    say(Some(in_words(few)));
                }
            }
        }
        let alert_at = since.filter(|_| !told).map(|since| since + ALERT_AFTER);
        tokio::select! {
            changed = replicas.changed() => if changed.is_err() { std::future::pending::<()>().await },
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

fn in_words(Replicas { pinned, wanted }: Replicas) -> String {
    format!("the published root is on {pinned} of {wanted} peers of the Cluster; see `ipfs-cluster-ctl status`")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_root_that_is_copied_within_moments_is_no_alert_and_one_that_is_not_is_until_it_is() {
        let (tell, replicas) = watch::channel(None);
        let (say, said) = sync_channel(16);
        tokio::spawn(tell_of_few(replicas, move |alert| say.send(alert).unwrap()));
        let have = |pinned| tell.send_replace(Some(Replicas { pinned, wanted: 2 }));
        let pass = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        let settle = || async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        };
        have(0);
        settle().await;
        pass(5).await;
        have(2);
        settle().await;
        pass(60).await;
        settle().await;
        assert!(said.try_recv().is_err(), "five seconds are not long");
        have(1);
        settle().await;
        pass(11).await;
        settle().await;
        assert!(said.try_recv().unwrap().unwrap().contains("on 1 of 2 peers"));
        have(2);
        settle().await;
        assert_eq!(said.try_recv().unwrap(), None);
    }
}
