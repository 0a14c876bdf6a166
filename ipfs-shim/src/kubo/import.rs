//! Many blocks of any codec in one call: `dag/import` of a CAR.

use bytes::Bytes;
use serde::Deserialize;

use super::{Kubo, RpcError, answer::Answer, call::Call, upload::Files, wait::Work};

/// One line of the answer: about a root, or about all.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    root: Option<Root>,
    stats: Option<Stats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    #[serde(default)]
    pin_error_msg: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stats {
    block_count: u64,
}

impl Kubo {
    /// Has the daemon store all blocks of a CAR, without pinning any, and checks that it read all of them.
    ///
    /// # Errors
    ///
    /// As every call. Some of the blocks may have been stored; importing all of them again is harmless.
    pub async fn import(&self, car: Vec<Bytes>, blocks: u64) -> Result<(), RpcError> {
        let mut files = Files::new();
        files.push(car);
        let call = Call::new("dag/import", Work::Import).option("pin-roots", "false").option("stats", "true");
        self.measured(call.files(files), |answer| check_count(answer, blocks)).await
    }
}

async fn check_count(mut answer: Answer, blocks: u64) -> Result<(), RpcError> {
    let mut counted = None;
    while let Some(line) = answer.line::<Line>().await? {
        if let Some(root) = line.root
            && !root.pin_error_msg.is_empty()
        {
            return Err(RpcError::Midway { endpoint: "dag/import", message: root.pin_error_msg });
        }
        counted = line.stats.map(|stats| stats.block_count).or(counted);
    }
    match counted {
        Some(count) if count == blocks => Ok(()),
        other => Err(answer.nonsense(format!("{other:?} blocks instead of {blocks}"))),
    }
}
