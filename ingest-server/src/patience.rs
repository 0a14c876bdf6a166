//! How long a client is waited for: for its next bytes, for all of them, and until the box itself should end.
//!
//! Asked by uploads and downloads.

use std::{future::Future, time::Duration};

use daemon::stop::Stop;
use tokio::time::{Instant, sleep, sleep_until};

/// The patience with a connection.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For the next bytes, or for some to be taken.
    pub idle: Duration,
    /// For the whole file.
    pub total: Duration,
    /// When the box should end.
    pub stop: Stop,
    /// What is left for the file then.
    pub grace: Duration,
}

/// Why a client is waited for no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The whole took too long.
    Total,
    /// The box ends.
    Stopping,
}

impl Patience {
    /// Does the work, if it is done in time.
    ///
    /// # Errors
    ///
    /// When it is not; it is dropped then.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Over> {
        let end = Instant::now() + self.total;
        let stopping = async {
            self.stop.asked().await;
            sleep(self.grace).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = sleep_until(end) => Err(Over::Total),
            () = stopping => Err(Over::Stopping),
        }
    }
}
