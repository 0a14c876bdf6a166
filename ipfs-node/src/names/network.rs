//! The network as names see it: records in the DHT under the names' keys, and domains in DNS.
//!
//! Asked by `names`, through [`Values`]. Asks the peer side and the system's DNS servers, no longer than its asker waits.

use std::time::Duration;

use hickory_resolver::{
    ResolverBuilder, TokioResolver,
    proto::rr::{RData, Record},
};
use swarm::{DhtError, Swarm};
use tokio::time::timeout;

use super::{Names, Put, ValueFault, Values};
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

impl Names {
    /// What asks the servers of DNS that the system is configured with.
    fn resolver(&self) -> Result<&TokioResolver, ValueFault> {
        if let Some(resolver) = self.dns.get() {
            return Ok(resolver);
        }
        let made = TokioResolver::builder_tokio().and_then(ResolverBuilder::build);
        let made = made.map_err(|error| ValueFault(format!("DNS cannot be asked, see /etc/resolv.conf: {error}")))?;
        Ok(self.dns.get_or_init(|| made))
    }
}

/// The text of a record: its pieces count as one.
fn text(record: &Record) -> Option<String> {
    match &record.data {
        RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
        _ => None,
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

    fn put(&self, key: &[u8], value: Vec<u8>) -> Result<Put, ValueFault> {
        match self.wait(self.swarm.put_value(key, &value))? {
            Ok(_) => Ok(Put::There),
            Err(DhtError::NoPeers | DhtError::Off) => Ok(Put::HereOnly),
            Err(error) => Err(ValueFault(error.to_string())),
        }
    }

    fn texts(&self, domain: &str) -> Result<Vec<String>, ValueFault> {
        let resolver = self.node.names.resolver()?;
        let asked = self.node.wait(timeout(self.limit, resolver.txt_lookup(domain)));
        let answer = asked.map_err(|refusal| ValueFault(refusal.message))?;
        match answer.map_err(|_| ValueFault("context deadline exceeded".to_owned()))? {
            Ok(answer) => Ok(answer.answers().iter().filter_map(text).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(ValueFault(error.to_string())),
        }
    }
}
