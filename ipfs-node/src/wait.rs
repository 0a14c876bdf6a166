//! Waiting for a future on a thread of its own, with an end.
//!
//! Asked by commands, which run on blocking threads and wait for their client. Needs no runtime: a call that is still
//! open when the runtime has been shut down ends like any other.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::{Duration, Instant},
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What the future gives, unless it takes longer than `limit`.
pub(crate) fn wait<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let end = Instant::now() + limit;
    loop {
        if let Poll::Ready(out) = future.as_mut().poll(&mut context) {
            return Some(out);
        }
        let left = end.checked_duration_since(Instant::now())?;
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_that_is_woken_from_elsewhere_is_waited_for() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = thread::spawn(move || sender.send(7));
        assert_eq!(wait(receiver, Duration::from_secs(10)), Some(Ok(7)));
        assert!(other.join().is_ok());
    }

    #[test]
    fn a_wait_has_an_end() {
        assert_eq!(wait(std::future::pending::<()>(), Duration::from_millis(10)), None);
    }
}
