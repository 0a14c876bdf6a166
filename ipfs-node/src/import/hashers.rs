//! The threads that hash: as many as there are processors, shared by all requests.
//!
//! Asked by file imports. Keeps a short queue.

use std::{
    io,
    num::NonZero,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

type Job = Box<dyn FnOnce() + Send>;

/// Jobs that wait; who has one more waits too.
const QUEUE: usize = 8;
/// Hashing needs little.
const STACK_BYTES: usize = 256 << 10;

/// The threads; they end when this is dropped.
#[derive(Debug, Clone)]
pub struct Hashers {
    jobs: SyncSender<Job>,
}

impl Hashers {
    /// Starts them.
    ///
    /// # Errors
    ///
    /// When the system starts no more threads.
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name(format!("hash-{number}")).stack_size(STACK_BYTES);
            thread.spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Gives them a job; waits while their queue is full.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("the threads live as long as somebody can send to them");
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job();
    }
}
