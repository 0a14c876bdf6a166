//! A remote daemon that does not answer: nobody of this tree starts it again, so whoever operates the tree is told.
//!
//! Asked by `main`. Asks the daemon for its version every few seconds. Keeps nothing.

use std::{convert::Infallible, time::Duration};

use daemon::pulse::Pulse;
use proto::config::IpfsDaemon;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::kubo::Kubo;

/// It is asked so often.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// A restart of it takes moments; only when that is over the operator needs to know.
const ALERT_AFTER: Duration = Duration::from_secs(6);

/// Says when a remote daemon stays away and when it is back, until it is dropped. The supervisor watches every other one.
pub async fn of_remote(daemon: IpfsDaemon, kubo: Kubo, pulse: Pulse) -> Infallible {
    match daemon {
        IpfsDaemon::Remote => tell_of_absence(&kubo, |alert| pulse.alert(alert)).await,
        IpfsDaemon::Embedded | IpfsDaemon::Kubo => std::future::pending().await,
    }
}

async fn tell_of_absence(kubo: &Kubo, say: impl Fn(Option<String>)) -> Infallible {
    let (mut answered, mut told) = (Instant::now(), false);
    loop {
        match kubo.version().await {
            // Even a refusal is an answer.
            Err(error) if error.is_down() => {
                if !told && answered.elapsed() >= ALERT_AFTER {
                    warn!(%error, "the remote IPFS daemon stays away");
                    say(Some(format!("the remote IPFS daemon does not answer: {error}")));
                    told = true;
                }
            }
            _ => {
                answered = Instant::now();
                if std::mem::take(&mut told) {
                    info!("the remote IPFS daemon answers again");
                    say(None);
                }
            }
        }
        sleep(ASK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::mpsc::unbounded_channel,
        time::timeout,
    };

    use super::*;
    use crate::{
        kubo::{Place, Waits},
        metrics::Metrics,
    };

    const ANSWER: &[u8] = b"HTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";

    #[tokio::test]
    async fn a_remote_daemon_that_is_away_is_an_alert_that_names_the_key_until_it_answers() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let place = Place::At { address: format!("http://{free}").try_into().unwrap(), secret: None };
        let kubo = Kubo::new(place, Waits::of(Duration::from_secs(5)), Metrics::default());
        let (say, mut said) = unbounded_channel();
        let watching = tokio::spawn(async move { tell_of_absence(&kubo, |alert| say.send(alert).unwrap()).await });
        let alert = timeout(Duration::from_secs(20), said.recv()).await.unwrap().unwrap().unwrap();
        assert!(alert.contains("[ipfs] remote") && !alert.contains("restarted"), "{alert}");
        let there = tokio::net::TcpListener::bind(free).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = there.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(ANSWER).await;
            }
        });
        assert_eq!(timeout(Duration::from_secs(20), said.recv()).await.unwrap(), Some(None));
        watching.abort();
    }
}
