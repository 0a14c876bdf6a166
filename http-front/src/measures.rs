//! What the front counts: requests, their times, connections, bytes.

use std::time::Duration;

use hyper::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::crowd::Limit;

/// From 100 µs, a read that nothing delays, to 10 s, the longest that a worker is waited for.
const SECONDS: [f64; 10] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0, 10.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    method: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Path {
    route: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Met {
    limit: Limit,
}

/// All counters of the front. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Measures {
    requests: Family<Request, Counter>,
    seconds: Family<Path, Histogram, fn() -> Histogram>,
    connections: Gauge,
    accepted: Counter,
    sent_away: Family<Met, Counter>,
    traffic: Traffic,
}

/// Bytes over all connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    received: Counter,
    sent: Counter,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            connections: Gauge::default(),
            accepted: Counter::default(),
            sent_away: Family::default(),
            traffic: Traffic::default(),
        }
    }
}

impl Measures {
    /// Makes them part of the box's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.requests.clone());
        let told = "Time from a request's header to its answer";
        registry.register_with_unit("http_request", told, Unit::Seconds, self.seconds.clone());
        registry.register("http_connections", "Connections open now", self.connections.clone());
        registry.register("http_connections_accepted", "Connections accepted", self.accepted.clone());
        let told = "Requests and connections that met a limit";
        registry.register("http_sent_away", told, self.sent_away.clone());
        let Traffic { received, sent } = self.traffic.clone();
        registry.register_with_unit("http_received", "Bytes received from clients", Unit::Bytes, received);
        registry.register_with_unit("http_sent", "Bytes sent to clients", Unit::Bytes, sent);
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, route: &'static str, method: &Method, status: StatusCode, took: Duration) {
        let labels = Request { route, method: method_name(method), status: status_class(status) };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&Path { route }).observe(took.as_secs_f64());
    }

    /// Counts a visitor who met a limit.
    pub(crate) fn sent_away(&self, limit: Limit) {
        self.sent_away.get_or_create(&Met { limit }).inc();
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connected(&self) -> Connected {
        self.accepted.inc();
        self.connections.inc();
        Connected(self.connections.clone())
    }

    #[cfg(test)]
    pub(crate) fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// Where the bytes of a connection are counted.
    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }
}

impl Traffic {
    pub(crate) fn received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.inc_by(bytes as u64);
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A label must have few values, whatever clients send.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let (measures, mut registry) = (Measures::default(), Registry::default());
        measures.register(&mut registry);
        let strange = Method::from_bytes(b"BREW").unwrap();
        measures.answered("topic", &Method::GET, StatusCode::OK, Duration::from_micros(150));
        measures.answered("topic", &strange, StatusCode::METHOD_NOT_ALLOWED, Duration::from_micros(50));
        let open = measures.connected();
        drop(measures.connected());
        measures.traffic().sent(7);
        measures.sent_away(Limit::AddressPosts);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"http_requests_total{route="topic",method="GET",status="2xx"} 1"#,
            r#"http_requests_total{route="topic",method="other",status="4xx"} 1"#,
            r#"http_request_seconds_bucket{le="0.0001",route="topic"} 1"#,
            r#"http_request_seconds_count{route="topic"} 2"#,
            "http_connections 1",
            "http_connections_accepted_total 2",
            "http_sent_bytes_total 7",
            r#"http_sent_away_total{limit="AddressPosts"} 1"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        drop(open);
    }
}
