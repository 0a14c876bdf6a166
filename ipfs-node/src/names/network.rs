//! The DHT as names see it.
use std::time::Duration;

use super::{ValueFault, Values};
use crate::node::Node;

pub(crate) struct Network;

impl Node {
    pub(crate) fn network(&self, _limit: Option<Duration>) -> Option<Network> {
        None
    }
}

impl Values for Network {
    fn get(&self, _key: &[u8]) -> Result<Option<Vec<u8>>, ValueFault> {
        Ok(None)
    }

    fn put(&self, _key: &[u8], _value: Vec<u8>) -> Result<(), ValueFault> {
        Ok(())
    }
}
