//! The question to the host: who has this? It connects to whom it finds, and they are asked as soon as they are there.

use std::time::Duration;

use cid::Cid;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// A search ends within this time, whoever is found.
const WAIT: Duration = Duration::from_secs(30);

/// A search for providers.
#[derive(Debug)]
pub(crate) struct Search {
    /// What is looked for.
    pub(crate) cid: Cid,
    /// Told, or dropped, when those who were found are connected or cannot be reached.
    pub(crate) done: oneshot::Sender<()>,
}

/// Asks the host, and waits until it has done what it can.
pub(super) async fn search(searching: mpsc::Sender<Search>, cid: Cid) {
    let (done, ended) = oneshot::channel();
    let asked = async {
        if searching.send(Search { cid, done }).await.is_ok() {
            let _ = ended.await;
        }
    };
    let _ = timeout(WAIT, asked).await;
}
