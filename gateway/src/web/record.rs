//! The signed record of a name, for clients that resolve names without believing the gateway.
//!
//! Asked by `visit`. Keeps nothing.

use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use xxhash_rust::xxh64::xxh64;

use super::{
    Reply, Source,
    names::{Space, key_cid},
    step::Stop,
    visit::Visit,
};
use crate::{Refusal, format::Kind, headers};

impl<S: Source> Visit<'_, S> {
    /// The record of the name that the path is.
    pub(super) fn record(&self) -> Result<Reply, Stop<S::Fault>> {
        let key = (self.path.space == Space::Ipns && self.path.segments.is_empty()).then(|| key_cid(&self.path.root));
        let Some(key) = key.flatten() else { return Err(Refusal::NoKey.into()) };
        let found = self.source.record(&key, self.look).map_err(Stop::Fault)?;
        let record = found.ok_or_else(|| Refusal::Name(self.path.root.clone()))?;
        let mut all = self.headers();
        all.extend(record.ttl_s.map(|ttl_s| (CACHE_CONTROL, headers::text(format!("public, max-age={ttl_s}")))));
        let name = self.query.not_empty("filename").map(str::to_owned);
        let name = name.unwrap_or_else(|| format!("{}.ipns-record", self.path.root));
        all.insert(CONTENT_DISPOSITION, headers::attachment(&name));
        all.insert(CONTENT_TYPE, HeaderValue::from_static(Kind::IpnsRecord.content_type()));
        all.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let tag = format!("\"{}\"", headers::base_32(xxh64(&record.bytes, 0)));
        self.bytes(&record.bytes, all, &tag)
    }
}
