//! From the configuration to what the front goes by.

use std::time::Duration;

use proto::config::{HttpFront, Rookery};

use crate::{
    connection::{door::Manners, patience::Waits},
    events,
    front::Limits,
    request::body::BodyLimits,
};

/// The supervisor kills who takes longer than it allows: we want to be gone before that.
const MARGIN: Duration = Duration::from_millis(500);

/// What is allowed of a request.
pub(crate) fn limits(config: &HttpFront, all: &Rookery) -> Limits {
    let body = BodyLimits {
        bytes: u64::from(all.post_worker.comment_bytes),
        wait: Duration::from_millis(config.body_wait_ms),
    };
    Limits { body, answer_wait: Duration::from_millis(config.answer_wait_ms) }
}

/// How live events are to be.
pub(crate) fn events(config: &HttpFront) -> events::hub::Limits {
    let answer_wait = Duration::from_millis(config.answer_wait_ms);
    events::hub::Limits { readers: config.event_readers, answer_wait }
}

/// What is allowed of a connection.
pub(crate) fn manners(config: &HttpFront, all: &Rookery) -> Manners {
    let waits = Waits {
        header: Duration::from_millis(config.header_wait_ms),
        idle: Duration::from_millis(config.idle_wait_ms),
        send: Duration::from_millis(config.send_wait_ms),
        header_bytes: config.header_bytes,
    };
    let drain_within = Duration::from_millis(all.supervisor.stop_wait_ms).saturating_sub(MARGIN);
    Manners { connections: config.connections.max(1), waits, drain_within }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_gone_before_it_would_be_killed() {
        let all = Rookery::default();
        let manners = manners(&all.http_front, &all);
        assert!(manners.drain_within < Duration::from_millis(all.supervisor.stop_wait_ms));
        assert_eq!(limits(&all.http_front, &all).body.bytes, 16_384);
    }
}
