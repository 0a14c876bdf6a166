//! An answer in the form in which it is kept: ready headers, ready bytes. A hit copies references and formats nothing.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, VARY},
};
use proto::Cid;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    answer::{Answer, JSON, REVALIDATE, TEXT, VARY_BY_CODING},
    coding::{
        Coding,
        press::{self, Effort},
    },
    etag,
    sending::Body,
};

/// What an answer takes beside its body: a table of six headers, tags, its key and its place in the cache.
const HEAD_BYTES: usize = 1_536;
/// What each further header takes, which stands there twice.
const MORE_BYTES: usize = 256;
/// Headers that every kept answer can have.
const HEADERS: usize = 5;
/// Headers that each answer gets on its way out.
const MORE_HEADERS: usize = 7;

/// Why the same tag means the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tag {
    /// The name says all: what is a function of a CID.
    Exact(String),
    /// The name says what it is of; a fingerprint of the bytes is put behind it. For all that may look otherwise while
    /// what it shows is the same: by another order of arrival, or by the next build of the front.
    Printed(String),
    /// It has none: it is not worth asking for again.
    None,
}

/// What was made for visitors, before it is coded.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) tag: Tag,
    pub(crate) kind: HeaderValue,
    pub(crate) caching: HeaderValue,
    /// Headers that only this kind of answer has; not sent with 304.
    pub(crate) more: HeaderMap,
    pub(crate) body: Bytes,
}

/// What is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    version: u64,
    coding: Coding,
    /// All headers but those that each answer gets on its way out.
    head: HeaderMap,
    /// What it was made of, with the bytes that are sent.
    made: Made,
}

impl Made {
    /// Text, to be asked for each time.
    pub(crate) fn text(tag: Tag, body: impl Into<Bytes>) -> Self {
        Self { tag, kind: TEXT, caching: REVALIDATE, more: HeaderMap::new(), body: body.into() }
    }

    /// JSON, to be asked for each time.
    pub(crate) fn json(tag: Tag, body: impl Into<Bytes>) -> Self {
        Self { kind: JSON, ..Self::text(tag, body) }
    }

    /// Of another kind.
    pub(crate) fn of_kind(self, kind: HeaderValue) -> Self {
        Self { kind, ..self }
    }

    /// May be used again without asking, or not at all.
    pub(crate) fn cached(self, caching: HeaderValue) -> Self {
        Self { caching, ..self }
    }

    /// With more headers.
    pub(crate) fn with(self, more: HeaderMap) -> Self {
        Self { more, ..self }
    }
}

impl Tag {
    /// Names what is shown of a topic: by its folder, which nobody has who nobody commented on.
    pub(crate) fn of_topic(folder: Option<&Cid>, view: &str) -> Self {
        Self::Printed(folder.map_or_else(|| format!("empty-{view}"), |folder| format!("{folder}-{view}")))
    }

    fn value(&self, coding: Coding, body: &[u8]) -> Option<HeaderValue> {
        let dash_coding = match coding {
            Coding::Identity => String::new(),
            coding => format!("-{}", coding.name()),
        };
        match self {
            Self::Exact(name) => Some(etag::of(format_args!("{name}{dash_coding}"))),
            Self::Printed(name) => Some(etag::of(format_args!("{name}-{:016x}{dash_coding}", xxh3_64(body)))),
            Self::None => None,
        }
    }
}

impl Kept {
    /// What was made of a topic that had this version on the board, with its body coded.
    pub(crate) fn new(version: u64, made: Made, coding: Coding) -> Self {
        // The body may be a part of the buffer that it arrived in, and would hold all of that.
        let made = Made { body: press::exact(&made.body), ..made };
        let mut head = HeaderMap::with_capacity(HEADERS + made.more.len());
        head.insert(CONTENT_TYPE, made.kind.clone());
        head.insert(CACHE_CONTROL, made.caching.clone());
        head.insert(VARY, VARY_BY_CODING);
        insert_some(&mut head, ETAG, made.tag.value(coding, &made.body));
        insert_some(&mut head, CONTENT_ENCODING, coding.header());
        head.extend(made.more.clone());
        Self { version, coding, head, made }
    }

    /// The same in a coding, even if it has more bytes then.
    pub(crate) fn coded(&self, coding: Coding) -> Self {
        let coded = press::coded(&self.made.body, coding, Effort::Quick).unwrap_or_default();
        Self::new(self.version, Made { body: coded.into(), ..self.made.clone() }, coding)
    }

    /// What it was made of.
    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    /// What stood on the board before it was asked for.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// How its bytes are coded.
    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        HEAD_BYTES + self.made.more.len() * MORE_BYTES + self.made.body.len()
    }

    /// The answer, without the content if the visitor has it.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Answer {
        match self.head.get(ETAG) {
            Some(tag) if etag::is_known(asked, tag) => self.unchanged(),
            _ => self.whole(),
        }
    }

    fn whole(&self) -> Answer {
        let mut answer = Response::new(Body::whole(self.made.body.clone()));
        *answer.headers_mut() = self.headers(|_| true);
        answer
    }

    /// RFC 9110 section 15.4.5: what a cache has to know anew, and nothing else.
    fn unchanged(&self) -> Answer {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.headers_mut() = self.headers(|name| [ETAG, CACHE_CONTROL, VARY].contains(name));
        answer
    }

    /// Those that are wished, with room for those that each answer gets.
    fn headers(&self, wished: impl Fn(&HeaderName) -> bool) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.head.len() + MORE_HEADERS);
        let wished = self.head.iter().filter(|(name, _)| wished(name));
        headers.extend(wished.map(|(name, value)| (name.clone(), value.clone())));
        headers
    }
}

fn insert_some(head: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        head.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_SECURITY_POLICY, IF_NONE_MATCH};
    use proto::CommentId;

    use super::*;

    fn folder() -> Cid {
        CommentId([7; 32]).cid()
    }

    fn page(body: &'static str) -> Kept {
        Kept::new(1, Made::json(Tag::of_topic(Some(&folder()), "json"), body), Coding::Zstd)
    }

    fn lines(answer: &Answer) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        let mut lines: Vec<_> = answer.headers().iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn the_headers_of_a_kept_answer_are_golden() {
        let golden = [
            "cache-control: no-cache".to_owned(),
            "content-encoding: zstd".to_owned(),
            "content-type: application/json".to_owned(),
            format!("etag: \"{}-json-2d06800538d394c2-zstd\"", folder()),
            "vary: Accept-Encoding".to_owned(),
        ];
        assert_eq!(lines(&page("").answer(&HeaderMap::new())), golden);
    }

    #[test]
    fn who_has_it_gets_only_what_a_cache_must_know() {
        let more = HeaderMap::from_iter([(CONTENT_SECURITY_POLICY, HeaderValue::from_static("x"))]);
        let kept = Kept::new(1, Made::text(Tag::Exact("cid-text".to_owned()), "t").with(more), Coding::Identity);
        let asked = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"cid-text\""))]);
        let unchanged = kept.answer(&asked);
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(lines(&unchanged), ["cache-control: no-cache", "etag: \"cid-text\"", "vary: Accept-Encoding"]);
        let whole = kept.answer(&HeaderMap::new());
        assert!(whole.headers().contains_key(CONTENT_SECURITY_POLICY) && whole.headers().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn other_bytes_or_another_coding_are_another_tag() {
        let tag = |body: &'static str, coding| {
            let made = Made::json(Tag::of_topic(None, "json"), body);
            Kept::new(1, made, coding).head[ETAG].clone()
        };
        let tags = [
            tag("{\"last_seq\":1}", Coding::Identity),
            tag("{\"last_seq\":2}", Coding::Identity),
            tag("{\"last_seq\":1}", Coding::Gzip),
            tag("{\"last_seq\":1}", Coding::Brotli),
        ];
        let different: std::collections::HashSet<_> = tags.iter().collect();
        assert_eq!(different.len(), tags.len());
        assert_eq!(tags[0], tag("{\"last_seq\":1}", Coding::Identity));
    }

    #[test]
    fn what_is_not_worth_asking_for_again_has_no_tag() {
        let kept = Kept::new(1, Made::text(Tag::None, "x"), Coding::Identity);
        let asked = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        assert_eq!(kept.answer(&asked).status(), StatusCode::OK);
    }

    #[test]
    fn a_kept_body_holds_no_more_than_it_counts() {
        let arrived = Bytes::from(vec![b'x'; 100_000]);
        let kept = Kept::new(1, Made::json(Tag::None, arrived.slice(7..17)), Coding::Identity);
        assert_eq!(kept.made.body, arrived[7..17]);
        assert!(!arrived.as_ptr_range().contains(&kept.made.body.as_ptr()));
        assert_eq!(kept.bytes(), HEAD_BYTES + 10);
    }
}
