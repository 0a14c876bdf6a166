//! `verdict`: what follows from a death: at once again, after a pause, or held with a reason in plain words.

use std::{fmt, time::Instant};

use proto::supervision::exit;

use super::{Action, Alive, Child, Duration, Moment, Phase, Retry, Rules, Store, Then, Trust, seconds};

/// SIGABRT and SIGBUS on every Linux that Rust builds for here.
const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGKILL: i32 = 9;
/// A box that dies of the store so often is not started on it again.
const STORE_FAULTS: usize = 2;
/// Beyond this the doubled wait is over any cap.
const MOST_DOUBLINGS: u32 = 20;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(0) => f.write_str("ended with exit code 0"),
            Self::Code(exit::LOCKED) => write!(f, "another process holds its lock (exit code {})", exit::LOCKED),
            Self::Code(code) => write!(f, "failed with exit code {code}"),
            Self::Signal(SIGKILL) => f.write_str("killed by SIGKILL: by someone, or by the kernel for lack of memory"),
            Self::Signal(SIGBUS) => f.write_str("killed by SIGBUS: a mapped file was cut short, or its disk failed"),
            Self::Signal(SIGABRT) => f.write_str("aborted (SIGABRT): its log has the stack"),
            Self::Signal(number) => write!(f, "killed by signal {number}"),
        }
    }
}

impl Exit {
    fn blames_the_store(self) -> bool {
        matches!(self, Self::Signal(SIGABRT | SIGBUS))
    }
}

impl Child {
    pub(super) fn died(&mut self, exit: Exit, at: Moment, rules: &Rules) -> Option<Action> {
        let Phase::Alive(alive) = &mut self.phase else { return None };
        let ending = alive.ending.take();
        let then = ending.as_ref().map_or(Then::Judge, |ending| ending.then);
        let fault = ending.and_then(|ending| ending.fault);
        let (ready, last_words) = (alive.ready, alive.last_words.take());
        self.reward_stable_use(ready, at.now, rules);
        // Whatever follows, there is no process now.
        self.phase = Phase::Stopped;
        match then {
            Then::Rest => {
                self.rest();
                None
            }
            Then::Again => self.spawn(at.now),
            Then::Judge => self.judge(exit, fault, last_words, at, rules),
        }
    }

    fn reward_stable_use(&mut self, ready: Option<Instant>, now: Instant, rules: &Rules) {
        if ready.is_some_and(|ready| now.duration_since(ready) >= rules.stable) {
            self.streak = 0;
            self.trust = Trust::Full;
        }
    }

    fn judge(
        &mut self,
        exit: Exit,
        fault: Option<String>,
        last_words: Option<String>,
        at: Moment,
        rules: &Rules,
    ) -> Option<Action> {
        // What the supervisor itself did is no sign of a bad configuration or of a torn store.
        let ours = fault.is_some();
        let why = fault.unwrap_or_else(|| match last_words {
            Some(words) => words,
            None if exit == Exit::Code(0) => "ended without being asked to".to_owned(),
            None => exit.to_string(),
        });
        match exit {
            Exit::Code(exit::CONFIG) if !ours => {
                let why = format!("its configuration was refused: {why}");
                return self.hold(&why, exit::CONFIG, at.now, rules);
            }
            Exit::Code(exit::DAMAGED) if !ours => {
                return self.hold(&damaged(&why, rules.store), exit::DAMAGED, at.now, rules);
            }
            _ if !ours
                && exit.blames_the_store()
                && rules.store == Store::Opened
                && self.store_fault(at.now, rules) =>
            {
                let why = format!("died twice on the comment store, at last: {why}");
                return self.hold(&damaged(&why, rules.store), exit::DAMAGED, at.now, rules);
            }
            _ => {}
        }
        self.again_or_hold(why, at, rules)
    }

    /// Counts; true when it was one too many.
    fn store_fault(&mut self, now: Instant, rules: &Rules) -> bool {
        remember(&mut self.store_faults, now, rules.deaths_period, STORE_FAULTS);
        self.store_faults.len() >= STORE_FAULTS
    }

    fn again_or_hold(&mut self, why: String, at: Moment, rules: &Rules) -> Option<Action> {
        remember(&mut self.deaths, at.now, rules.deaths_period, rules.deaths_limit);
        if self.trust == Trust::OnProbation {
            let why = format!("failed again when it was tried: {why}");
            return self.hold(&why, exit::FAILED, at.now, rules);
        }
        if self.deaths.len() >= rules.deaths_limit.max(1) {
            let (times, period) = (self.deaths.len(), seconds(rules.deaths_period));
            let why = format!("died {times} times within {period}, at last: {why}");
            return self.hold(&why, exit::FAILED, at.now, rules);
        }
        let wait = back_off(self.streak, at.chance, rules);
        self.streak = self.streak.saturating_add(1);
        self.reason = Some(why);
        if wait.is_zero() {
            return self.spawn(at.now);
        }
        self.phase = Phase::Waiting { until: at.now + wait };
        None
    }

    fn hold(&mut self, why: &str, code: u8, now: Instant, rules: &Rules) -> Option<Action> {
        self.reason = Some(format!("{why}; tried again every {}", seconds(rules.hold_pause)));
        self.phase = Phase::Held { until: now + rules.hold_pause, code };
        None
    }

    pub(super) fn not_spawned(&mut self, why: String, retry: Retry, at: Moment, rules: &Rules) -> Option<Action> {
        let Phase::Alive(Alive { ending, .. }) = &mut self.phase else { return None };
        let then = ending.take().map(|ending| ending.then);
        self.phase = Phase::Stopped;
        match (then, retry) {
            (Some(Then::Rest), _) => {
                self.rest();
                None
            }
            (_, Retry::Useless) => self.hold(&why, exit::FAILED, at.now, rules),
            // Never at once: the machine that is short of something needs a moment.
            (_, Retry::MayHelp) => {
                self.streak = self.streak.max(1);
                self.again_or_hold(why, at, rules)
            }
        }
    }
}

fn damaged(why: &str, store: Store) -> String {
    match store {
        // The box's own words say it already.
        Store::Opened if why.contains("supervisor store salvage") => why.to_owned(),
        Store::Opened => format!(
            "{why}; run `supervisor store check`, and if the comment store is damaged, \
             `supervisor store salvage --into DIR`"
        ),
        Store::NotOpened => format!("its data on disk is damaged: {why}"),
    }
}

/// Keeps the moments of the last `period`, at most `most` of them, with `now` as the newest.
fn remember(moments: &mut Vec<Instant>, now: Instant, period: Duration, most: usize) {
    moments.push(now);
    moments.retain(|&moment| now.duration_since(moment) <= period);
    let excess = moments.len().saturating_sub(most.max(1));
    moments.drain(..excess);
}

/// Nothing before the first restart in a row; then full jitter below a bound that doubles up to the cap.
pub(super) fn back_off(streak: u32, chance: f64, rules: &Rules) -> Duration {
    let Some(doublings) = streak.checked_sub(1) else { return Duration::ZERO };
    let bound = rules.restart_base.saturating_mul(1 << doublings.min(MOST_DOUBLINGS)).min(rules.restart_cap);
    bound.mul_f64(chance.clamp(0.0, 1.0))
}
