//! What every box measures of itself, and the text that its heartbeats carry to the supervisor.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{context::Context, log, pulse::MetricsSource};

/// Registers what every box measures, and hands the text of all metrics to the heartbeats.
pub fn measure_process(context: &Context) {
    context.registry().register_collector(Box::new(Process));
    let metrics = Arc::clone(&context.metrics);
    context.pulse.measures(MetricsSource(Box::new(move || text(&metrics))));
}

/// All metrics as OpenMetrics text, without the closing `# EOF`.
#[must_use]
pub fn text(metrics: &Mutex<Registry>) -> String {
    let mut text = String::new();
    let registry = metrics.lock().unwrap_or_else(PoisonError::into_inner);
    text::encode_registry(&mut text, &registry).expect("writing to a string does not fail");
    text
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let descriptors = ConstGauge::new(open_descriptors());
        let told = "Open file descriptors of the process";
        descriptors.encode(encoder.encode_descriptor("open_descriptors", told, None, descriptors.metric_type())?)?;
        let dropped = ConstCounter::new(log::DROPPED_LINES.load(Ordering::Relaxed));
        let told = "Log lines dropped because nobody took them";
        dropped.encode(encoder.encode_descriptor("log_lines_dropped", told, None, dropped.metric_type())?)
    }
}

fn open_descriptors() -> i64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| i64::try_from(entries.count()).unwrap_or(i64::MAX))
}
