//! Obeying a `_redirects` file: where a path leads nowhere, on a host that has one root only.
//!
//! Asked by `visit`. Keeps nothing.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG},
};
use unixfs::{ByteRange, Cid, FileReader, Item, Reader as _, Step};

use super::{
    Reply, Source,
    redirects::{self, FILE_BYTES_MAX},
    resolve::{End, block, resolve},
    step::{Stop, redirect},
    visit::Visit,
};
use crate::{ContentPath, Refusal, headers};

impl<S: Source> Visit<'_, S> {
    /// Where the rules of the root lead a path that leads nowhere, as `no` says.
    pub(super) fn by_rules(&self, content: &ContentPath, no: Stop<S::Fault>) -> Result<End, Stop<S::Fault>> {
        let Some(file) = self.rules_file(content)? else { return Err(no) };
        let rules =
            redirects::read(&file).map_err(|cause| Refusal::Rules { root: content.root, cause: Box::new(cause) })?;
        let path = String::from_utf8_lossy(&[&b"/"[..], &content.segments.join(&b'/')].concat()).into_owned();
        let Some((rule, to)) = rules.iter().find_map(|rule| rule.lead(&path).map(|to| (rule, to))) else {
            return Err(no);
        };
        if rule.status.is_redirection() {
            return Err(redirect(rule.status, &with_query(&to, self.head.uri.query()))?.into());
        }
        let target = ContentPath::read(&format!("/ipfs/{}{}", content.root, to.replace('%', "%25")))?;
        let end = resolve(self.source, &target, self.look)?;
        if rule.status == StatusCode::OK { Ok(end) } else { Err(self.error_page(&end.cid, rule.status)?.into()) }
    }

    fn rules_file(&self, content: &ContentPath) -> Result<Option<Bytes>, Stop<S::Fault>> {
        let path = ContentPath::read(&format!("/ipfs/{}/_redirects", content.root))?;
        let end = match resolve(self.source, &path, self.look) {
            Ok(end) => end,
            Err(Stop::No(no)) if no.status() == StatusCode::NOT_FOUND => return Ok(None),
            Err(other) => return Err(other),
        };
        let root = block(self.source, &end.cid, self.look)?;
        match Item::read(&end.cid, &root) {
            Ok(Item::File(_)) => {}
            _ => return Err(Refusal::RulesFile(content.root).into()),
        }
        // One byte more than is allowed shows that it is too large.
        let range = ByteRange { from: 0, bytes: Some(FILE_BYTES_MAX as u64 + 1) };
        let mut reader = FileReader::new(end.cid, range);
        let mut file = Vec::new();
        loop {
            match reader.step().map_err(Refusal::of_path)? {
                Step::Give(bytes) => file.extend_from_slice(&bytes),
                Step::Done => return Ok(Some(file.into())),
                Step::Need(need) => {
                    let bytes = block(self.source, &need, self.look)?;
                    reader.supply(&need, bytes).map_err(Refusal::of_path)?;
                }
            }
        }
    }

    /// A page of the root's own, for what it does not have.
    fn error_page(&self, page: &Cid, status: StatusCode) -> Result<Reply, Stop<S::Fault>> {
        let bytes = block(self.source, page, self.look)?;
        let Ok(Item::File(file)) = Item::read(page, &bytes) else { return Err(Refusal::Index(*page).into()) };
        let mut head = Response::new(());
        *head.status_mut() = status;
        let all = head.headers_mut();
        *all = self.headers();
        all.insert(ETAG, headers::text(format!("\"{page}\"")));
        all.extend(self.life.content().map(|keep| (CACHE_CONTROL, keep)));
        all.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        all.insert(CONTENT_LENGTH, file.file_bytes.into());
        if self.is_head() {
            return Ok(Reply::Whole(head.map(|()| Bytes::new())));
        }
        Ok(Reply::File(head, Box::new(FileReader::new(*page, ByteRange::ALL))))
    }
}

/// An address with the query of the request.
fn with_query(to: &str, query: Option<&str>) -> String {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return to.to_owned() };
    let (to, fragment) = to.split_once('#').map_or((to, None), |(to, fragment)| (to, Some(fragment)));
    let joint = if to.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{to}{joint}{query}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_request_is_kept() {
        assert_eq!(with_query("/a", None), "/a");
        assert_eq!(with_query("/a", Some("x=1")), "/a?x=1");
        assert_eq!(with_query("/a?y=2#z", Some("x=1")), "/a?y=2&x=1#z");
    }
}
