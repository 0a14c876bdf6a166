//! What every part of a running box needs to know: who it is, where things are, whether it should stop.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::registry::Registry;

use crate::{bus::Traffic, pulse::Pulse, stop::Stop, tap::Tap};

/// Shared by all parts of one running box. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// The box's name: `get-worker`.
    pub name: &'static str,
    /// Counted from 0.
    pub instance: u16,
    /// Where sockets and locks are.
    pub runtime_dir: PathBuf,
    /// Whether the box should end.
    pub stop: Stop,
    /// Where heartbeats go.
    pub pulse: Pulse,
    /// Where copies of messages go while somebody watches.
    pub tap: Tap,
    /// What the bus counts.
    pub traffic: Traffic,
    /// All metrics of the box.
    pub metrics: Arc<Mutex<Registry>>,
}

impl Context {
    /// What a box shares, with its metrics and its tap. Needs a tokio runtime.
    #[must_use]
    pub fn new(name: &'static str, instance: u16, runtime_dir: PathBuf, stop: Stop, pulse: Pulse) -> Self {
        let labels = [("box", name.to_owned()), ("instance", instance.to_string())];
        let labels = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut metrics = Registry::with_prefix_and_labels("rookery", labels);
        let traffic = Traffic::register(&mut metrics);
        let tap = Tap::start(&runtime_dir, name, instance);
        Self { name, instance, runtime_dir, stop, pulse, tap, traffic, metrics: Arc::new(Mutex::new(metrics)) }
    }

    /// The metrics, for registering or for encoding.
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        // A panic while the lock was held leaves a registry that can still be read.
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
