//! The links of a block, whatever its codec: what walks for pins, archives and garbage collection follow.

use crate::cbor::{self, CborError};
use crate::dag_pb::{DagPbError, PbNode};
use crate::ipld::{self, CODEC_DAG_JSON, IpldError};
use crate::{CODEC_DAG_CBOR, CODEC_DAG_PB, CODEC_RAW, Cid};
use bytes::Bytes;
use thiserror::Error;

/// Codecs whose blocks have no links: plain CBOR, plain JSON, and the key of a peer.
const WITHOUT_LINKS: [u64; 3] = [0x51, 0x0200, 0x72];

/// Why the links of a block are not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinksError {
    /// A codec that cannot be read here.
    #[error("codec {0:#x} is unknown, so its links are too: fetch such blocks one by one")]
    Codec(u64),
    /// Not the DAG-PB it says.
    #[error("block is damaged")]
    DagPb(#[from] DagPbError),
    /// Not the DAG-CBOR it says.
    #[error("block is damaged")]
    Cbor(#[from] CborError),
    /// Not the DAG-JSON it says.
    #[error("block is damaged")]
    Json(#[from] Box<IpldError>),
}

/// The CIDs that a block links, in its order, repeated ones included.
///
/// # Errors
///
/// `Codec` when the codec is unknown; the others when the block is damaged.
pub fn links(cid: &Cid, block: &Bytes) -> Result<Vec<Cid>, LinksError> {
    match cid.codec() {
        CODEC_RAW => Ok(Vec::new()),
        CODEC_DAG_PB => Ok(PbNode::decode(block)?.links.into_iter().map(|link| link.cid).collect()),
        CODEC_DAG_CBOR => Ok(cbor::links(block)?),
        CODEC_DAG_JSON => Ok(ipld::references(&ipld::read(CODEC_DAG_JSON, block).map_err(Box::new)?)),
        codec if WITHOUT_LINKS.contains(&codec) => Ok(Vec::new()),
        codec => Err(LinksError::Codec(codec)),
    }
}
