//! The one thread that writes, and the bounded queue in front of it.
//!
//! While the disk is busy with one group, the next one gathers in the queue: the slower the disk, the larger the groups.

use std::{fmt, sync::Arc, thread};

use comment_store::{Incoming, StoreError, Writer};
use daemon::{Failure, OrFail as _};
use proto::posts::PostError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    group::{self, Outcomes, Written},
    measures::Measures,
    readers::Readers,
};

/// At most so many comments wait.
const WAITING_LIMIT: usize = 4_096;
/// A comment takes one place, and one more for each of so many bytes: so at most 32 MiB wait.
const PLACE_BYTES: usize = 8 * 1024;

/// Where comments wait to be written. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writing {
    queue: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing").field("free_places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

/// What one question brings.
struct Job {
    comments: Vec<Incoming>,
    answer: oneshot::Sender<Outcomes>,
    _places: OwnedSemaphorePermit,
}

/// The writer ended before it answered; its process ends too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WriterEnded;

impl Writing {
    /// Starts the thread. The future ends when the thread does, with the reason.
    pub(crate) fn start(
        store: Writer,
        readers: Readers,
        group_comments: u16,
        measures: Measures,
    ) -> Result<(Self, impl Future<Output = Failure>), Failure> {
        readers.begin();
        let (queue, jobs) = mpsc::channel(WAITING_LIMIT);
        let (end, ended) = oneshot::channel();
        let mut thread = WriterThread { store, readers, jobs, group_comments: group_comments.max(1).into(), measures };
        let run = move || {
            // Nobody waits for the reason when the box is stopping.
            let _ = end.send(thread.run());
        };
        thread::Builder::new().name("writer".to_owned()).spawn(run).or_fail("cannot start the writer's thread")?;
        let ended = async {
            match ended.await {
                Ok(Err(failure)) => failure,
                Ok(Ok(())) | Err(_) => Failure::failed("the writer's thread ended; its log says why"),
            }
        };
        Ok((Self { queue, places: Arc::new(Semaphore::new(WAITING_LIMIT)) }, ended))
    }

    /// Has comments written, and waits until they are on disk.
    ///
    /// # Errors
    ///
    /// `Busy` at once, when too much is waiting already. The outer one when the writer ended.
    pub(crate) async fn keep(&self, comments: Vec<Incoming>) -> Result<Result<Outcomes, PostError>, WriterEnded> {
        let wanted: usize = comments.iter().map(|comment| 1 + comment.blob.len() / PLACE_BYTES).sum();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let Ok(places) = Arc::clone(&self.places).try_acquire_many_owned(wanted) else {
            return Ok(Err(PostError::Busy));
        };
        let (answer, outcomes) = oneshot::channel();
        match self.queue.try_send(Job { comments, answer, _places: places }) {
            Ok(()) => outcomes.await.map(Ok).map_err(|_| WriterEnded),
            Err(mpsc::error::TrySendError::Full(_)) => Ok(Err(PostError::Busy)),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(WriterEnded),
        }
    }
}

struct WriterThread {
    store: Writer,
    readers: Readers,
    jobs: mpsc::Receiver<Job>,
    group_comments: usize,
    measures: Measures,
}

impl WriterThread {
    /// Writes until nobody can ask any more.
    fn run(&mut self) -> Result<(), Failure> {
        while let Some(first) = self.jobs.blocking_recv() {
            let jobs = self.gather(first);
            let comments: Vec<&Incoming> = jobs.iter().flat_map(|job| &job.comments).collect();
            match group::write(&mut self.store, &comments) {
                Ok(written) => self.answer(jobs, written),
                Err(error) if error.is_fatal() => return Err(failure(error)),
                Err(error) => refuse(jobs, &error),
            }
        }
        Ok(())
    }

    /// Everything that waits, up to the size of a group.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let mut count = first.comments.len();
        let mut jobs = vec![first];
        while count < self.group_comments
            && let Ok(job) = self.jobs.try_recv()
        {
            count += job.comments.len();
            jobs.push(job);
        }
        jobs
    }

    fn answer(&self, jobs: Vec<Job>, written: Written) {
        // Before anybody is told: whoever was told and reads must see it.
        self.readers.tell(&written);
        self.measures.group(&written);
        let mut outcomes = written.outcomes.into_iter();
        for job in jobs {
            let own = outcomes.by_ref().take(job.comments.len()).collect();
            // Whoever asked may have given up; the comment is kept all the same.
            let _ = job.answer.send(own);
        }
    }
}

/// Nothing of a group was kept.
fn refuse(jobs: Vec<Job>, error: &StoreError) {
    let told = PostError::from(error);
    tracing::warn!(%told, comments = jobs.iter().map(|job| job.comments.len()).sum::<usize>(), "group not written");
    for job in jobs {
        let outcomes = job.comments.iter().map(|_| Err(told.clone())).collect();
        let _ = job.answer.send(outcomes);
    }
}

/// The box cannot go on with this store.
pub(crate) fn failure(error: StoreError) -> Failure {
    let failure = match &error {
        StoreError::Locked { .. } => Failure::locked,
        damage if damage.is_damage() => Failure::damaged,
        _ => Failure::failed,
    };
    failure("cannot write comments").because(error)
}
