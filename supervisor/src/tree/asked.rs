//! `asked`: the operator's commands, and those who wait for their end.

use std::time::{Duration, Instant};

use proto::{
    config::Rookery,
    supervision::{Command, InstanceState, Reply, Status, exit},
};
use tokio::sync::oneshot;

use super::{Stage, Tree, told::Metrics};
use crate::{
    machine::{ABORT_WAIT, Event, STUCK_AFTER},
    watch::Slot,
};

/// A question to the tree. Whoever asked may be gone by the time of the answer.
#[derive(Debug)]
pub enum Ask {
    /// From `supervisor.sock`.
    Do(Command, oneshot::Sender<Reply>),
    /// From `status.sock`.
    Show(oneshot::Sender<Status>),
}

/// Beyond what the configuration allows boxes, a command waits so much longer before it gives up.
const GRACE: Duration = Duration::from_secs(3);

/// How long a command may take before the supervisor says that it did not work.
pub fn patience(all: &Rookery, command: &Command) -> Duration {
    let ms = Duration::from_millis;
    let (start, stop) = (ms(all.supervisor.start_wait_ms), ms(all.supervisor.stop_wait_ms) + ABORT_WAIT + STUCK_AFTER);
    let rows = u32::try_from(crate::table::rows(all).len()).unwrap_or(u32::MAX);
    GRACE
        + match command {
            Command::Status => Duration::ZERO,
            Command::AwaitReady => start,
            Command::Down => stop * rows,
            Command::Stop { .. } => stop,
            Command::Start { .. } | Command::Restart { .. } => start + stop,
        }
}

#[derive(Debug)]
enum Goal {
    /// Everything is gone.
    Over,
    /// These are stopped.
    Stopped(Vec<Slot>),
    /// These run.
    Running(Vec<Slot>),
}

#[derive(Debug)]
pub(super) struct Waiter {
    goal: Goal,
    pub(super) until: Instant,
    reply: oneshot::Sender<Reply>,
}

fn refused(reason: impl Into<String>, code: u8) -> Reply {
    Reply::Refused { reason: reason.into(), code }
}

impl Tree {
    pub(super) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Show(reply) => drop(reply.send(self.status(Metrics::Included))),
            Ask::Do(command, reply) => {
                let until = Instant::now() + patience(&self.plan.loaded.all, &command);
                match self.obey(command) {
                    Ok(goal) => self.waiters.push(Waiter { goal, until, reply }),
                    Err(at_once) => drop(reply.send(at_once)),
                }
            }
        }
    }

    /// What to wait for, or what can be said at once.
    fn obey(&mut self, command: Command) -> Result<Goal, Reply> {
        match command {
            Command::Status => Err(Reply::Status { status: Box::new(self.status(Metrics::Left)) }),
            Command::Down => {
                tracing::info!("asked to go down");
                self.close();
                Ok(Goal::Over)
            }
            _ if self.stage != Stage::Serving => {
                Err(refused("the supervisor is ending; start it with `supervisor up`", exit::FAILED))
            }
            Command::AwaitReady => Ok(Goal::Running((0..self.instances.len()).collect())),
            Command::Stop { name } => self.tell_named(&name, &Event::Stop).map(Goal::Stopped),
            Command::Start { name } => self.tell_named(&name, &Event::Start).map(Goal::Running),
            Command::Restart { name } => self.tell_named(&name, &Event::Restart).map(Goal::Running),
        }
    }

    fn tell_named(&mut self, name: &str, event: &Event) -> Result<Vec<Slot>, Reply> {
        let slots = self.named(name)?;
        tracing::info!(name, ?event, "asked");
        for &slot in &slots {
            self.tell(slot, event.clone());
        }
        Ok(slots)
    }

    /// `get-worker` is all its instances, `get-worker.1` is one.
    fn named(&self, name: &str) -> Result<Vec<Slot>, Reply> {
        let all = self.instances.iter().enumerate();
        let found: Vec<_> = all.filter(|(_, one)| one.kind == name || one.name == name).map(|(slot, _)| slot).collect();
        if found.is_empty() {
            let names: Vec<_> = self.plan.rows.iter().map(|row| row.name).collect();
            return Err(refused(
                format!("no box `{name}` is enabled; expected one of {}", names.join(", ")),
                exit::FAILED,
            ));
        }
        Ok(found)
    }

    /// Answers those whose goal is reached, or out of reach.
    pub(super) fn answer_waiters(&mut self) {
        let now = Instant::now();
        for waiter in std::mem::take(&mut self.waiters) {
            match self.outcome(&waiter.goal, waiter.until <= now) {
                Some(reply) => drop(waiter.reply.send(reply)),
                None if waiter.reply.is_closed() => {}
                None => self.waiters.push(waiter),
            }
        }
    }

    fn outcome(&self, goal: &Goal, too_late: bool) -> Option<Reply> {
        let in_state = |slots: &[Slot], state| slots.iter().all(|&slot| self.instances[slot].state() == state);
        let reached = match goal {
            Goal::Over => self.is_over(),
            Goal::Stopped(slots) => in_state(slots, InstanceState::Stopped),
            Goal::Running(slots) => in_state(slots, InstanceState::Running),
        };
        if reached {
            return Some(Reply::Done);
        }
        match goal {
            Goal::Running(slots) => self.hopeless(slots, too_late),
            Goal::Over | Goal::Stopped(_) if too_late => {
                Some(refused(self.stragglers(InstanceState::Stopped), exit::FAILED))
            }
            Goal::Over | Goal::Stopped(_) => None,
        }
    }

    /// Why some of these will not run soon.
    fn hopeless(&self, slots: &[Slot], too_late: bool) -> Option<Reply> {
        let is = |slot: Slot, state| self.instances[slot].state() == state;
        let gone = slots.iter().find(|&&slot| is(slot, InstanceState::Held) || is(slot, InstanceState::Stopped));
        let why = match gone {
            Some(&slot) => {
                format!("{}: {}", self.instances[slot].name, self.instances[slot].child.reason().unwrap_or("stopped"))
            }
            None if self.stage != Stage::Serving => "the supervisor was asked to end".to_owned(),
            None if too_late => self.stragglers(InstanceState::Running),
            None => return None,
        };
        Some(refused(why, self.exit_code(slots)))
    }

    fn stragglers(&self, wanted: InstanceState) -> String {
        let late = self.instances.iter().filter(|one| one.state() != wanted);
        let late: Vec<_> =
            late.map(|one| format!("{} ({})", one.name, one.child.reason().unwrap_or("no reason known"))).collect();
        format!("gave up waiting for {}; see `supervisor status` and `supervisor logs`", late.join(", "))
    }
}
