//! `metrics`: the supervisor's own families, made from a status, as OpenMetrics text.

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

/// Not `box` and `instance`: those say whose metrics a text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Child {
    child: String,
    child_instance: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChildState {
    child: String,
    child_instance: u16,
    state: &'static str,
}

/// The text, without the closing `# EOF`.
pub fn text(status: &Status, dropped_lines: u64) -> String {
    let mut registry = Registry::with_prefix("rookery_supervisor");
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let own: Gauge = Gauge::default();
    own.set(whole(status.rss_bytes));
    registry.register("own_rss_bytes", "Resident set of the supervisor itself", own);
    registry.register("log_lines_dropped", "Lines that no disk took in time", ConstCounter::new(dropped_lines));
    let mut family = |name: &str, help: &str, value: fn(&InstanceStatus) -> u64| {
        let family = Family::<Child, Gauge>::default();
        for one in &status.boxes {
            let labels = Child { child: one.name.clone(), child_instance: one.instance };
            family.get_or_create(&labels).set(whole(value(one)));
        }
        registry.register(name, help, family);
    };
    family("rss_bytes", "Resident set", |one| one.rss_bytes);
    family("rss_anon_bytes", "Anonymous part of the resident set", |one| one.rss_anon_bytes);
    family("uptime_ms", "Since the process was started, 0 without one", |one| one.uptime_ms);
    family("heartbeat_age_ms", "Since the last heartbeat, 0 without a process", |one| {
        one.heartbeat_age_ms.unwrap_or(0)
    });
    registry.register("restarts", "How often an instance was started again", restarts(status));
    registry.register("state", "1 for the state that an instance is in", states(status));
    let mut text = String::new();
    // Writing into a string fails for no reason but a bug in a metric, and then what was written so far is shown.
    let _ = encode(&mut text, &registry);
    text.truncate(text.rfind("# EOF").unwrap_or(text.len()));
    text
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
        let labels = Child { child: one.name.clone(), child_instance: one.instance };
        family.get_or_create(&labels).inc_by(one.restarts);
    }
    family
}

fn states(status: &Status) -> Family<ChildState, Gauge> {
    let family = Family::<ChildState, Gauge>::default();
    for one in &status.boxes {
        for (state, name) in STATES {
            let labels = ChildState { child: one.name.clone(), child_instance: one.instance, state: name };
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
            uptime_ms: 4,
            rss_bytes: 5,
            rss_anon_bytes: 6,
            heartbeat_age_ms: Some(8),
            listen: [].into(),
            reason: None,
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
        let labels = "{child=\"get-worker\",child_instance=\"1\"}";
        for (name, value) in [("restarts_total", 3), ("rss_bytes", 5), ("rss_anon_bytes", 6), ("heartbeat_age_ms", 8)] {
            assert!(text.contains(&format!("rookery_supervisor_{name}{labels} {value}\n")), "{name}: {text}");
        }
        assert!(
            text.contains("rookery_supervisor_state{child=\"get-worker\",child_instance=\"1\",state=\"held\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("rookery_supervisor_log_lines_dropped_total 10\n"), "{text}");
        assert!(text.contains("rookery_supervisor_own_rss_bytes 9\n"), "{text}");
        assert!(!text.contains("EOF"));
    }
}
