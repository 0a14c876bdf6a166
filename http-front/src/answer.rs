//! The shapes of an answer, and the headers that every answer has.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CACHE_CONTROL,
        CONTENT_TYPE, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};
use proto::RequestId;

use crate::{problem::Problem, sending::Body};

/// What a visitor gets.
pub(crate) type Answer = Response<Body>;
/// An answer, or why not.
pub(crate) type Answered = Result<Answer, Problem>;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What changes when somebody comments: keep it, and ask each time whether it is still so.
pub(crate) const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// What can never change.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Every answer that may be coded says so, also one that is too small for it.
pub(crate) const VARY_BY_CODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// What a script of another origin may read beside the simple headers.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Retry-After, Allow, X-Request-Id, Content-Range, Content-Location, X-Ipfs-Path, X-Ipfs-Roots",
);
/// What may be asked somewhere.
pub(crate) const METHODS: &str = "GET, HEAD, POST, OPTIONS";
/// A day; browsers cut it to what they like.
const PREFLIGHT_AGE_S: HeaderValue = HeaderValue::from_static("86400");
/// Names, commas and spaces: longer than any honest script's list.
const ECHO_BYTES: usize = 1_024;

/// An answer with a body.
pub(crate) fn ok(kind: HeaderValue, caching: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::whole(body));
    // Room for all headers at once, those of `adorn` included.
    *answer.headers_mut() = HeaderMap::with_capacity(16);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer.headers_mut().insert(CACHE_CONTROL, caching);
    answer
}

/// What a browser asks before it lets a script of another origin ask: yes.
pub(crate) fn preflight(asked: &HeaderMap, allow: &'static str) -> Answer {
    let allow = HeaderValue::from_static(allow);
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ALLOW, allow.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allow);
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE_S);
    headers.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    let wished = asked.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|wished| wished.len() <= ECHO_BYTES);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wished.cloned().unwrap_or(HeaderValue::from_static("*")));
    answer
}

/// Adds what every answer has, refusals included.
pub(crate) fn adorn(headers: &mut HeaderMap, request: RequestId) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_REQUEST_ID, request_value(request));
}

/// Adds that what is at this address is sent in several forms.
pub(crate) fn vary_by_form(headers: &mut HeaderMap) {
    if headers.get(VARY).is_some_and(|vary| vary == VARY_BY_CODING) {
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    } else {
        headers.append(VARY, HeaderValue::from_static("Accept"));
    }
}

fn request_value(request: RequestId) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 16];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(request.0) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&hex).expect("hex digits may stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_is_granted_what_it_wishes() {
        let wish = HeaderValue::from_static("content-type, x-own");
        let asked = HeaderMap::from_iter([(ACCESS_CONTROL_REQUEST_HEADERS, wish.clone())]);
        let answer = preflight(&asked, METHODS);
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS], wish);
        assert_eq!(preflight(&HeaderMap::new(), METHODS).headers()[ACCESS_CONTROL_ALLOW_HEADERS], "*");
    }

    #[test]
    fn the_request_id_is_written_as_everywhere() {
        let id = RequestId([0, 1, 0x7f, 0x80, 0xff, 9, 0xa0, 0x0b]);
        assert_eq!(request_value(id).to_str().unwrap(), id.to_string());
    }
}
