//! Where the gateway's blocks and names come from: from here, and where the configuration allows it from peers.
//!
//! Asked by the crate `gateway` through its trait, and by the bodies of long answers. Asks the node.

use std::time::Duration;

use bytes::Bytes;
use gateway::web::{Look, Named, Record, Source as GatewaySource};
use hyper::StatusCode;
use tokio::sync::watch;
use unixfs::Cid;

use crate::{
    names::{Depth, Kept, ResolveError, ValueFault, Values},
    node::{Node, Patience},
    refusal::Refusal,
};

/// So long for each block or name that is waited for, as with Kubo.
const WAIT: Duration = Duration::from_secs(30);

/// How far the gateway reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To what is here.
    Here,
    /// To what peers have.
    Peers,
}

/// The node as one request has it.
#[derive(Debug)]
pub(super) struct Source {
    /// As far as the configuration allows.
    pub(super) node: Node,
    reach: Reach,
}

/// Why it is not known whether there is a block or a name.
#[derive(Debug)]
pub(super) struct Fault(pub(super) Refusal);

impl<E: Into<Refusal>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl Fault {
    /// The status that says so.
    pub(super) fn status(&self) -> StatusCode {
        if self.0.is_timed_out() { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::INTERNAL_SERVER_ERROR }
    }
}

impl Source {
    /// The node for a client that is gone when the other end of `client` is.
    pub(super) fn new(node: &Node, reach: Reach, client: watch::Receiver<()>) -> Self {
        let patience = Patience { deadline: None, per_wait: Some(WAIT), client: Some(client) };
        let node = match reach {
            Reach::Here => node.waiting(patience),
            Reach::Peers => node.reaching_out(patience),
        };
        Self { node, reach }
    }

    fn reach(&self, look: Look) -> Reach {
        if look == Look::Here { Reach::Here } else { self.reach }
    }

    /// A block; none when nobody has it who could be asked.
    pub(super) fn look_for(&self, cid: &Cid, look: Look) -> Result<Option<Bytes>, Fault> {
        if let Some(bytes) = self.node.store.get(cid)? {
            return Ok(Some(bytes));
        }
        match self.reach(look) {
            Reach::Here => Ok(None),
            Reach::Peers => match self.node.block(cid) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(refusal) if refusal.is_timed_out() => Err(Fault(refusal)),
                Err(_) => Ok(None),
            },
        }
    }
}

impl GatewaySource for Source {
    type Fault = Fault;

    fn block(&self, cid: &Cid, look: Look) -> Result<Option<Bytes>, Fault> {
        self.look_for(cid, look)
    }

    fn name(&self, name: &str, look: Look) -> Result<Option<Named>, Fault> {
        let network = (self.reach(look) == Reach::Peers).then(|| self.node.network(Some(WAIT))).flatten();
        let network = network.as_ref().map(|network| network as &dyn Values);
        let followed = self.node.names.resolve(&format!("/ipns/{name}"), Depth::WHOLE, Kept::Believed, network);
        match followed {
            Ok(path) => Ok(Some(Named { path, ttl_s: self.node.names.believed_s(name) })),
            Err(ResolveError::Fault(fault)) => Err(failed(&fault)),
            Err(_) => Ok(None),
        }
    }

    fn record(&self, key: &Cid, look: Look) -> Result<Option<Record>, Fault> {
        let Ok(name) = ipns::Name::parse(&key.to_string()) else { return Ok(None) };
        let network = (self.reach(look) == Reach::Peers).then(|| self.node.network(Some(WAIT))).flatten();
        let network = network.as_ref().map(|network| network as &dyn Values);
        let record = self.node.names.record(&name, network).map_err(|fault| failed(&fault))?;
        Ok(record.map(|record| Record {
            ttl_s: Some(crate::names::believable(&record).as_secs()),
            bytes: record.encode().into(),
        }))
    }
}

fn failed(fault: &ValueFault) -> Fault {
    Fault(Refusal::failed(fault.to_string()))
}
