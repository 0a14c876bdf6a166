//! How the server is: for operators, probes and monitors.

pub(crate) mod exposition;
pub(crate) mod tree;

use hyper::header::HeaderValue;
use serde::Serialize;

use crate::{
    answer::{self, Answer, Answered, JSON, TEXT},
    cache::{Made, Tag},
    front::{Front, Visit},
    problem::Problem,
    sides::{Side as _, Sides},
};

const NEVER_KEEP: HeaderValue = HeaderValue::from_static("no-store");

#[derive(Serialize)]
struct Version {
    name: &'static str,
    version: &'static str,
}

impl<S: Sides> Front<S> {
    /// `GET /health/live`: who answers lives.
    pub(crate) fn live(&self) -> Answer {
        answer::ok(TEXT, NEVER_KEEP, "live\n")
    }

    /// `GET /health/ready`: whether comments can be read and written. IPFS may be down.
    pub(crate) fn ready(&self) -> Answered {
        let sides = [("get-worker", self.reads.live()), ("post-worker", self.writes.live())];
        let missing: Vec<_> = sides.iter().filter(|(_, live)| *live == 0).map(|(name, _)| *name).collect();
        match missing.is_empty() {
            true => Ok(answer::ok(TEXT, NEVER_KEEP, "ready\n")),
            false => Err(Problem::not_ready(&missing)),
        }
    }

    /// `GET /metrics`: of all boxes.
    pub(crate) async fn metrics(&self, visit: &Visit) -> Answered {
        let kind = HeaderValue::from_static(exposition::CONTENT_TYPE);
        let text = Made::text(Tag::None, self.tree.metrics().await);
        self.fresh(visit, text.of_kind(kind).cached(NEVER_KEEP)).await
    }

    /// `GET /version`.
    pub(crate) fn version(&self) -> Answer {
        let version = Version { name: "rookery", version: env!("CARGO_PKG_VERSION") };
        answer::ok(JSON, NEVER_KEEP, serde_json::to_vec(&version).expect("two texts can be serialised"))
    }
}
