//! Opens the comment store. `post-worker` makes it, perhaps later: blocks are moved without it.

use std::{path::Path, time::Duration};

use comment_store::{Options, Reader, StoreError};
use tokio::time::sleep;
use tracing::info;

use super::PublishError;

const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Opens the store for reading, and waits for it if it is still to be made or brought up to date. A caller that must
/// not wait for ever drops this.
///
/// # Errors
///
/// When what is there cannot be read safely.
pub async fn wait_for_store(dir: &Path, options: &Options) -> Result<Reader, PublishError> {
    let mut waits = false;
    loop {
        match Reader::open(dir, options) {
            Ok(reader) => return Ok(reader),
            Err(error @ (StoreError::Absent { .. } | StoreError::Older { .. })) => {
                if !waits {
                    info!(%error, "waiting for the comment store");
                }
                waits = true;
                sleep(BETWEEN_TRIES).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
