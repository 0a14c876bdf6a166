//! Opens the comment store for reading. `post-worker` makes it, perhaps in this moment.

use std::{path::PathBuf, time::Duration};

use comment_store::{Options, Reader, StoreError};
use daemon::{Failure, Running};
use proto::wiring::GetWorker;
use tokio::time::{Instant, sleep};

/// A fresh machine's first start waits for it, so not long.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Opens the store, and waits for it as long as a start may take; none when the box should end before that.
///
/// # Errors
///
/// Exit code 65 when what is there cannot be read safely; 1 when there is nothing, for too long.
pub(crate) async fn open(running: &Running<GetWorker>, dir: PathBuf) -> Result<Option<Reader>, Failure> {
    let options = Options::from(&running.all().comment_store);
    let deadline = Instant::now() + Duration::from_millis(running.all().supervisor.start_wait_ms);
    let (stop, pulse) = (running.stop(), running.pulse());
    while !stop.is_asked() {
        match Reader::open(&dir, &options) {
            Ok(reader) => return Ok(Some(reader)),
            Err(error) if is_temporary(&error) && Instant::now() < deadline => {}
            Err(error) => return Err(failure(error)),
        }
        pulse.beat();
        tokio::select! {
            () = stop.asked() => {}
            () = sleep(BETWEEN_TRIES) => {}
        }
    }
    Ok(None)
}

/// Whether `post-worker` mends it when it starts.
fn is_temporary(error: &StoreError) -> bool {
    matches!(error, StoreError::Absent { .. } | StoreError::Older { .. })
}

fn failure(error: StoreError) -> Failure {
    let failure = if error.is_damage() { Failure::damaged } else { Failure::failed };
    failure("cannot read comments").because(error)
}
