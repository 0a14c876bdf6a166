//! The bus (signatures only; being written).
use crate::{context::Context, failure::Failure};
use proto::{
    RequestId,
    interface::{AnsweredBy, Interface, Question},
    supervision::BoxState,
};
use std::{marker::PhantomData, time::Duration};

/// See running.
pub async fn serve<I: Interface + AnsweredBy<H>, H: Send + Sync + 'static>(
    context: Context,
    handler: H,
) -> Result<(), Failure> {
    context.pulse.change(BoxState::Ready);
    context.stop.asked().await;
    drop(handler);
    Ok(())
}
/// Asks.
#[derive(Debug)]
pub struct Asker<I>(PhantomData<I>);
impl<I> Clone for Asker<I> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}
/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// .
    #[error("busy")]
    Busy,
    /// .
    #[error("timed out")]
    TimedOut,
    /// .
    #[error("nobody there")]
    NobodyThere,
    /// .
    #[error("died")]
    Died,
    /// .
    #[error("refused: {0}")]
    Refused(String),
    /// .
    #[error("too large: {bytes}")]
    TooLarge {
        /// .
        bytes: usize,
        /// .
        limit_bytes: usize,
    },
}
impl<I: Interface> Asker<I> {
    /// .
    pub fn open(_context: Context) -> Result<Self, Failure> {
        Ok(Self(PhantomData))
    }
    /// .
    pub async fn ask<Q: Question<Of = I>>(&self, _q: Q, _request: RequestId) -> Result<Q::Reply, AskError> {
        Err(AskError::NobodyThere)
    }
    /// .
    pub async fn ask_within<Q: Question<Of = I>>(
        &self,
        _q: Q,
        _request: RequestId,
        _within: Duration,
    ) -> Result<Q::Reply, AskError> {
        Err(AskError::NobodyThere)
    }
    /// .
    pub fn live(&self) -> usize {
        0
    }
}
