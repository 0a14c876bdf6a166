//! Records live as long as their keys: every few hours each is signed again for another two days, as Kubo does it, and
//! handed to the network, which forgets what nobody repeats.
//!
//! Started with the peer side.

use std::{sync::Arc, time::Duration};

use ipns::{Compatibility, KeyPair, Record, SignatureVersions};
use tokio::{task::spawn_blocking, time::sleep};

use super::{Draw, Names, Publication, PublishError, now};
use crate::{node::Node, refusal::Refusal};

/// The first round after a start: peers have been found by then.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(4 * 60 * 60);
/// After a record reached nobody.
const SOON: Duration = Duration::from_secs(15);
/// After a round in which something failed.
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// How long a record is valid that nobody said more of.
pub(crate) const LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// Goes on until it is dropped.
pub(crate) async fn keep_alive(node: Arc<Node>) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = sleep(wait) => {}
            // Something was published while nobody was there: soon there may be.
            () = node.names.owed.notified() => sleep(SOON).await,
        }
        let node = Arc::clone(&node);
        let round = spawn_blocking(move || round(&node)).await;
        wait = match round {
            Ok(Ok(())) => EVERY,
            Ok(Err(error)) => {
                tracing::info!(%error, again_s = AGAIN.as_secs(), "names could not be published again");
                AGAIN
            }
            // The runtime ends.
            Err(_) => return,
        };
    }
}

/// Publishes every name again that was published here; the first failure is told when all have had their turn.
fn round(node: &Node) -> Result<(), Refusal> {
    let names = &node.names;
    let mut failed = None;
    for (kept_as, key) in names.all_keys().map_err(|error| Refusal::from_error(&error))? {
        let Some(record) = names.published(&key) else { continue };
        match again(names, node, &key, &record) {
            Ok(()) => tracing::debug!(%kept_as, name = %key.name(), "a name was published again"),
            Err(error) => failed = failed.or(Some(Refusal::from_error(&error))),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn again(names: &Names, node: &Node, key: &KeyPair, record: &Record) -> Result<(), PublishError> {
    let Some(publication) = repeated(record) else { return Ok(()) };
    let network = node.network(None);
    names.publish(key, &publication, Draw::Here, network.as_ref().map(|network| network as _)).map(drop)
}

/// The same once more, valid for no shorter than it was.
fn repeated(record: &Record) -> Option<Publication> {
    let left = record.expires().ok()?.since_unix().saturating_sub(now().since_unix());
    Some(Publication {
        value: record.value().ok()?,
        lifetime: left.max(LIFETIME),
        ttl: record.ttl().unwrap_or_default(),
        compatibility: match record.versions() {
            SignatureVersions::V1AndV2 => Compatibility::V1AndV2,
            SignatureVersions::V2 => Compatibility::V2Only,
        },
        sequence: None,
    })
}
