//! `metrics`: the supervisor's own families, made from a status, as OpenMetrics text.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
    },
    registry::Registry,
};
use proto::supervision::{InstanceState, InstanceStatus, Status};

/// Under which name they stand beside those of the boxes.
pub const OWN_NAME: &str = "supervisor.0";

/// Which child a sample is about. The child's own metrics bear the same labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Child {
    r#box: String,
    instance: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChildState {
    r#box: String,
    instance: u16,
    state: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// The text, without the closing `# EOF`.
pub fn text(status: &Status, dropped_lines: u64) -> String {
    let mut registry = Registry::with_prefix("rookery");
    let own: Gauge = Gauge::default();
    own.set(whole(status.rss_bytes));
    registry.register("supervisor_rss_bytes", "Resident set of the supervisor itself", own);
    let dropped = ConstCounter::new(dropped_lines);
    registry.register("supervisor_log_lines_dropped", "Lines that no disk took in time", dropped);
    registry.register("box_up", "Whether the instance runs and is ready", of_each(status, is_up));
    registry.register("box_rss_bytes", "Resident set", of_each(status, |one| whole(one.rss_bytes)));
    let anon = of_each(status, |one| whole(one.rss_anon_bytes));
    registry.register("box_rss_anon_bytes", "Anonymous part of the resident set", anon);
    let uptime = seconds_of_each(status, |one| one.uptime_ms);
    registry.register("box_uptime_seconds", "Since the process was started, 0 without one", uptime);
    let age = seconds_of_each(status, |one| one.heartbeat_age_ms.unwrap_or(0));
    registry.register("box_heartbeat_age_seconds", "Since the last heartbeat, 0 without a process", age);
    registry.register("box_restarts", "How often an instance was started again", restarts(status));
    registry.register("box_state", "1 for the state that an instance is in", states(status));
    let mut text = String::new();
    // Writing into a string fails for no reason but a bug in a metric, and then what was written so far is shown.
    let _ = encode(&mut text, &registry);
    text.truncate(text.rfind("# EOF").unwrap_or(text.len()));
    text
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn is_up(one: &InstanceStatus) -> i64 {
    i64::from(one.state == InstanceState::Running)
}

fn child(one: &InstanceStatus) -> Child {
    Child { r#box: one.name.clone(), instance: one.instance }
}

fn of_each(status: &Status, value: fn(&InstanceStatus) -> i64) -> Family<Child, Gauge> {
    let family = Family::<Child, Gauge>::default();
    for one in &status.boxes {
        family.get_or_create(&child(one)).set(value(one));
    }
    family
}

fn seconds_of_each(status: &Status, value_ms: fn(&InstanceStatus) -> u64) -> Family<Child, Seconds> {
    let family = Family::<Child, Seconds>::default();
    for one in &status.boxes {
        family.get_or_create(&child(one)).set(Duration::from_millis(value_ms(one)).as_secs_f64());
    }
    family
}

const STATES: [(InstanceState, &str); 6] = [
    (InstanceState::Starting, "starting"),
    (InstanceState::Running, "running"),
    (InstanceState::Draining, "draining"),
    (InstanceState::Waiting, "waiting"),
    (InstanceState::Held, "held"),
    (InstanceState::Stopped, "stopped"),
];

fn restarts(status: &Status) -> Family<Child, Counter> {
    let family = Family::<Child, Counter>::default();
    for one in &status.boxes {
        family.get_or_create(&child(one)).inc_by(one.restarts);
    }
    family
}

fn states(status: &Status) -> Family<ChildState, Gauge> {
    let family = Family::<ChildState, Gauge>::default();
    for one in &status.boxes {
        for (state, name) in STATES {
            let labels = ChildState { r#box: one.name.clone(), instance: one.instance, state: name };
            family.get_or_create(&labels).set(i64::from(one.state == state));
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_has_its_numbers_and_its_state() {
        let one = InstanceStatus {
            name: "get-worker".to_owned(),
            instance: 1,
            state: InstanceState::Held,
            pid: Some(7),
            restarts: 3,
            uptime_ms: 1_500,
            rss_bytes: 5,
            rss_anon_bytes: 6,
            heartbeat_age_ms: Some(8),
            listen: [].into(),
            reason: None,
            alert: None,
            memory: None,
        };
        let status = Status {
            version: String::new(),
            pid: 1,
            uptime_ms: 2,
            rss_bytes: 9,
            ready: true,
            data_dir: String::new(),
            runtime_dir: String::new(),
            boxes: vec![one],
            metrics: [].into(),
        };
        let text = text(&status, 10);
        for line in [
            r#"rookery_box_up{box="get-worker",instance="1"} 0"#,
            r#"rookery_box_restarts_total{box="get-worker",instance="1"} 3"#,
            r#"rookery_box_uptime_seconds{box="get-worker",instance="1"} 1.5"#,
            r#"rookery_box_rss_bytes{box="get-worker",instance="1"} 5"#,
            r#"rookery_box_rss_anon_bytes{box="get-worker",instance="1"} 6"#,
            r#"rookery_box_heartbeat_age_seconds{box="get-worker",instance="1"} 0.008"#,
            r#"rookery_box_state{box="get-worker",instance="1",state="held"} 1"#,
            "rookery_supervisor_log_lines_dropped_total 10",
            "rookery_supervisor_rss_bytes 9",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert!(!text.contains("EOF"));
    }
}
