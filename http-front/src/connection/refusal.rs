//! A refusal as bytes on a connection, for those that go out without hyper: what it sends when a request cannot be read
//! or does not come has no body and no CORS header.

use std::{io::Write as _, time::SystemTime};

use hyper::{
    HeaderMap, StatusCode,
    header::{CONNECTION, HeaderValue},
};

use crate::{answer, problem::Problem};

/// The whole answer, header and body. The connection ends after it.
pub(crate) fn render(problem: &Problem) -> Vec<u8> {
    let request = daemon::request_id();
    let (mut parts, _) = problem.answer(request).into_parts();
    answer::adorn(&mut parts.headers, request);
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    tracing::debug!(%request, status = parts.status.as_u16(), "request could not be read");
    head_and_body(parts.status, &parts.headers, &problem.json(request))
}

fn head_and_body(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1_024);
    let reason = status.canonical_reason().unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    // Writing to a Vec does not fail.
    let _ =
        write!(bytes, "HTTP/1.1 {} {reason}\r\ndate: {date}\r\ncontent-length: {}\r\n", status.as_u16(), body.len());
    for (name, value) in headers {
        let _ = write!(bytes, "{name}: ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_whole_answer_that_scripts_can_see() {
        let bytes = String::from_utf8(render(&Problem::header_too_slow(5))).unwrap();
        let (head, body) = bytes.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\ndate: "), "{head}");
        for line in [
            &format!("content-length: {}", body.len()),
            "connection: close",
            "content-type: application/problem+json",
            "access-control-allow-origin: *",
            "x-request-id: ",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
    }
}
