//! The whole tree, as the supervisor sees it: what it tells on `status.sock` to whoever connects.
//!
//! A front that was started by hand has no supervisor; then it knows only itself.

use std::{io, path::PathBuf, time::Duration};

use proto::supervision::Status;
use tokio::{io::AsyncReadExt as _, net::UnixStream};

use super::exposition::Exposition;

/// The supervisor answers at once or not at all.
const WAIT: Duration = Duration::from_secs(1);
/// Far more than the metrics of any tree.
const STATUS_BYTES: u64 = 16 * 1024 * 1024;

/// Where the supervisor tells its status, and what this front knows of itself.
pub(crate) struct Tree {
    status_socket: PathBuf,
    /// This instance, as the supervisor calls it: `http-front.0`.
    own_name: String,
    own_metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl Tree {
    pub(crate) fn new(
        status_socket: PathBuf,
        own_name: String,
        own_metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        Self { status_socket, own_name, own_metrics: Box::new(own_metrics) }
    }

    /// The metrics of all boxes, our own as they are now, the others' as of their last heartbeat.
    pub(crate) async fn metrics(&self) -> String {
        let mut exposition = Exposition::default();
        exposition.add(&(self.own_metrics)());
        match self.status().await {
            Ok(status) => {
                let others = status.metrics.iter().filter(|(name, _)| **name != self.own_name);
                others.for_each(|(_, text)| exposition.add(text));
            }
            Err(cause) => tracing::debug!(%cause, "no supervisor told its status"),
        }
        exposition.render()
    }

    async fn status(&self) -> io::Result<Status> {
        let json = tokio::time::timeout(WAIT, self.read_status()).await??;
        Ok(serde_json::from_slice(&json)?)
    }

    async fn read_status(&self) -> io::Result<Vec<u8>> {
        let stream = UnixStream::connect(&self.status_socket).await?;
        let mut json = Vec::new();
        stream.take(STATUS_BYTES).read_to_end(&mut json).await?;
        Ok(json)
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("status_socket", &self.status_socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::{io::AsyncWriteExt as _, net::UnixListener};

    use super::*;

    const OWN: &str = "# TYPE a counter\na_total{box=\"http-front\"} 1\n";

    fn status() -> Status {
        let theirs = "# TYPE a counter\na_total{box=\"get-worker\"} 5\n".to_owned();
        let stale = "# TYPE a counter\na_total{box=\"http-front\"} 0\n".to_owned();
        Status {
            version: "0".to_owned(),
            pid: 1,
            uptime_ms: 1,
            rss_bytes: 1,
            ready: true,
            data_dir: String::new(),
            runtime_dir: String::new(),
            boxes: Vec::new(),
            metrics: BTreeMap::from([("get-worker.0".to_owned(), theirs), ("http-front.0".to_owned(), stale)]),
        }
    }

    #[tokio::test]
    async fn metrics_of_all_boxes_come_from_the_supervisor() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("status.sock");
        let supervisor = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = supervisor.accept().await.unwrap();
            stream.write_all(&serde_json::to_vec(&status()).unwrap()).await.unwrap();
        });
        let text = Tree::new(socket, "http-front.0".to_owned(), || OWN.to_owned()).metrics().await;
        let (own, theirs) = ("a_total{box=\"http-front\"} 1\n", "a_total{box=\"get-worker\"} 5\n");
        assert!(text.starts_with(&format!("# TYPE a counter\n{own}{theirs}#")), "{text}");
    }

    #[tokio::test]
    async fn without_a_supervisor_there_are_our_own_metrics() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path().join("status.sock"), "http-front.0".to_owned(), || OWN.to_owned());
        assert_eq!(tree.metrics().await, format!("{OWN}# EOF\n"));
    }
}
