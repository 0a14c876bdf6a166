//! How long a call may take: every wait of it has an end, and bytes on their way put the end off, but not for ever.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::error::{Awaited, RpcError};

/// The patience that a configuration allows.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    answer: Duration,
}

/// How much work a call is for the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A look-up.
    Brief,
    /// Takes some megabytes in.
    Import,
    /// Walks a DAG.
    Walk,
}

impl Waits {
    /// A connection on this machine that takes longer will not come.
    const CONNECT: Duration = Duration::from_secs(5);

    /// The daemon has so long to answer a look-up, and to take in or give out the next bytes of what is larger.
    #[must_use]
    pub fn of(answer: Duration) -> Self {
        Self { answer }
    }

    pub(super) fn connect(&self) -> Duration {
        Self::CONNECT.min(self.answer)
    }

    /// The longest silence, and the longest time for the whole call.
    fn bounds(&self, work: Work) -> (Duration, Duration) {
        match work {
            Work::Brief => (self.answer, self.answer),
            Work::Import => (self.answer, 4 * self.answer),
            Work::Walk => (4 * self.answer, 40 * self.answer),
        }
    }
}

/// Counts the bytes of a question that the connection has taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn moved_since(&self, seen: &mut u64) -> bool {
        let now = self.bytes();
        std::mem::replace(seen, now) != now
    }
}

/// The clock of one call.
#[derive(Debug)]
pub(super) struct Deadline {
    endpoint: &'static str,
    began: Instant,
    end: Instant,
    silence: Duration,
    sent: Progress,
}

impl Deadline {
    pub(super) fn start(endpoint: &'static str, work: Work, waits: &Waits, sent: Progress) -> Self {
        let (silence, whole) = waits.bounds(work);
        let began = Instant::now();
        Self { endpoint, began, end: began + whole, silence, sent }
    }

    /// Waits for one step of the call.
    pub(super) async fn bound<T>(&self, awaited: Awaited, step: impl Future<Output = T>) -> Result<T, RpcError> {
        tokio::pin!(step);
        let mut seen = 0;
        loop {
            let silent_until = Instant::now() + self.silence;
            if let Ok(done) = timeout_at(silent_until.min(self.end), &mut step).await {
                return Ok(done);
            }
            if Instant::now() >= self.end || !self.sent.moved_since(&mut seen) {
                return Err(self.ran_out(awaited));
            }
        }
    }

    /// Ends a call whose daemon talks without getting on. `since` is when it last got on.
    pub(super) fn check_headway(&self, since: Instant) -> Result<(), RpcError> {
        if since.elapsed() < self.silence { Ok(()) } else { Err(self.ran_out(Awaited::Headway)) }
    }

    pub(super) fn ran_out(&self, awaited: Awaited) -> RpcError {
        let waited_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        RpcError::TimedOut { endpoint: self.endpoint, awaited, waited_ms }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn deadline(work: Work, sent: &Progress) -> Deadline {
        Deadline::start("block/put", work, &Waits::of(Duration::from_secs(10)), sent.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_wait() {
        let clock = deadline(Work::Import, &Progress::default());
        let began = Instant::now();
        let ended = clock.bound(Awaited::FirstByte, pending::<()>()).await;
        assert!(matches!(ended, Err(RpcError::TimedOut { awaited: Awaited::FirstByte, waited_ms: 10_000, .. })));
        assert_eq!(began.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_on_their_way_put_the_end_off_but_not_for_ever() {
        let sent = Progress::default();
        let clock = deadline(Work::Import, &sent);
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_secs(3)).await;
                sent.add(1);
            }
        };
        let began = Instant::now();
        tokio::select! {
            ended = clock.bound(Awaited::FirstByte, pending::<()>()) => assert!(ended.is_err()),
            () = drip => unreachable!("the drip has no end"),
        }
        assert_eq!(began.elapsed(), Duration::from_secs(40));
    }
}
