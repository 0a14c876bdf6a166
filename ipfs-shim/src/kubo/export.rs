//! All blocks below a root, as they come: `dag/export`.

use std::collections::VecDeque;

use bytes::Bytes;
use unixfs::{
    Cid,
    car::{CarReader, CarStep},
};

use super::{Kubo, RpcError, answer::Answer, call::Call, wait::Work};

/// Blocks on their way. Of an archive no more than one piece of the answer is in memory.
pub struct Export {
    answer: Answer,
    car: CarReader,
    ready: VecDeque<(Cid, Bytes)>,
}

impl Kubo {
    /// Begins to read everything below a root from the daemon's own disk.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn export(&self, root: &Cid) -> Result<Export, RpcError> {
        let call = Call::new("dag/export", Work::Walk).cid(root).option("progress", "false").offline();
        self.measured(call, |answer| async { Ok(Export { answer, car: CarReader::new(), ready: VecDeque::new() }) })
            .await
    }
}

impl Export {
    /// The next block, checked against its name; none when all were read.
    ///
    /// # Errors
    ///
    /// When the daemon lacks one, or failed, or gave something else than an archive.
    pub async fn next(&mut self) -> Result<Option<(Cid, Bytes)>, RpcError> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Ok(Some(block));
            }
            let Some(piece) = self.answer.piece().await? else { return self.end() };
            self.car.push(&piece);
            self.take()?;
        }
    }

    fn take(&mut self) -> Result<(), RpcError> {
        loop {
            match self.car.step() {
                Ok(CarStep::Block(block)) => self.ready.push_back((block.cid, block.bytes)),
                Ok(CarStep::Header(_)) => {}
                Ok(CarStep::More) => return Ok(()),
                Err(error) => return Err(self.answer.nonsense(error.to_string())),
            }
        }
    }

    fn end(&self) -> Result<Option<(Cid, Bytes)>, RpcError> {
        self.car.finish().map(|()| None).map_err(|error| self.answer.nonsense(error.to_string()))
    }
}
