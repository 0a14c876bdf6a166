//! Answers that are no command's: the server's name, the metrics.
//!
//! Asked by the router.

use hyper::{Response, StatusCode, header::HeaderValue};

use super::{body::Body, plain};
use crate::node::Node;

/// What clients see as the server's name: they look for Kubo's version in it.
pub(super) const SERVER: HeaderValue = HeaderValue::from_static("kubo/0.43.0 rookery");

/// The few numbers that Kubo's users chart, under Kubo's names.
pub(super) fn metrics(node: &Node) -> Response<Body> {
    let size = match node.store.size() {
        Ok(size) => size,
        Err(error) => return plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let rows = [
        ("ipfs_datastore_blocks", "gauge", size.blocks),
        ("ipfs_datastore_disk_bytes", "gauge", size.disk_bytes),
        ("ipfs_datastore_live_bytes", "gauge", size.live_bytes),
    ];
    let text = rows.map(|(name, kind, value)| format!("# TYPE {name} {kind}\n{name} {value}\n")).concat();
    plain(StatusCode::OK, text)
}
