//! A file or folder as a tar archive, which the box writes.
//!
//! Asked by `visit`. Keeps nothing.

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS},
};
use unixfs::{Cid, Item};

use super::{
    Reply, Source,
    resolve::{End, block},
    step::Stop,
    visit::Visit,
};
use crate::{Refusal, format::Kind, headers};

impl<S: Source> Visit<'_, S> {
    /// The head of the archive, once it is known that there can be one.
    pub(super) fn tar(&self, end: &End) -> Result<Reply, Stop<S::Fault>> {
        let bytes = block(self.source, &end.cid, self.look)?;
        if Item::read(&end.cid, &bytes).is_err() {
            return Err(Refusal::Opaque(end.cid).into());
        }
        let mut head = Response::new(());
        let all = head.headers_mut();
        *all = self.headers();
        all.extend(self.life.content().map(|keep| (CACHE_CONTROL, keep)));
        all.insert(ETAG, headers::text(tag(&end.cid)));
        let name = self.query.not_empty("filename").map_or_else(|| format!("{}.tar", end.cid), str::to_owned);
        all.insert(CONTENT_DISPOSITION, headers::attachment(&name));
        all.insert(CONTENT_TYPE, HeaderValue::from_static(Kind::Tar.content_type()));
        all.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.is_head() { Ok(Reply::Whole(head.map(|()| Bytes::new()))) } else { Ok(Reply::Tar(head, end.cid)) }
    }
}

/// The tag of an archive: weak, for another build may pad it in another way.
pub(super) fn tag(cid: &Cid) -> String {
    format!("W/\"{cid}.x-tar\"")
}
