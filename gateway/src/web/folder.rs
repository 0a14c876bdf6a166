//! A folder as an answer: its `index.html`, or a list of what is in it.
//!
//! Asked by `visit`. Keeps nothing.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
};
use unixfs::{Cid, DirReader, Item, ReadError, Reader as _, Resolver, Step, dag_pb::PbNode};

use super::{
    Listing, Reply, Source,
    file::Given,
    listing,
    resolve::block,
    step::{Stop, redirect},
    visit::Visit,
};
use crate::{Refusal, headers};

const INDEX: &str = "index.html";

impl<S: Source> Visit<'_, S> {
    /// A folder that begins with this block.
    pub(super) fn folder(&self, cid: &Cid, bytes: &Bytes) -> Result<Reply, Stop<S::Fault>> {
        self.with_slash()?;
        if let Some(index) = self.entry(cid, INDEX)? {
            return self.index(cid, &index);
        }
        let mut all = self.headers();
        all.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        all.insert(ETAG, headers::text(listing::tag(cid)));
        all.extend(self.life.listing().map(|keep| (CACHE_CONTROL, keep)));
        let mut head = Response::new(());
        *head.headers_mut() = all;
        if self.is_head() {
            return Ok(Reply::Whole(head.map(|()| Bytes::new())));
        }
        let dag_bytes = PbNode::decode(bytes).map_or(0, |node| node.tsize(bytes.len()));
        let list = Listing::new(&self.path.text, self.head.uri.path(), self.gateway_name(), cid, dag_bytes);
        Ok(Reply::Folder(head, Box::new(list), Box::new(DirReader::new(*cid))))
    }

    /// A page's links lead into its folder only if its address ends with a slash.
    pub(super) fn with_slash(&self) -> Result<(), Stop<S::Fault>> {
        let uri = &self.head.uri;
        // `go get` does not follow.
        if uri.path().ends_with('/') || self.query.get("go-get") == Some("1") {
            return Ok(());
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        // Not to another host, whatever the path begins with.
        let path = format!("/{}", uri.path().trim_start_matches('/'));
        Err(redirect(StatusCode::MOVED_PERMANENTLY, &format!("{path}/{query}"))?.into())
    }

    fn index(&self, folder: &Cid, index: &Cid) -> Result<Reply, Stop<S::Fault>> {
        let bytes = block(self.source, index, self.look)?;
        let Ok(Item::File(file)) = Item::read(index, &bytes) else { return Err(Refusal::Index(*index).into()) };
        let given = Given { tag: format!("\"{folder}\""), name: INDEX, content_type: Some("text/html") };
        self.file(index, &file, &given)
    }

    /// The entry of a folder, if there is one of this name.
    fn entry(&self, folder: &Cid, name: &'static str) -> Result<Option<Cid>, Stop<S::Fault>> {
        let mut resolver = Resolver::new(*folder, [Bytes::from_static(name.as_bytes())]);
        loop {
            let step = match resolver.step() {
                Ok(Step::Give(found)) => return Ok(Some(found.cid)),
                Ok(Step::Done) => return Ok(None),
                Ok(Step::Need(cid)) => {
                    let bytes = block(self.source, &cid, self.look)?;
                    resolver.supply(&cid, bytes)
                }
                Err(error) => Err(error),
            };
            match step {
                Ok(()) => {}
                Err(ReadError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(Refusal::of_path(error).into()),
            }
        }
    }
}
