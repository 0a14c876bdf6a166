//! The DHT as names see it: records under the names' keys.
//!
//! Asked by `names`, through [`Values`]. Asks the peer side, no longer than its asker waits.

use std::time::Duration;

use swarm::{DhtError, Swarm};
use tokio::time::timeout;

use super::{ValueFault, Values};
use crate::node::Node;

/// A record is looked for no longer than this, whatever the asker's patience.
const LONGEST: Duration = Duration::from_secs(120);

/// The network of one asker.
#[derive(Debug)]
pub(crate) struct Network<'a> {
    node: &'a Node,
    swarm: &'a Swarm,
    limit: Duration,
}

impl Node {
    /// The network, for questions that take no longer than `limit`; none when there is no peer side.
    pub(crate) fn network(&self, limit: Option<Duration>) -> Option<Network<'_>> {
        let swarm = self.peer()?.swarm();
        Some(Network { node: self, swarm, limit: limit.unwrap_or(LONGEST).min(LONGEST) })
    }
}

impl Network<'_> {
    fn wait<T>(&self, work: impl Future<Output = Result<T, DhtError>>) -> Result<Result<T, DhtError>, ValueFault> {
        let done = self.node.wait(timeout(self.limit, work)).map_err(|refusal| ValueFault(refusal.message))?;
        done.map_err(|_| ValueFault("context deadline exceeded".to_owned()))
    }
}

impl Values for Network<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ValueFault> {
        match self.wait(self.swarm.get_value(key))? {
            Ok(value) => Ok(Some(value)),
            Err(DhtError::NotFound) => Ok(None),
            Err(error) => Err(ValueFault(error.to_string())),
        }
    }

    fn put(&self, key: &[u8], value: Vec<u8>) -> Result<(), ValueFault> {
        match self.wait(self.swarm.put_value(key, &value))? {
            Ok(_) => Ok(()),
            // Kubo's words.
            Err(DhtError::NoPeers) => Err(ValueFault("failed to find any peer in table".to_owned())),
            Err(error) => Err(ValueFault(error.to_string())),
        }
    }
}
