//! What went wrong, as RFC 9457 has it (`application/problem+json`): what was wrong, where, and what would be right.
//!
//! Every refusal of the front is made here, so that all of them read alike.

use bytes::Bytes;
use daemon::bus::AskError;
use hyper::{
    Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use proto::{RequestId, blocks::BlockError, posts::PostError, threads::ReadError};
use serde::Serialize;

use crate::{
    crowd::{Later, Limit},
    sending::Body,
};

/// At most so many characters of what was typed are repeated.
const SHOWN: usize = 200;

/// A request that is not answered as wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// The last part of `type`: never changes, so programs may look at it.
    slug: &'static str,
    title: &'static str,
    detail: String,
    then: Then,
}

/// What a client should do next, beyond reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing that we know.
    Nothing,
    /// Ask the same again in a second.
    AskAgain,
    /// Ask the same again after so many seconds.
    AskIn(u64),
    /// Use one of these methods.
    Use(&'static str),
    /// The connection ends: what the client still sends would not be read.
    Reconnect,
}

#[derive(Serialize)]
struct Json<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: RequestId,
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, slug, title, detail: detail.into(), then: Then::Nothing }
    }

    fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    /// Nothing is at this path.
    pub(crate) fn no_such_path(path: &str, known: &str) -> Self {
        let detail = format!("`{}` is no path here; there are {known}", shown(path));
        Self::new(StatusCode::NOT_FOUND, "no-such-path", "No such path", detail)
    }

    /// Hexadecimal digits in upper case.
    pub(crate) fn wrong_case(typed: &str, kind: &str) -> Self {
        let lower = typed.to_ascii_lowercase();
        let detail =
            format!("the {kind} `{typed}` has upper-case digits; expected 40 lower-case hex digits: `{lower}`");
        Self::new(StatusCode::BAD_REQUEST, "wrong-case", "Upper-case digits", detail)
    }

    /// The path does not have this method.
    pub(crate) fn method_not_allowed(method: &Method, pattern: &str, allow: &'static str) -> Self {
        let detail = format!("`{pattern}` has no method `{}`; it has {allow}", shown(method.as_str()));
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
            .then(Then::Use(allow))
    }

    /// A parameter of the address that cannot be read.
    pub(crate) fn bad_parameter(name: &str, typed: &str, meaning: &str) -> Self {
        let detail = format!("parameter `{name}`: `{}`; expected one whole number: {meaning}", shown(typed));
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", "Bad parameter", detail)
    }

    /// Of all codings that there are the visitor takes none.
    pub(crate) fn no_coding(typed: &str) -> Self {
        let made = crate::coding::Coding::MADE.map(crate::coding::Coding::name).join(", ");
        let detail = format!("`Accept-Encoding: {}` refuses everything; there are {made} and identity", shown(typed));
        Self::new(StatusCode::NOT_ACCEPTABLE, "no-coding", "Not acceptable", detail)
    }

    /// What was asked of the gateway cannot be had.
    pub(crate) fn of_gateway(refusal: &gateway::Refusal) -> Self {
        let status = refusal.status();
        let title = status.canonical_reason().unwrap_or("Refused");
        Self::new(status, "gateway", title, refusal.to_string())
    }

    /// As many archives as may be are on their way.
    pub(crate) fn too_many_archives() -> Self {
        let detail = "too many archives are being sent; ask again in a second";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Try again", detail).then(Then::AskAgain)
    }

    /// A list of topics that cannot be read.
    pub(crate) fn bad_topics(found: &str) -> Self {
        let expected =
            "POST a JSON array of at most 1000 topics, or GET `?topics=` with at most 100 and commas between";
        let detail = format!("{found}; expected topics of 40 lower-case hex digits: {expected}");
        Self::new(StatusCode::BAD_REQUEST, "bad-topics", "Bad list of topics", detail)
    }

    /// One of a list of topics that is none.
    pub(crate) fn bad_topic(index: usize, typed: &str) -> Self {
        let lower = typed.to_ascii_lowercase();
        match lower.parse::<proto::Topic>() {
            Ok(_) => {
                Self::bad_topics(&format!("topic {index}, `{typed}`, has upper-case digits and is `{lower}` here"))
            }
            Err(_) => Self::bad_topics(&format!("topic {index}, `{}`, is none", shown(typed))),
        }
    }

    /// Nobody has commented on the page.
    pub(crate) fn no_comments(topic: proto::Topic) -> Self {
        let detail = format!("nobody has commented on topic {topic}, so it has no folder; POST to it to be the first");
        Self::new(StatusCode::NOT_FOUND, "no-comments", "No comments", detail)
    }

    /// A body that is too long; the rest of it is not read.
    pub(crate) fn body_too_large(limit_bytes: u64) -> Self {
        let detail = format!("the body is too long; expected at most {limit_bytes} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", detail).then(Then::Reconnect)
    }

    /// A body that does not arrive.
    pub(crate) fn body_too_slow(got_bytes: usize, wait_ms: u64) -> Self {
        let detail = format!("{got_bytes} bytes of the body came within {wait_ms} ms; expected all of it by then");
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "Too slow", detail).then(Then::Reconnect)
    }

    /// A body that ends early or is framed wrongly.
    pub(crate) fn body_broken(cause: &hyper::Error) -> Self {
        let detail = format!("the body cannot be read: {cause}; expected as many bytes as the header announced");
        Self::new(StatusCode::BAD_REQUEST, "broken-body", "Broken body", detail).then(Then::Reconnect)
    }

    /// A header that did not arrive in time.
    pub(crate) fn header_too_slow(wait_ms: u128) -> Self {
        let detail = format!("the header did not come within {wait_ms} ms; send it at once");
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "Too slow", detail).then(Then::Reconnect)
    }

    /// A request that could not be read at all; its connection ends.
    pub(crate) fn unreadable(status: StatusCode, header_bytes: u32) -> Self {
        let (slug, title, detail) = match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
                "header-too-large",
                "Header too large",
                format!("expected a header of at most {header_bytes} bytes and 100 lines"),
            ),
            StatusCode::URI_TOO_LONG => {
                ("address-too-long", "Address too long", "expected an address of at most 65,534 bytes".to_owned())
            }
            _ => ("not-http", "Not HTTP", "the bytes are no HTTP/1.1 request; expected one, RFC 9112".to_owned()),
        };
        Self::new(status, slug, title, detail).then(Then::Reconnect)
    }

    /// A request that does not say whom it asks, or says so twice.
    pub(crate) fn bad_host() -> Self {
        let detail =
            "expected one `Host`, a name or an address and perhaps a port, such as `comments.example.org:8780`";
        Self::new(StatusCode::BAD_REQUEST, "bad-host", "Bad host", detail)
    }

    /// More than this visitor, or all of them, may ask.
    pub(crate) fn too_many(later: Later) -> Self {
        let what = match later.limit {
            Limit::AddressReads => "requests came lately from your network (an IPv4 /24 or IPv6 /48)",
            Limit::AddressPosts => "posts came lately from your network (an IPv4 /24 or IPv6 /48)",
            Limit::TotalReads => "requests came lately from all visitors together",
            Limit::TotalPosts => "posts came lately from all visitors together",
            Limit::AddressRequests => "requests of your network (an IPv4 /24 or IPv6 /48) are still open",
            Limit::AddressConnections => {
                "connections of your network (an IPv4 /24 or IPv6 /48) are open, or came lately,"
            }
            Limit::IdleFrames => "frames that ask for nothing came on this connection",
        };
        let wait_s = later.wait.as_millis().div_ceil(1_000).max(1);
        let wait_s = u64::try_from(wait_s).unwrap_or(u64::MAX);
        let detail = format!("as many {what} as may be; ask again in {wait_s} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests", detail).then(Then::AskIn(wait_s))
    }

    /// No place of a stream of events.
    pub(crate) fn bad_place(typed: &str) -> Self {
        let detail = format!(
            "`{}` is no place in the events of a topic; expected `<epoch>-<seq>`: the id of an event, or the `epoch` and \
             `last_seq` of a page",
            shown(typed)
        );
        Self::new(StatusCode::BAD_REQUEST, "bad-place", "Bad place", detail)
    }

    /// Nobody more can be told of events as they happen.
    pub(crate) fn too_many_readers() -> Self {
        let detail =
            "as many readers of live events as there may be; ask again in a second, or GET the page now and then";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-readers", "Too many readers", detail).then(Then::AskAgain)
    }

    /// The tree cannot do its main job.
    pub(crate) fn not_ready(missing: &[&str]) -> Self {
        let missing = missing.join(", ");
        let detail = format!("no instance answers of: {missing}; both are needed; `supervisor status` says why");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready", detail).then(Then::AskAgain)
    }

    /// A box did not answer.
    pub(crate) fn unanswered(error: &AskError, whom: &str) -> Self {
        let again =
            |slug, detail| Self::new(StatusCode::SERVICE_UNAVAILABLE, slug, "Try again", detail).then(Then::AskAgain);
        match error {
            AskError::Busy => again("busy", format!("{whom} has all the work it can take; ask again in a second")),
            AskError::TooLarge { .. } | AskError::Refused(_) => Self::boxes_differ(whom, &error.to_string()),
            _ => again("no-answer", format!("no answer of {whom}: {error}; it is safe to ask again")),
        }
    }

    /// A box of another build.
    pub(crate) fn boxes_differ(whom: &str, how: &str) -> Self {
        let detail = format!("{whom} did not understand: {how}; restart the boxes with one build of Rookery");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "boxes-differ", "Boxes differ", detail)
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong, in a sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The body.
    pub(crate) fn json(&self, request: RequestId) -> Bytes {
        let json = Json {
            r#type: format!("urn:rookery:problem:{}", self.slug),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: request,
        };
        serde_json::to_vec(&json).expect("a problem has only text and numbers").into()
    }

    /// The answer, but for the headers that every answer has.
    pub(crate) fn answer(&self, request: RequestId) -> Response<Body> {
        let mut response = Response::new(Body::whole(self.json(request)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.then {
            Then::Nothing => None,
            Then::AskAgain => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            Then::AskIn(wait_s) => headers.insert(RETRY_AFTER, HeaderValue::from(wait_s)),
            Then::Use(allow) => headers.insert(ALLOW, HeaderValue::from_static(allow)),
            Then::Reconnect => headers.insert(CONNECTION, HeaderValue::from_static("close")),
        };
        response
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let (status, slug, title) = match &error {
            ReadError::UnknownComment => (StatusCode::NOT_FOUND, "unknown-comment", "Unknown comment"),
            ReadError::Deleted => (StatusCode::GONE, "deleted", "Deleted"),
            ReadError::Moved => (StatusCode::SERVICE_UNAVAILABLE, "moved", "The folder has changed"),
            ReadError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "store-failed", "The store failed"),
        };
        Self::new(status, slug, title, error.to_string())
    }
}

impl From<BlockError> for Problem {
    fn from(error: BlockError) -> Self {
        let (status, slug, title, then) = match &error {
            BlockError::NotFound => (StatusCode::NOT_FOUND, "unknown-block", "Unknown block", Then::Nothing),
            BlockError::DaemonDown(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "ipfs-down", "The IPFS daemon is down", Then::AskAgain)
            }
            BlockError::Refused(_) => {
                (StatusCode::BAD_GATEWAY, "ipfs-refused", "The IPFS daemon refused", Then::Nothing)
            }
        };
        Self::new(status, slug, title, error.to_string()).then(then)
    }
}

impl From<PostError> for Problem {
    fn from(error: PostError) -> Self {
        let (status, slug, title, then) = match &error {
            PostError::Refused { .. } => (StatusCode::BAD_REQUEST, "refused", "Comment refused", Then::Nothing),
            PostError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", Then::Nothing),
            PostError::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full", Then::Nothing),
            PostError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Try again", Then::AskAgain),
            PostError::Store(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "store-failed", "The store failed", Then::Nothing)
            }
        };
        Self::new(status, slug, title, error.to_string()).then(then)
    }
}

fn shown(typed: &str) -> String {
    let mut shown: String = typed.chars().take(SHOWN).collect();
    if shown.len() < typed.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: RequestId = RequestId([0xab; 8]);

    fn body(problem: &Problem) -> String {
        String::from_utf8(problem.json(REQUEST).to_vec()).unwrap()
    }

    #[test]
    fn a_problem_is_golden() {
        let golden = concat!(
            r#"{"type":"urn:rookery:problem:bad-parameter","title":"Bad parameter","status":400,"#,
            r#""detail":"parameter `limit`: `ten`; expected one whole number: how many comments, 1 to 1000","#,
            r#""instance":"abababababababab"}"#
        );
        assert_eq!(body(&Problem::bad_parameter("limit", "ten", "how many comments, 1 to 1000")), golden);
        let refused = PostError::Refused {
            what: "a repeated header".to_owned(),
            found: "line 3: `Date: x`".to_owned(),
            expected: "every header once; the first is in line 2".to_owned(),
        };
        let golden = concat!(
            r#"{"type":"urn:rookery:problem:refused","title":"Comment refused","status":400,"#,
            r#""detail":"a repeated header: line 3: `Date: x`; expected every header once; the first is in line 2","#,
            r#""instance":"abababababababab"}"#
        );
        assert_eq!(body(&Problem::from(refused)), golden);
    }

    #[test]
    fn every_refusal_has_its_status() {
        let rows = [
            (Problem::from(ReadError::UnknownComment), 404),
            (Problem::from(ReadError::Deleted), 410),
            (Problem::from(ReadError::Store("torn".to_owned())), 500),
            (Problem::from(PostError::TooLarge { bytes: 2, limit_bytes: 1 }), 413),
            (Problem::from(PostError::DiskFull), 507),
            (Problem::from(PostError::Busy), 503),
            (Problem::from(PostError::Store("torn".to_owned())), 500),
            (Problem::unanswered(&AskError::Busy, "get-worker"), 503),
            (Problem::unanswered(&AskError::TimedOut, "get-worker"), 503),
            (Problem::unanswered(&AskError::NobodyThere, "get-worker"), 503),
            (Problem::unanswered(&AskError::Died, "get-worker"), 503),
            (Problem::unanswered(&AskError::Refused("x".to_owned()), "get-worker"), 500),
            (Problem::unreadable(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, 1), 431),
        ];
        for (problem, status) in rows {
            assert_eq!(problem.status().as_u16(), status, "{problem:?}");
            assert_eq!(problem.answer(REQUEST).headers().contains_key(RETRY_AFTER), status == 503, "{problem:?}");
        }
    }

    #[test]
    fn what_was_typed_is_repeated_only_in_part() {
        let problem = Problem::no_such_path(&"é".repeat(70_000), "none");
        assert!(problem.detail().len() < 600);
        assert!(problem.detail().contains('…'));
    }
}
