//! `instance`: one place in the tree: its state machine, its process when it has one, and what that said of itself.

use std::{collections::BTreeMap, env, io, path::Path, sync::Arc};

use proto::supervision::{Beat, InstanceState, InstanceStatus, exit};

use super::Plan;
use crate::{
    beats::Heard,
    machine::{Action, Child, Event, Exit, Retry, Rules},
    memory::{self, Usage},
    process::{Sacrifice, Spec},
    table::{self, Memory},
    trend::Trend,
    watch::Watched,
};

/// The metrics of a child are kept up to this length; a longer text is left out.
const METRICS_BYTES: usize = 64 * 1024;
/// A child says on how many purposes it listens; more are not kept.
const MOST_LISTENERS: usize = 32;
/// Of what a child says of itself no text is kept beyond this.
const TEXT_BYTES: usize = 2_048;
/// More beats than a child can have sent into a socket's buffer.
const UNHEARD: usize = 1_024;

#[derive(Debug)]
pub(super) struct Instance {
    /// Its row's place in the table.
    pub(super) row: usize,
    pub(super) kind: &'static str,
    pub(super) number: u16,
    /// `get-worker.0`.
    pub(super) name: String,
    pub(super) log: Arc<str>,
    pub(super) memory: Memory,
    pub(super) rules: Rules,
    pub(super) child: Child,
    pub(super) watched: Option<Watched>,
    /// Its process said why it would fail.
    spoke: bool,
    /// It was told to stop because the whole tree ends.
    pub(super) stopping: bool,
    listen: BTreeMap<String, String>,
    metrics: Option<String>,
    alert: Option<String>,
    trend: Trend,
    noise: u64,
}

/// An instance for every row, in start order.
pub(super) fn all(plan: &Plan) -> Vec<Instance> {
    let instances = |row: usize| (0..plan.rows[row].instances).map(move |number| Instance::new(plan, row, number));
    (0..plan.rows.len()).flat_map(instances).collect()
}

impl Instance {
    fn new(plan: &Plan, place: usize, number: u16) -> Self {
        let row = &plan.rows[place];
        let name = format!("{}.{number}", row.name);
        Self {
            row: place,
            kind: row.name,
            number,
            log: name.as_str().into(),
            name,
            memory: row.memory,
            rules: table::rules(&plan.loaded.all, row.store),
            child: Child::new(),
            watched: None,
            spoke: false,
            stopping: false,
            listen: BTreeMap::new(),
            metrics: None,
            alert: None,
            trend: Trend::default(),
            noise: 0,
        }
    }

    pub(super) fn state(&self) -> InstanceState {
        self.child.state()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.watched.as_ref().map(|watched| watched.process.pid())
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        memory::of(self.pid()?)
    }

    /// Keeps a sample of its memory.
    pub(super) fn sampled(&mut self, usage: Usage, now: std::time::Instant) {
        self.trend.sampled(now, usage.rss_anon_bytes);
    }

    pub(super) fn metrics(&self) -> Option<&String> {
        self.metrics.as_ref()
    }

    pub(super) fn signal(&self, action: Action) {
        if let Some(watched) = &self.watched {
            watched.process.signal(action);
        }
    }

    /// What its process has said and nobody has read.
    pub(super) fn unheard(&self) -> Vec<Heard> {
        let beats = self.watched.iter().map(|watched| &watched.beats);
        beats.flat_map(|beats| std::iter::from_fn(|| beats.take())).take(UNHEARD).collect()
    }

    /// Keeps what its process says of itself.
    pub(super) fn learn(&mut self, beat: Beat) {
        self.listen = beat.listen.into_iter().take(MOST_LISTENERS).collect();
        self.listen.retain(|purpose, address| purpose.len() + address.len() <= TEXT_BYTES);
        self.alert = beat.alert.map(|text| text.chars().take(TEXT_BYTES).collect());
        match beat.metrics {
            Some(metrics) if metrics.len() > METRICS_BYTES => self.log_noise(metrics.len()),
            Some(metrics) => self.metrics = Some(metrics),
            None => {}
        }
    }

    /// Its process is gone. Gives what it wrote last, if that is why: it failed by itself, and had not said otherwise.
    pub(super) fn buried(&mut self, exit: Exit, last_line: Option<String>) -> Option<String> {
        self.watched = None;
        self.metrics = None;
        self.alert = None;
        self.trend = Trend::default();
        self.listen.clear();
        let spoke = std::mem::take(&mut self.spoke);
        let failed = matches!(exit, Exit::Code(code) if code != exit::OK);
        last_line.filter(|_| failed && !spoke)
    }

    /// What its process said about why it will fail.
    pub(super) fn last_words(&mut self, words: &str) -> Event {
        self.spoke = true;
        Event::LastWords(words.chars().take(TEXT_BYTES).collect())
    }

    /// What to start for it.
    pub(super) fn spec<'a>(&self, plan: &'a Plan) -> Spec<'a> {
        let beside = plan.programs.join(self.kind);
        let mut args = vec!["--instance".into(), self.number.to_string().into()];
        if let Some(file) = &plan.loaded.file {
            args.extend(["--config".into(), file.into()]);
        }
        Spec {
            program: if beside.is_file() { beside } else { self.kind.into() },
            args,
            listeners: plan.doors[self.row].iter().map(|door| (door.purpose, door.fd())).collect(),
            sacrifice: if self.memory == Memory::Limited { Sacrifice::First } else { Sacrifice::AsAnyOther },
            memory_bytes: (self.memory == Memory::Limited).then(|| plan.limits.soft_bytes()),
        }
    }

    pub(super) fn log_state(&self) {
        let (name, restarts, reason) = (&self.name, self.child.restarts(), self.child.reason());
        match self.state() {
            InstanceState::Held => tracing::error!(%name, restarts, reason, "held"),
            InstanceState::Waiting => tracing::warn!(%name, restarts, reason, "waiting"),
            InstanceState::Starting if reason.is_some() => tracing::warn!(%name, restarts, reason, "starting again"),
            InstanceState::Starting => tracing::info!(%name, restarts, "starting"),
            InstanceState::Running => tracing::info!(%name, restarts, "running"),
            InstanceState::Draining => tracing::info!(%name, restarts, reason, "draining"),
            InstanceState::Stopped => tracing::info!(%name, restarts, "stopped"),
        }
    }

    pub(super) fn log_noise(&mut self, bytes: usize) {
        self.noise += 1;
        if self.noise == 1 {
            let name = &self.name;
            tracing::warn!(%name, bytes, "a heartbeat or its metrics are too long, or from another build: left out");
        }
    }

    pub(super) fn status(&self, plan: &Plan) -> InstanceStatus {
        let usage = self.usage().unwrap_or_default();
        let since_ms = |moment: std::time::Instant| u64::try_from(moment.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut listen = self.listen.clone();
        // What the supervisor bound itself is known also while the box is dead.
        listen.extend(plan.doors[self.row].iter().map(|door| (door.purpose.to_owned(), door.address.to_string())));
        InstanceStatus {
            name: self.kind.to_owned(),
            instance: self.number,
            state: self.state(),
            pid: self.pid(),
            restarts: self.child.restarts(),
            uptime_ms: self.child.alive_since().map_or(0, since_ms),
            rss_bytes: usage.rss_bytes,
            rss_anon_bytes: usage.rss_anon_bytes,
            heartbeat_age_ms: self.child.last_beat().map(since_ms),
            listen,
            reason: self.child.reason().map(str::to_owned),
            alert: self.alert.clone(),
            memory: (self.memory == Memory::Limited).then(|| plan.limits.forecast(usage, &self.trend)),
        }
    }
}

/// The event for a process that could not be started.
pub(super) fn not_spawned(spec: &Spec<'_>, error: &io::Error) -> Event {
    let program = spec.program.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
            let place = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_default();
            let why = format!(
                "cannot start {program}: {error}; its program belongs beside the supervisor in {}",
                place.display()
            );
            Event::NotSpawned { why, retry: Retry::Useless }
        }
        _ => Event::NotSpawned { why: format!("cannot start {program}: {error}"), retry: Retry::MayHelp },
    }
}
