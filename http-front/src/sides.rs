//! Whom the front asks: the reading side (`get-worker`), the writing side (`post-worker`), the IPFS side (`ipfs-shim`).
//!
//! Behind a trait, so that the front can be tried without a bus.

use std::{future::Future, time::Duration};

use daemon::bus::{AskError, Asker};
use proto::{Blocks, Interface, Posts, Question, RequestId, Threads};

/// Somebody who answers the questions of `I`.
pub(crate) trait Side<I: Interface>: Send + Sync + 'static {
    /// Asks. A question that may be asked twice is asked again of a sibling when its worker dies.
    fn ask<Q: Question<Of = I>>(
        &self,
        question: Q,
        request: RequestId,
        within: Duration,
    ) -> impl Future<Output = Result<Q::Reply, AskError>> + Send;

    /// How many instances answer now.
    fn live(&self) -> usize;
}

impl<I: Interface> Side<I> for Asker<I> {
    fn ask<Q: Question<Of = I>>(
        &self,
        question: Q,
        request: RequestId,
        within: Duration,
    ) -> impl Future<Output = Result<Q::Reply, AskError>> + Send {
        self.ask_within(question, request, within)
    }

    fn live(&self) -> usize {
        Asker::live(self)
    }
}

/// All whom the front asks.
pub(crate) trait Sides: Send + Sync + 'static {
    /// The reading side.
    type Reads: Side<Threads>;
    /// The writing side.
    type Writes: Side<Posts>;
    /// The IPFS side.
    type Blocks: Side<Blocks>;
}

/// The boxes of the tree, over the bus.
#[derive(Debug)]
pub(crate) struct Bus;

impl Sides for Bus {
    type Reads = Asker<Threads>;
    type Writes = Asker<Posts>;
    type Blocks = Asker<Blocks>;
}
