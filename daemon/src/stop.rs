//! The wish that a box should end: SIGTERM or SIGINT, seen by everything that waits.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Sees whether the box was asked to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Asks the box to stop.
#[derive(Debug)]
pub struct StopSender(watch::Sender<bool>);

/// A pair of the two.
#[must_use]
pub fn channel() -> (StopSender, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopSender(sender), Stop(receiver))
}

/// Lets SIGTERM and SIGINT ask. Needs a tokio runtime.
///
/// # Errors
///
/// When the handlers cannot be set.
pub fn listen_to_signals(sender: StopSender) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        // Goes on for ever: the sender must live as long as the process, or its end would count as asking.
        loop {
            tokio::select! {
                _ = terminate.recv() => sender.ask(),
                _ = interrupt.recv() => sender.ask(),
            }
        }
    });
    Ok(())
}

impl StopSender {
    /// Asks; asking twice changes nothing.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the box was asked to stop.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the box is asked to stop. An asker that is gone counts as asking.
    pub async fn asked(&self) {
        let mut receiver = self.0.clone();
        // An error means that the sender is gone: then the process is ending anyway.
        let _ = receiver.wait_for(|asked| *asked).await;
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn everyone_who_waits_sees_the_stop() {
        let (sender, stop) = super::channel();
        let other = stop.clone();
        assert!(!stop.is_asked());
        sender.ask();
        stop.asked().await;
        other.asked().await;
        assert!(other.is_asked());
    }
}
