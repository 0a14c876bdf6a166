//! Kubo's RPC as its client: the only place of the workspace that speaks it.
//!
//! Asked by the publisher and by the answers to `Blocks`. Asks the IPFS daemon, over HTTP. Keeps a few connections.
//! Every call has a deadline; every answer is read to its trailer, because only there Kubo tells a late failure.

mod address;
mod answer;
mod blocks;
mod call;
mod cluster;
mod command_line;
mod connection;
mod error;
mod export;
mod import;
mod node;
mod pins;
mod upload;
mod wait;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

pub use self::{
    address::Place,
    blocks::{BLOCK_BYTES, BlockCodec},
    cluster::{Cluster, Copies},
    command_line::CommandLine,
    error::{Awaited, RpcError},
    export::Export,
    node::{Agent, RepoSize},
    wait::Waits,
};
use self::{
    answer::Answer,
    call::Call,
    connection::Pool,
    wait::{Deadline, Progress},
};
use crate::metrics::Metrics;

/// A daemon that gave a call up takes so long at most to have a successor that listens, or never has one.
const BETWEEN_TRIES: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(80), Duration::from_millis(320), Duration::from_millis(640)];

/// The daemon, wherever it is at the moment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Kubo {
    pool: Arc<Pool>,
    reachable: Arc<AtomicBool>,
    metrics: Metrics,
    command_line: Option<CommandLine>,
}

impl Kubo {
    /// The daemon at a place.
    #[must_use]
    pub fn new(place: impl Into<Place>, waits: Waits, metrics: Metrics) -> Self {
        Self { pool: Arc::new(Pool::new(place.into(), waits)), reachable: Arc::default(), metrics, command_line: None }
    }

    /// A daemon whose command line is used when its API cannot be reached.
    #[must_use]
    pub fn with_command_line(self, command_line: Option<CommandLine>) -> Self {
        Self { command_line, ..self }
    }

    /// Whether it answered when it was asked last.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Where it said last that it is: host and port.
    ///
    /// # Errors
    ///
    /// When it never said so.
    pub fn rpc(&self) -> Result<String, RpcError> {
        self.pool.rpc()
    }

    /// Sends a question. An idle connection may be dead without our knowledge, so a question that finds it cut goes
    /// out once more on a fresh one: every call we make may be repeated.
    async fn ask(&self, call: &Call) -> Result<Answer, RpcError> {
        if let Some(idle) = self.pool.take() {
            match self.ask_on(idle, call).await {
                Err(error) if error.is_cut() => self.pool.close_idle(),
                answered => return answered,
            }
        }
        self.ask_on(self.pool.open(call).await?, call).await
    }

    /// Asks over the API, and when that has been away for a while, over the command line.
    async fn ask_any_way(&self, call: &Call) -> Result<Answer, RpcError> {
        let asked = self.ask(call).await;
        let Some(command_line) = &self.command_line else { return asked };
        match asked {
            Err(error) if error.is_unreachable() && command_line.is_needed() => {
                let bytes = command_line.answer(call).await?;
                let deadline = Deadline::start(call.endpoint, call.work, self.pool.waits(), Progress::default());
                Ok(Answer::said(call.endpoint, bytes, self.pool.clone(), deadline, self.metrics.clone()))
            }
            Err(error) if error.is_unreachable() => Err(error),
            asked => {
                command_line.not_needed();
                asked
            }
        }
    }

    async fn ask_on(&self, mut connection: connection::Connection, call: &Call) -> Result<Answer, RpcError> {
        let sent = Progress::default();
        let deadline = Deadline::start(call.endpoint, call.work, self.pool.waits(), sent.clone());
        let head = connection.exchange(call, &deadline, sent.clone()).await;
        self.metrics.sent(sent.bytes());
        Answer::begin(call.endpoint, head?, connection, self.pool.clone(), deadline, self.metrics.clone()).await
    }

    /// Does a call, and notes how it went. A daemon that is recycled gives calls up in the middle: its successor does
    /// them, and whoever asked us notices nothing.
    async fn measured<T, F>(&self, call: Call, read: impl Fn(Answer) -> F) -> Result<T, RpcError>
    where
        F: Future<Output = Result<T, RpcError>>,
    {
        let mut pauses = BETWEEN_TRIES.into_iter();
        loop {
            let began = Instant::now();
            let result = async { read(self.ask_any_way(&call).await?).await }.await;
            self.note(call.endpoint, began, result.as_ref().err());
            match (result, pauses.next()) {
                (Err(error), Some(pause)) if error.is_interrupted() => {
                    self.pool.close_idle();
                    sleep(pause).await;
                }
                (result, _) => return result,
            }
        }
    }

    fn note(&self, endpoint: &'static str, began: Instant, error: Option<&RpcError>) {
        let up = !error.is_some_and(RpcError::is_down);
        self.reachable.store(up, Ordering::Relaxed);
        self.metrics.called(endpoint, error.map_or("ok", RpcError::outcome), began.elapsed(), up);
        if !up {
            self.pool.close_idle();
        }
    }
}
