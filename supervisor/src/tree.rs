//! `tree`: all instances of all boxes, and the loop around their state machines.
//!
//! Asked by the operator's command line ([`crate::control`]); asks no box anything: children push what they have to say
//! ([`crate::watch`]). It decides nothing: what happened goes to [`crate::machine`], what that answers is done. Woken by
//! processes, signals, commands and deadlines only; it never waits for a child.

mod asked;
mod instance;
mod told;

use std::{mem, path::PathBuf, time::Instant};

use daemon::config::Loaded;
use proto::supervision::{BoxState, InstanceState};
use serde_json::Map;
use tokio::{sync::mpsc, time};

pub use asked::{Ask, patience};
pub use told::banner;

use crate::{
    beats::Heard,
    doors::OpenDoor,
    herald::Herald,
    journal::Journal,
    machine::{Action, Child, Event, Exit, Moment, next},
    memory::Limits,
    process,
    signals::{Signal, Signals},
    table::{Memory, Row},
    watch::{News, Slot, watch},
};
use asked::Waiter;
use instance::Instance;

/// News that the tree has not read yet, from all children together.
const NEWS: usize = 64;
/// Processes that were killed in haste get so long to be gone before the supervisor ends regardless.
const HASTE: time::Duration = time::Duration::from_secs(2);

/// A wrapper may pass on the Ctrl-C that the terminal has sent to us already: that is one wish, not two.
const SAME_WISH: time::Duration = time::Duration::from_millis(300);

/// What the tree is made of.
#[derive(Debug)]
pub struct Plan {
    /// The configuration.
    pub loaded: Loaded,
    /// Where the programs of the boxes are looked for first.
    pub programs: PathBuf,
    /// The boxes, in start order.
    pub rows: Vec<Row>,
    /// The listeners of each row.
    pub doors: Vec<Vec<OpenDoor>>,
    /// How much memory the IPFS daemon may have.
    pub limits: Limits,
}

/// What the tree is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It runs.
    Serving,
    /// It ends, row by row.
    Closing { since: Instant },
    /// It ends at once.
    Killing { until: Instant },
}

/// The tree.
#[derive(Debug)]
pub struct Tree {
    plan: Plan,
    instances: Vec<Instance>,
    news: mpsc::Receiver<(Slot, News)>,
    news_end: mpsc::Sender<(Slot, News)>,
    asks: mpsc::Receiver<Ask>,
    waiters: Vec<Waiter>,
    journal: Journal,
    herald: Herald,
    stage: Stage,
    began: Instant,
    sample_at: Instant,
}

impl Tree {
    /// A tree in which nothing runs yet.
    pub fn new(plan: Plan, journal: Journal, herald: Herald, asks: mpsc::Receiver<Ask>) -> Self {
        let (news_end, news) = mpsc::channel(NEWS);
        let began = Instant::now();
        Self {
            instances: instance::all(&plan),
            plan,
            news,
            news_end,
            asks,
            waiters: Vec::new(),
            journal,
            herald,
            stage: Stage::Serving,
            began,
            sample_at: began,
        }
    }

    /// Starts everything, keeps it running, and returns when all of it is gone. Must run on the main thread.
    pub async fn run(mut self, mut signals: Signals) {
        self.tell_all(&Event::Start);
        while !self.is_over() {
            let deadline = self.deadline();
            tokio::select! {
                Some((slot, news)) = self.news.recv() => self.hear(slot, news),
                Some(ask) = self.asks.recv() => self.answer(ask),
                signal = signals.next() => self.signalled(signal),
                () = time::sleep_until(deadline.into()) => self.tick(),
            }
            self.settle();
        }
        tracing::info!("all boxes are gone");
    }

    fn is_over(&self) -> bool {
        match self.stage {
            Stage::Serving => false,
            Stage::Closing { .. } => self.all_gone(),
            Stage::Killing { until } => self.all_gone() || Instant::now() >= until,
        }
    }

    fn all_gone(&self) -> bool {
        self.instances.iter().all(|instance| instance.state() == InstanceState::Stopped)
    }

    fn is_ready(&self) -> bool {
        self.instances.iter().all(|instance| instance.state() == InstanceState::Running)
    }

    fn tell_all(&mut self, event: &Event) {
        for slot in 0..self.instances.len() {
            self.tell(slot, event.clone());
        }
    }

    /// Tells an instance's machine what happened, and does what it answers.
    fn tell(&mut self, slot: Slot, event: Event) {
        let mut event = Some(event);
        // A second round only when a process could not be started, which the machine answers with a wait.
        while let Some(happened) = event.take() {
            match self.decide(slot, happened) {
                None => {}
                Some(Action::Spawn) => event = self.spawn(slot).err(),
                Some(signal) => self.instances[slot].signal(signal),
            }
        }
    }

    fn decide(&mut self, slot: Slot, happened: Event) -> Option<Action> {
        let moment = Moment { now: Instant::now(), chance: rand::random() };
        let instance = &mut self.instances[slot];
        let before = instance.state();
        let child = mem::replace(&mut instance.child, Child::new());
        let (child, action) = next(child, happened, moment, &instance.rules);
        instance.child = child;
        if instance.state() != before || action == Some(Action::Spawn) {
            instance.log_state();
        }
        action
    }

    fn spawn(&mut self, slot: Slot) -> Result<(), Event> {
        let instance = &mut self.instances[slot];
        let spec = instance.spec(&self.plan);
        let spawned = process::spawn(&spec).map_err(|error| instance::not_spawned(&spec, &error))?;
        let fields = Map::from_iter([("pid".to_owned(), spawned.process.pid().into())]);
        self.journal.note(&instance.log, "process started", fields);
        instance.watched = Some(watch(slot, &instance.log, spawned, &self.journal, self.news_end.clone()));
        Ok(())
    }

    fn hear(&mut self, slot: Slot, news: News) {
        match news {
            News::Heard(heard) => self.heard(slot, heard),
            News::Died { exit, last_line } => self.buried(slot, exit, last_line),
        }
    }

    fn buried(&mut self, slot: Slot, exit: Exit, last_line: Option<String>) {
        let instance = &mut self.instances[slot];
        let fields = [("pid", instance.pid().into()), ("exit", exit.to_string().into())];
        let fields = fields.map(|(key, value)| (key.to_owned(), value));
        self.journal.note(&instance.log, "process ended", Map::from_iter(fields));
        if let Some(words) = instance.buried(exit, last_line) {
            self.tell(slot, Event::LastWords(words));
        }
        self.tell(slot, Event::Died(exit));
        self.end_orphans();
    }

    fn heard(&mut self, slot: Slot, heard: Heard) {
        match heard {
            Heard::Beat(beat) => {
                let instance = &mut self.instances[slot];
                let (state, words) = (beat.state, beat.reason.as_deref().map(|words| instance.last_words(words)));
                instance.learn(beat);
                words.into_iter().for_each(|words| self.tell(slot, words));
                self.tell(slot, Event::Beat(state));
            }
            Heard::Noise { bytes } => {
                self.instances[slot].log_noise(bytes);
                // Whatever it says, it lives. This state changes nothing else.
                self.tell(slot, Event::Beat(BoxState::Starting));
            }
            Heard::Closed => {}
        }
    }

    fn signalled(&mut self, signal: Signal) {
        match (signal, self.stage) {
            (Signal::ChildEnded, _) => self.end_orphans(),
            (Signal::End, Stage::Serving) => self.close(),
            (Signal::End, Stage::Closing { since }) if since.elapsed() < SAME_WISH => {}
            (Signal::End, _) => {
                tracing::warn!("asked to end a second time: killing what is left");
                self.stage = Stage::Killing { until: Instant::now() + HASTE };
                self.tell_all(&Event::Kill);
            }
        }
    }

    fn close(&mut self) {
        if self.stage == Stage::Serving {
            tracing::info!("ending");
            self.herald.closing();
            self.stage = Stage::Closing { since: Instant::now() };
        }
    }

    /// The next row to stop is the last one that is not gone: those who ask go before those who are asked.
    fn stop_last_row(&mut self) {
        let living = |instance: &&Instance| instance.state() != InstanceState::Stopped;
        let Some(row) = self.instances.iter().filter(living).map(|instance| instance.row).max() else { return };
        for slot in 0..self.instances.len() {
            let instance = &self.instances[slot];
            if instance.row == row && !instance.stopping {
                self.instances[slot].stopping = true;
                self.tell(slot, Event::Stop);
            }
        }
    }

    fn end_orphans(&self) {
        let ours: Vec<_> = self.instances.iter().filter_map(Instance::pid).collect();
        process::end_orphans(&ours);
    }

    fn deadline(&self) -> Instant {
        let children = self.instances.iter().filter_map(|instance| instance.child.deadline(&instance.rules));
        let waiters = self.waiters.iter().map(|waiter| waiter.until);
        let killing = match self.stage {
            Stage::Killing { until } => Some(until),
            Stage::Serving | Stage::Closing { .. } => None,
        };
        let others = [Some(self.herald.deadline()), self.samples().then_some(self.sample_at), killing];
        let all = children.chain(waiters).chain(others.into_iter().flatten());
        all.min().unwrap_or_else(|| self.herald.deadline())
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for slot in 0..self.instances.len() {
            let instance = &self.instances[slot];
            if instance.child.deadline(&instance.rules).is_some_and(|due| due <= now) {
                // We may have slept, not the child: first hear what it said meanwhile.
                for heard in self.instances[slot].unheard() {
                    self.heard(slot, heard);
                }
                self.tell(slot, Event::Tick);
            }
        }
        if self.samples() && self.sample_at <= now {
            self.sample_memory(now);
        }
        self.herald.alive(now);
    }

    fn samples(&self) -> bool {
        self.instances.iter().any(|instance| instance.memory == Memory::Limited && instance.watched.is_some())
    }

    fn sample_memory(&mut self, now: Instant) {
        let every = time::Duration::from_millis(self.plan.loaded.all.supervisor.memory_sample_ms.max(1));
        self.sample_at = now + every;
        for slot in 0..self.instances.len() {
            let usage = match &self.instances[slot] {
                limited if limited.memory == Memory::Limited => limited.usage(),
                _ => None,
            };
            if let Some(usage) = usage {
                self.instances[slot].sampled(usage, now);
            }
            if let Some(event) = usage.and_then(|usage| self.plan.limits.judge(usage)) {
                self.tell(slot, event);
            }
        }
    }

    fn settle(&mut self) {
        match self.stage {
            Stage::Serving => self.tell_herald(),
            Stage::Closing { .. } => self.stop_last_row(),
            Stage::Killing { .. } => {}
        }
        self.answer_waiters();
    }

    fn tell_herald(&mut self) {
        let count = |state| self.instances.iter().filter(|instance| instance.state() == state).count();
        let (all, running) = (self.instances.len(), count(InstanceState::Running));
        if running + count(InstanceState::Held) == all {
            self.herald.settled(running, all);
        }
        if running == all && self.herald.waits_for_ready() {
            let ready_ms = self.began.elapsed().as_millis();
            tracing::info!(ready_ms, "ready");
            let status = self.status(told::Metrics::Left);
            self.herald.ready(&status);
        }
    }
}
