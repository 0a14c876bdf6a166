//! `watch`: one task per process. It passes heartbeats on to the [`crate::tree`], lines to the [`crate::journal`], and
//! ends with the proof that the process is gone. It waits for nothing but the kernel and the tree's queue.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    beats::{Beats, Heard},
    journal::Journal,
    machine::Exit,
    output::Output,
    process::{Process, Spawned},
};

/// What a process did.
#[derive(Debug)]
pub enum News {
    /// It gave a sign of life.
    Heard(Heard),
    /// It is gone, verified; always the last.
    Died {
        /// How.
        exit: Exit,
        /// The last that it wrote, when that was not a record of the log.
        last_line: Option<String>,
    },
}

/// Whose news they are: the instance's place in the tree.
pub type Slot = usize;

/// What the tree keeps of a process that is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The process.
    pub process: Arc<Process>,
    /// Its heartbeats: read by the task, and by the tree before it calls a child hung.
    pub beats: Arc<Beats>,
}

/// Watches a process until its end.
pub fn watch(slot: Slot, log: &str, spawned: Spawned, journal: &Journal, news: mpsc::Sender<(Slot, News)>) -> Watched {
    let Spawned { process, beats, output } = spawned;
    let watched = Watched { process: Arc::new(process), beats: Arc::new(beats) };
    let task = Task { slot, log: log.into(), watched: watched.clone(), output, journal: journal.clone(), news };
    tokio::spawn(task.run());
    watched
}

struct Task {
    slot: Slot,
    log: Arc<str>,
    watched: Watched,
    output: Output,
    journal: Journal,
    news: mpsc::Sender<(Slot, News)>,
}

impl Task {
    async fn run(mut self) {
        let (mut hears, mut reads) = (true, true);
        loop {
            tokio::select! {
                ended = self.watched.process.ended() => {
                    if ended.is_ok() { self.bury().await; }
                    return;
                }
                heard = self.watched.beats.next(), if hears => match heard {
                    Ok(Heard::Closed) | Err(_) => hears = false,
                    Ok(heard) => self.tell(News::Heard(heard)).await,
                },
                lines = self.output.next(), if reads => match lines {
                    Ok(Some(lines)) => self.journal.put(&self.log, lines),
                    Ok(None) | Err(_) => reads = false,
                },
            }
        }
    }

    /// What it said last comes before its death, so that the reason is known when its death is judged.
    async fn bury(&mut self) {
        while let Some(heard) = self.watched.beats.take() {
            self.tell(News::Heard(heard)).await;
        }
        self.journal.put(&self.log, self.output.rest());
        let exit = self.watched.process.reap();
        let last_line = self.output.last_plain_line();
        self.tell(News::Died { exit, last_line }).await;
    }

    async fn tell(&self, news: News) {
        // The tree is gone only when the supervisor ends: then nobody needs the news.
        let _ = self.news.send((self.slot, news)).await;
    }
}
