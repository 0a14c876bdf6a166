//! A file as an answer: its type, its tag, the part of it that was asked for.
//!
//! Asked by `visit` and `folder`. Keeps nothing.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    },
};
use httpdate::HttpDate;
use unixfs::{ByteRange, Cid, FileNode, FileReader, Mtime, Reader as _, Step};

use super::{Reply, Source, content_type, resolve::block, step::Stop, visit::Visit};
use crate::{
    Refusal,
    conditions::{Compare, names},
    headers, range,
};

/// Content that is given as it is.
pub(super) struct Given<'n> {
    /// What its tag is made of: the block, or the folder whose index it is.
    pub(super) tag: String,
    /// What it would be saved as, and what tells its type.
    pub(super) name: &'n str,
    pub(super) content_type: Option<&'static str>,
}

impl<S: Source> Visit<'_, S> {
    /// A file of UnixFS.
    pub(super) fn file(&self, cid: &Cid, file: &FileNode, given: &Given<'_>) -> Result<Reply, Stop<S::Fault>> {
        let mut all = self.headers();
        let modified = file.mtime.and_then(time);
        all.extend(modified.map(|time| (LAST_MODIFIED, headers::text(time.to_string()))));
        all.extend(self.life.content().map(|keep| (http::header::CACHE_CONTROL, keep)));
        all.insert(ETAG, headers::text(given.tag.clone()));
        if let Some(not_modified) = self.unless_modified(&given.tag, modified, &all)? {
            return Ok(not_modified);
        }
        all.extend(self.saved_as());
        all.insert(CONTENT_TYPE, self.content_type(cid, given)?);
        let (head, range) = self.part(all, &given.tag, file.file_bytes)?;
        if self.is_head() {
            return Ok(Reply::Whole(head.map(|()| Bytes::new())));
        }
        Ok(Reply::File(head, Box::new(FileReader::new(*cid, range))))
    }

    /// Bytes that are here already.
    pub(super) fn bytes(&self, bytes: &Bytes, mut all: HeaderMap, tag: &str) -> Result<Reply, Stop<S::Fault>> {
        all.insert(ETAG, headers::text(tag.to_owned()));
        if let Some(not_modified) = self.unless_modified(tag, None, &all)? {
            return Ok(not_modified);
        }
        let (head, range) = self.part(all, tag, bytes.len() as u64)?;
        let index = |at: u64| usize::try_from(at).expect("a range lies within bytes that are in memory");
        let end = range.bytes.map_or(bytes.len(), |bytes| index(range.from + bytes));
        Ok(Reply::Whole(head.map(|()| bytes.slice(index(range.from)..end))))
    }

    /// The head of an answer that is all or a part of so many bytes.
    fn part(&self, mut all: HeaderMap, tag: &str, of_bytes: u64) -> Result<(Response<()>, ByteRange), Stop<S::Fault>> {
        // RFC 9110 defines ranges for GET alone.
        let range = if self.is_head() { None } else { range::read(&self.head.headers, tag, of_bytes)? };
        all.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        all.insert(CONTENT_LENGTH, range.as_ref().map_or(of_bytes, |range| range.end - range.start).into());
        let mut head = Response::new(());
        let mut part = ByteRange { from: 0, bytes: Some(of_bytes) };
        if let Some(range) = range {
            let told = format!("bytes {}-{}/{of_bytes}", range.start, range.end - 1);
            all.insert(CONTENT_RANGE, headers::text(told));
            *head.status_mut() = StatusCode::PARTIAL_CONTENT;
            part = ByteRange { from: range.start, bytes: Some(range.end - range.start) };
        }
        *head.headers_mut() = all;
        Ok((head, part))
    }

    /// What the conditions of the request make of content with this tag: nothing new, or a refusal.
    fn unless_modified(
        &self,
        tag: &str,
        modified: Option<HttpDate>,
        all: &HeaderMap,
    ) -> Result<Option<Reply>, Stop<S::Fault>> {
        let asked = &self.head.headers;
        if names(asked, IF_MATCH, tag, Compare::Strong) == Some(false) {
            return Err(Refusal::Precondition.into());
        }
        let known = names(asked, IF_NONE_MATCH, tag, Compare::Weak);
        let is_same = known.unwrap_or_else(|| modified.is_some_and(|modified| is_since(asked, modified)));
        if !is_same {
            return Ok(None);
        }
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.headers_mut() = all.clone();
        answer.headers_mut().remove(LAST_MODIFIED);
        answer.headers_mut().remove(CONTENT_DISPOSITION);
        Ok(Some(Reply::Whole(answer)))
    }

    fn content_type(&self, cid: &Cid, given: &Given<'_>) -> Result<HeaderValue, Stop<S::Fault>> {
        let asked = self.query.not_empty("filename").unwrap_or(given.name);
        let kind = match content_type::by_name(asked) {
            _ if given.content_type == Some("inode/symlink") => "inode/symlink".to_owned(),
            Some(kind) => kind,
            None => match given.content_type {
                Some(kind) => kind.to_owned(),
                None => content_type::by_bytes(&self.first_bytes(cid)?),
            },
        };
        Ok(headers::text(kind))
    }

    fn first_bytes(&self, cid: &Cid) -> Result<Vec<u8>, Stop<S::Fault>> {
        let mut reader = FileReader::new(*cid, ByteRange { from: 0, bytes: Some(content_type::LOOK_BYTES) });
        let mut first = Vec::new();
        loop {
            match reader.step().map_err(Refusal::of_path)? {
                Step::Give(bytes) => first.extend_from_slice(&bytes),
                Step::Done => return Ok(first),
                Step::Need(need) => {
                    let bytes = block(self.source, &need, self.look)?;
                    reader.supply(&need, bytes).map_err(Refusal::of_path)?;
                }
            }
        }
    }

    /// `Content-Disposition`, where the client names what it saves.
    fn saved_as(&self) -> Option<(http::HeaderName, HeaderValue)> {
        let name = self.query.not_empty("filename")?;
        let how = if self.is_download() { "attachment" } else { "inline" };
        Some((CONTENT_DISPOSITION, headers::disposition(how, name)))
    }
}

fn is_since(asked: &HeaderMap, modified: HttpDate) -> bool {
    let since = asked.get(IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok());
    since.and_then(|since| since.parse::<HttpDate>().ok()).is_some_and(|since| modified <= since)
}

/// The second in which a file was changed; none before 1970, which headers cannot tell.
fn time(mtime: Mtime) -> Option<HttpDate> {
    let seconds = u64::try_from(mtime.seconds).ok().filter(|seconds| *seconds > 0)?;
    // A header holds years of four digits.
    (seconds < 253_402_300_800).then(|| HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds)))
}
