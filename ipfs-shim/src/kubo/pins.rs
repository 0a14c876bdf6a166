//! Pins, which keep blocks from garbage collection: `pin/add`, `pin/update`, `pin/rm`, `pin/ls`.

use serde::Deserialize;
use tokio::time::Instant;
use unixfs::Cid;

use super::{Kubo, RpcError, answer::Answer, call::Call, wait::Work};

/// A line of `pin/add`: how far the walk is, or what is pinned at its end.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pinning {
    #[serde(default)]
    progress: u64,
    pins: Option<Vec<String>>,
}

/// A line of `pin/ls`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pin {
    cid: String,
}

impl Kubo {
    /// Pins a root and all below it, which the daemon must have already.
    ///
    /// # Errors
    ///
    /// As every call; [`RpcError::is_missing_block`] tells whether something below the root is missing.
    pub async fn pin(&self, root: &Cid) -> Result<(), RpcError> {
        let call = Call::new("pin/add", Work::Walk).cid(root).option("progress", "true").offline();
        self.measured(call, wait_for_pin).await
    }

    /// Pins `new` too, walking only where it differs from `old`, which is pinned.
    ///
    /// # Errors
    ///
    /// As every call; [`RpcError::is_not_pinned`] tells whether `old` was not pinned, [`RpcError::is_missing_block`]
    /// whether something below `new` is missing.
    pub async fn pin_beside(&self, old: &Cid, new: &Cid) -> Result<(), RpcError> {
        let call = Call::new("pin/update", Work::Walk).cid(old).cid(new).option("unpin", "false").offline();
        self.measured(call, |answer| answer.end()).await
    }

    /// Gives a root up. That it was not pinned is no error.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn unpin(&self, root: &Cid) -> Result<(), RpcError> {
        match self.measured(Call::new("pin/rm", Work::Brief).cid(root), |answer| answer.end()).await {
            Err(error) if error.is_not_pinned() => Ok(()),
            done => done,
        }
    }

    /// Asks whether a root is pinned with all below it.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn is_pinned(&self, root: &Cid) -> Result<bool, RpcError> {
        // Without the type the daemon would look for the root below every other pin, which takes hours on big sets.
        let call = Call::new("pin/ls", Work::Brief).cid(root).option("type", "recursive").option("stream", "true");
        match self.measured(call, |answer| is_listed(answer, root)).await {
            Err(error) if error.is_not_pinned() => Ok(false),
            asked => asked,
        }
    }
}

/// The daemon reports twice a second, also when it makes no headway.
async fn wait_for_pin(mut answer: Answer) -> Result<(), RpcError> {
    let (mut most, mut moved) = (0, Instant::now());
    let mut pinned = false;
    while let Some(line) = answer.line::<Pinning>().await? {
        pinned |= line.pins.is_some_and(|pins| !pins.is_empty());
        if line.progress > most {
            (most, moved) = (line.progress, Instant::now());
        }
        answer.deadline().check_headway(moved)?;
    }
    if pinned { Ok(()) } else { Err(answer.nonsense("no pin at the end".to_owned())) }
}

async fn is_listed(mut answer: Answer, root: &Cid) -> Result<bool, RpcError> {
    let mut listed = false;
    while let Some(pin) = answer.line::<Pin>().await? {
        listed |= Cid::try_from(pin.cid.as_str()).is_ok_and(|cid| cid.hash() == root.hash());
    }
    Ok(listed)
}
