//! What the peer reads to serve others: the node's block store, behind a trait so that the peer knows no disk.

use bytes::Bytes;
use cid::Cid;

/// The store could not read.
#[derive(Debug, thiserror::Error)]
#[error("the block store cannot be read")]
pub struct StoreFault(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// What the peer can read. Called on threads that may block, never on the peer's own task.
pub trait BlockStore: Send + Sync + 'static {
    /// The block's bytes; none when it is not here.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; the asking peer is told nothing and asks again.
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreFault>;

    /// The block's length in bytes; none when it is not here.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    fn size(&self, cid: &Cid) -> Result<Option<u32>, StoreFault>;
}
