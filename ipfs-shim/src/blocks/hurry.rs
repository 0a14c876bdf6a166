//! Asking the publisher to hurry: somebody wants a block that is not in the daemon, but may be in the store.
//!
//! Asked by the answers to `GetBlock`. What is published at most once a second is then published at once, so that a CID that
//! was handed out a moment ago is found; if nothing waits to be published, the answer is no without waiting.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

use super::Published;

/// How long somebody waits for a block that may be on its way.
const HURRY_WAIT: Duration = Duration::from_secs(2);

/// Asks the publisher to look at the store.
#[derive(Debug, Clone)]
pub struct Hurry(watch::Sender<u64>);

/// The asker's end and the publisher's.
#[must_use]
pub fn hurrying() -> (Hurry, watch::Receiver<u64>) {
    let (sender, receiver) = watch::channel(0);
    (Hurry(sender), receiver)
}

impl Hurry {
    /// Waits until the daemon has what is in the store now, but not for long. Says whether it has more than `before`, the
    /// commit up to which it had everything when the block was not there.
    pub(super) async fn has_caught_up(&self, before: u64, mut published: watch::Receiver<Published>) -> bool {
        let mut number = 0;
        self.0.send_modify(|last| {
            *last += 1;
            number = *last;
        });
        let caught_up = async {
            let goal = published.wait_for(|told| told.looked >= number).await?.stored_commit;
            published.wait_for(|told| told.commit >= goal).await.map(drop)
        };
        // Late or gone: what came meanwhile may still be what is wanted.
        let _ = timeout(HURRY_WAIT, caught_up).await;
        published.borrow().commit != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A publisher that has published up to `commit` of `stored_commit` when it looks, and the rest a moment later.
    fn publisher(mut hurried: watch::Receiver<u64>, commit: u64, stored_commit: u64) -> watch::Receiver<Published> {
        let (tell, told) = watch::channel(Published::default());
        tokio::spawn(async move {
            while hurried.changed().await.is_ok() {
                let looked = *hurried.borrow_and_update();
                tell.send_replace(Published { commit, stored_commit, looked, ..Published::default() });
                tokio::task::yield_now().await;
                tell.send_replace(Published { commit: stored_commit, stored_commit, looked, ..Published::default() });
            }
        });
        told
    }

    #[tokio::test]
    async fn what_waits_to_be_published_is_waited_for() {
        let (hurry, hurried) = hurrying();
        let told = publisher(hurried, 4, 5);
        assert!(hurry.has_caught_up(4, told.clone()).await);
        assert_eq!(told.borrow().commit, 5);
    }

    #[tokio::test]
    async fn what_was_published_between_two_looks_is_worth_a_second_one() {
        let (hurry, hurried) = hurrying();
        assert!(hurry.has_caught_up(4, publisher(hurried, 5, 5)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn when_nothing_waits_nobody_does() {
        let (hurry, hurried) = hurrying();
        let began = tokio::time::Instant::now();
        assert!(!hurry.has_caught_up(5, publisher(hurried, 5, 5)).await);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_publisher_that_cannot_hurry_is_not_waited_for_long() {
        let (hurry, _hurried) = hurrying();
        let (_tell, told) = watch::channel(Published::default());
        let began = tokio::time::Instant::now();
        assert!(!hurry.has_caught_up(0, told).await);
        assert_eq!(began.elapsed().as_secs(), HURRY_WAIT.as_secs());
    }
}
