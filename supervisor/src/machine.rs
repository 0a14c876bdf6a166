//! `machine`: the life of one instance, as a pure function from what happened to what should be done.
//!
//! It knows no process, no clock and no chance: the [`crate::tree`] tells it all three and does what it is told. So all
//! that the supervisor promises about restarts is proved here without starting anything (`machine/proof.rs`).
//!
//! There is a process exactly in the phase [`Phase::Alive`], and [`Action::Spawn`] is only ever returned when that phase is
//! entered from another one: that is why there are never two copies.

#[cfg(test)]
mod proof;
mod verdict;

use std::time::{Duration, Instant};

use proto::supervision::{BoxState, InstanceState, exit};

pub use verdict::Exit;

/// After SIGABRT a hung box has so long to write its stack.
pub const ABORT_WAIT: Duration = Duration::from_secs(2);
/// A process that is still there so long after SIGKILL is stuck in the kernel, and the operator should know.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Whether a box has the comment store open: then a SIGBUS may mean a torn file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// It maps the store into its memory.
    Opened,
    /// It does not know it.
    NotOpened,
}

/// The rules that one instance lives by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How long it may take to become ready.
    pub start_wait: Duration,
    /// How long it may be silent.
    pub heartbeat_wait: Duration,
    /// How long it may take to drain.
    pub stop_wait: Duration,
    /// The second restart in a row waits at most this; doubles.
    pub restart_base: Duration,
    /// No restart waits longer.
    pub restart_cap: Duration,
    /// After so long in use it is trusted again.
    pub stable: Duration,
    /// So many deaths within `deaths_period` and it is held.
    pub deaths_limit: usize,
    /// See `deaths_limit`.
    pub deaths_period: Duration,
    /// How long it is held before it is tried again.
    pub hold_pause: Duration,
    /// Whether it has the comment store open.
    pub store: Store,
}

/// When something happened, and the dice that go with it: what a pure function cannot have of its own.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic.
    pub now: Instant,
    /// Uniform in 0 to 1.
    pub chance: f64,
}

/// Whether trying again may help against a process that could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The machine was short of something.
    MayHelp,
    /// The program is not there, or may not be executed.
    Useless,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// It shall run.
    Start,
    /// It shall not run.
    Stop,
    /// It shall end and run again.
    Restart,
    /// It shall end now, without draining.
    Kill,
    /// It uses too much memory: let it drain and begin afresh. Not its fault, so not counted as a death.
    Recycle(String),
    /// It uses far too much memory.
    Exceeded(String),
    /// There is no process after all.
    NotSpawned {
        /// Why, in plain words.
        why: String,
        /// Whether trying again may help.
        retry: Retry,
    },
    /// It gave a sign of life.
    Beat(BoxState),
    /// It said why it is about to fail.
    LastWords(String),
    /// Its process is gone: verified, and nothing of its group is left.
    Died(Exit),
    /// A moment that [`Child::deadline`] named has come.
    Tick,
}

/// What should be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start a process.
    Spawn,
    /// SIGTERM to the process: drain and end.
    Terminate,
    /// SIGABRT to the process: write your stack and end.
    Abort,
    /// SIGKILL to its whole group.
    Kill,
}

/// What follows when a process that is being ended is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing.
    Rest,
    /// The next one, at once.
    Again,
    /// It is counted as a death.
    Judge,
}

/// How far the ending of a process has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It was asked.
    Asked { until: Instant },
    /// It is writing its stack.
    Aborted { until: Instant },
    /// It was killed; `stuck_at` is when that should have been enough, none once it was said.
    Killed { stuck_at: Option<Instant> },
}

#[derive(Debug, Clone, PartialEq)]
struct Ending {
    then: Then,
    step: Step,
    /// Why, when the supervisor does it for a fault.
    fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Alive {
    since: Instant,
    ready: Option<Instant>,
    beat: Instant,
    last_words: Option<String>,
    ending: Option<Ending>,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Stopped,
    Waiting { until: Instant },
    Held { until: Instant, code: u8 },
    Alive(Alive),
}

/// Whether one more death is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Full,
    /// It was held, and this is its one try.
    OnProbation,
}

/// One instance of a box.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    phase: Phase,
    trust: Trust,
    /// Deaths in a row without stable use between them.
    streak: u32,
    /// The deaths of the last period, at most `deaths_limit`.
    deaths: Vec<Instant>,
    /// Deaths of the last period that point at the store, at most two.
    store_faults: Vec<Instant>,
    /// When its memory was last a reason to begin afresh.
    recycled: Option<Instant>,
    starts: u64,
    reason: Option<String>,
}

impl Child {
    /// An instance that nobody has started yet.
    pub fn new() -> Self {
        Self {
            phase: Phase::Stopped,
            trust: Trust::Full,
            streak: 0,
            deaths: Vec::new(),
            store_faults: Vec::new(),
            recycled: None,
            starts: 0,
            reason: None,
        }
    }

    /// Where it stands, as the operator is told.
    pub fn state(&self) -> InstanceState {
        match &self.phase {
            Phase::Stopped => InstanceState::Stopped,
            Phase::Waiting { .. } => InstanceState::Waiting,
            Phase::Held { .. } => InstanceState::Held,
            Phase::Alive(alive) if alive.ending.is_some() => InstanceState::Draining,
            Phase::Alive(Alive { ready: None, .. }) => InstanceState::Starting,
            Phase::Alive(_) => InstanceState::Running,
        }
    }

    /// Why it is not running, in plain words.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        self.starts.saturating_sub(1)
    }

    /// Since when its process is there.
    pub fn alive_since(&self) -> Option<Instant> {
        self.alive().map(|alive| alive.since)
    }

    /// When its process last gave a sign of life.
    pub fn last_beat(&self) -> Option<Instant> {
        self.alive().map(|alive| alive.beat)
    }

    /// The exit code that says why it is held; 0 when it is not.
    pub fn hold_code(&self) -> u8 {
        match self.phase {
            Phase::Held { code, .. } => code,
            _ => exit::OK,
        }
    }

    fn alive(&self) -> Option<&Alive> {
        match &self.phase {
            Phase::Alive(alive) => Some(alive),
            _ => None,
        }
    }

    /// The next moment at which [`Event::Tick`] is due, if nothing else happens before.
    pub fn deadline(&self, rules: &Rules) -> Option<Instant> {
        match &self.phase {
            Phase::Stopped => None,
            Phase::Waiting { until } | Phase::Held { until, .. } => Some(*until),
            Phase::Alive(alive) => alive.deadline(rules),
        }
    }
}

impl Alive {
    fn deadline(&self, rules: &Rules) -> Option<Instant> {
        match &self.ending {
            None if self.ready.is_none() => Some(self.since + rules.start_wait),
            None => Some(self.beat + rules.heartbeat_wait),
            Some(Ending { step: Step::Asked { until } | Step::Aborted { until }, .. }) => Some(*until),
            Some(Ending { step: Step::Killed { stuck_at }, .. }) => *stuck_at,
        }
    }

    fn overdue(&self, rules: &Rules) -> String {
        match self.ready {
            None => format!("not ready within {}", seconds(rules.start_wait)),
            Some(_) => format!("hung: no heartbeat for {}", seconds(rules.heartbeat_wait)),
        }
    }
}

/// What an instance becomes by what happened, and the one thing that should be done about it.
pub fn next(mut child: Child, event: Event, at: Moment, rules: &Rules) -> (Child, Option<Action>) {
    let action = match event {
        Event::Start => child.start(at.now),
        Event::Stop => child.end(Then::Rest, None, at.now, rules),
        Event::Restart => child.restart(at.now, rules),
        Event::Kill => child.kill(Then::Rest, None, at.now),
        Event::Recycle(why) => child.recycle(why, at.now, rules),
        Event::Exceeded(why) => child.exceeded(why, at.now),
        Event::NotSpawned { why, retry } => child.not_spawned(why, retry, at, rules),
        Event::Beat(state) => child.beat(state, at.now, rules),
        Event::LastWords(words) => child.last_words(words),
        Event::Died(exit) => child.died(exit, at, rules),
        Event::Tick => child.tick(at.now, rules),
    };
    (child, action)
}

impl Child {
    fn spawn(&mut self, now: Instant) -> Option<Action> {
        debug_assert!(self.alive().is_none(), "a second copy");
        self.starts += 1;
        let fresh = Alive { since: now, ready: None, beat: now, last_words: None, ending: None };
        self.phase = Phase::Alive(fresh);
        Some(Action::Spawn)
    }

    /// The operator's word outweighs the past.
    fn forgive(&mut self) {
        self.trust = Trust::Full;
        self.streak = 0;
        self.deaths.clear();
        self.store_faults.clear();
        self.reason = None;
    }

    fn start(&mut self, now: Instant) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else {
            self.forgive();
            return self.spawn(now);
        };
        if let Some(ending) = alive.ending.as_mut().filter(|ending| ending.then == Then::Rest) {
            ending.then = Then::Again;
        }
        None
    }

    fn restart(&mut self, now: Instant, rules: &Rules) -> Option<Action> {
        match self.alive() {
            None => self.start(now),
            Some(_) => self.end(Then::Again, None, now, rules),
        }
    }

    fn end(&mut self, then: Then, fault: Option<String>, now: Instant, rules: &Rules) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else {
            self.rest();
            return None;
        };
        if let Some(ending) = &mut alive.ending {
            ending.then = then;
            return None;
        }
        self.reason.clone_from(&fault);
        alive.ending = Some(Ending { then, fault, step: Step::Asked { until: now + rules.stop_wait } });
        Some(Action::Terminate)
    }

    fn rest(&mut self) {
        self.phase = Phase::Stopped;
        self.reason = Some("stopped by the operator; `supervisor start` starts it".to_owned());
    }

    fn kill(&mut self, then: Then, fault: Option<String>, now: Instant) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else {
            self.rest();
            return None;
        };
        if fault.is_some() {
            self.reason.clone_from(&fault);
        }
        let step = Step::Killed { stuck_at: Some(now + STUCK_AFTER) };
        alive.ending = Some(Ending { then, fault, step });
        Some(Action::Kill)
    }

    fn recycle(&mut self, why: String, now: Instant, rules: &Rules) -> Option<Action> {
        let in_use = self.alive().is_some_and(|alive| alive.ready.is_some() && alive.ending.is_none());
        // A limit below what the box needs from the start must not make it spin.
        let again = self.recycled.is_some_and(|last| now.duration_since(last) < rules.stable);
        if !in_use || again {
            return None;
        }
        self.recycled = Some(now);
        self.end(Then::Again, Some(why), now, rules)
    }

    fn exceeded(&mut self, why: String, now: Instant) -> Option<Action> {
        let then = match self.alive()?.ending.as_ref() {
            Some(Ending { step: Step::Killed { .. }, .. }) => return None,
            Some(Ending { then: Then::Rest, .. }) => Then::Rest,
            _ => Then::Judge,
        };
        self.kill(then, Some(why), now)
    }

    fn beat(&mut self, state: BoxState, now: Instant, rules: &Rules) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else { return None };
        alive.beat = now;
        match state {
            BoxState::Starting => {}
            BoxState::Ready if alive.ready.is_none() => {
                alive.ready = Some(now);
                self.reason = self.reason.take().filter(|_| alive.ending.is_some());
            }
            BoxState::Ready => {}
            // Somebody else asked it to end. It has as long as if we had, and then it is a death.
            BoxState::Draining if alive.ending.is_none() => {
                let step = Step::Asked { until: now + rules.stop_wait };
                alive.ending = Some(Ending { then: Then::Judge, fault: None, step });
            }
            BoxState::Draining => {}
        }
        None
    }

    fn last_words(&mut self, words: String) -> Option<Action> {
        if let Phase::Alive(alive) = &mut self.phase {
            alive.last_words = Some(words);
        }
        None
    }

    fn tick(&mut self, now: Instant, rules: &Rules) -> Option<Action> {
        if self.deadline(rules).is_none_or(|due| now < due) {
            return None;
        }
        match &mut self.phase {
            Phase::Stopped => None,
            Phase::Waiting { .. } => self.spawn(now),
            Phase::Held { .. } => {
                self.trust = Trust::OnProbation;
                self.spawn(now)
            }
            Phase::Alive(alive) => match alive.ending.take() {
                None => {
                    let fault = alive.overdue(rules);
                    self.abort(fault, now)
                }
                Some(ending) => self.escalate(ending, now),
            },
        }
    }

    fn abort(&mut self, fault: String, now: Instant) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else { return None };
        self.reason = Some(fault.clone());
        let step = Step::Aborted { until: now + ABORT_WAIT };
        alive.ending = Some(Ending { then: Then::Judge, fault: Some(fault), step });
        Some(Action::Abort)
    }

    fn escalate(&mut self, ending: Ending, now: Instant) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else { return None };
        let Ending { then, step, fault } = ending;
        if let Step::Killed { .. } = step {
            self.reason = Some("does not end after SIGKILL: the kernel keeps it, perhaps for a disk".to_owned());
            alive.ending = Some(Ending { then, fault, step: Step::Killed { stuck_at: None } });
            return None;
        }
        self.kill(then, fault, now)
    }
}

/// A duration for a human.
pub fn seconds(wait: Duration) -> String {
    if wait.subsec_millis() == 0 { format!("{} s", wait.as_secs()) } else { format!("{} ms", wait.as_millis()) }
}
