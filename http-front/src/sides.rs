//! Whom the front asks: the reading side (`get-worker`) and the writing side (`post-worker`).
//!
//! Behind a trait, so that the front can be tried without a bus.

use std::{future::Future, time::Duration};

use daemon::bus::{AskError, Asker};
use proto::{Interface, Posts, Question, RequestId, Threads};

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

/// The reading side.
pub(crate) trait ReadSide: Side<Threads> {}
impl<T: Side<Threads>> ReadSide for T {}

/// The writing side.
pub(crate) trait WriteSide: Side<Posts> {}
impl<T: Side<Posts>> WriteSide for T {}
