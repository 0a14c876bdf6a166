//! `operator`: asks boxes over the bus, as the row `Operator` of the wiring table. The supervising process never does;
//! these are the commands that read and write comments.

use std::{fs, path::PathBuf, time::Duration};

use daemon::{
    OrFail as _,
    bus::{AskError, Asker},
    config::Loaded,
    context::Context,
    pulse::Pulse,
    stop,
};
use proto::{
    Asks, BoxKind as _,
    interface::{Interface, Question},
    tap::socket_name,
    wiring::Operator,
};
use tokio::time::sleep;

use super::{Refusal, client::NOT_RUNNING};

/// A busy box is asked again after this, as long as it takes work from others.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// Longer than any box is busy without an end.
const BUSY_TRIES: u32 = 600;
/// A box that was restarted while it was asked is asked again; all that is asked here is safe to repeat.
const LOST_TRIES: u32 = 3;

/// The right to ask, for as long as one command runs.
#[derive(Debug)]
pub struct Desk {
    context: Context,
    // Dropped after the context: the bus takes it for the wish to end.
    _stop: stop::StopSender,
    tap: PathBuf,
}

/// Runs a command that asks boxes.
///
/// # Errors
///
/// Whatever `work` fails with.
pub fn ask_boxes<T>(loaded: &Loaded, work: impl AsyncFnOnce(&Desk) -> Result<T, Refusal>) -> Result<T, Refusal> {
    // As boxes do: a bus needs one thread that is free while another is busy.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.or_fail("cannot start the runtime")?;
    let result = runtime.block_on(async { work(&Desk::new(loaded)?).await });
    runtime.shutdown_background();
    result
}

impl Desk {
    fn new(loaded: &Loaded) -> Result<Self, Refusal> {
        let runtime_dir = loaded.places.runtime_dir.clone();
        if !runtime_dir.is_dir() {
            return Err(nobody(&format!("{} is not there", runtime_dir.display())));
        }
        // Several commands may run at a time, and boxes tell their askers apart by name.
        let instance = u16::try_from(std::process::id() % u32::from(u16::MAX)).unwrap_or_default();
        let (sender, stop) = stop::channel();
        let tap = runtime_dir.join(socket_name(Operator::NAME, instance));
        let context = Context::new(Operator::NAME, instance, runtime_dir, stop, Pulse::new(None));
        Ok(Self { context, _stop: sender, tap })
    }

    /// Whom to ask the questions of `I`.
    ///
    /// # Errors
    ///
    /// When the runtime directory cannot be watched.
    pub fn asker<I: Interface>(&self) -> Result<Asker<I>, Refusal>
    where
        Operator: Asks<I>,
    {
        Ok(Asker::open(self.context.clone())?)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Nobody will watch this command any more.
        let _ = fs::remove_file(&self.tap);
    }
}

/// Asks until there is an answer, or no hope for one.
///
/// # Errors
///
/// Exit code 3 when nobody answers such questions.
pub async fn ask<I: Interface, Q: Question<Of = I> + Clone>(
    asker: &Asker<I>,
    question: &Q,
) -> Result<Q::Reply, Refusal> {
    let (mut busy, mut lost) = (0, 0);
    loop {
        let error = match asker.ask(question.clone(), daemon::request_id()).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        match error {
            AskError::Busy if busy < BUSY_TRIES => busy += 1,
            AskError::TimedOut | AskError::Died if lost < LOST_TRIES => lost += 1,
            AskError::NobodyThere => return Err(nobody(&format!("no box answers {}", I::NAME))),
            other => return Err(Refusal::failed(format!("{}: {other}", Q::NAME))),
        }
        sleep(BUSY_PAUSE).await;
    }
}

fn nobody(why: &str) -> Refusal {
    Refusal { code: NOT_RUNNING, text: format!("{why}; start the tree with `supervisor up`") }
}
