//! A refusal as an answer: a line of text, or a page for a browser.
//!
//! Asked by `visit`. Keeps nothing.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response,
    header::{CONTENT_RANGE, CONTENT_TYPE},
};
use maud::{PreEscaped, html};

use super::listing::begun;
use crate::Refusal;

/// How a refusal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// To a program.
    Text,
    /// To a browser.
    Page,
}

/// The answer no, with these headers beside its own.
pub(super) fn answer(no: &Refusal, told: Told, beside: HeaderMap) -> Response<Bytes> {
    let status = no.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let (kind, body) = match told {
        Told::Text => {
            let text = format!("{} {}: {no}\n", status.as_u16(), reason.to_ascii_lowercase());
            ("text/plain; charset=utf-8", text)
        }
        Told::Page => {
            let title = format!("{} {reason}", status.as_u16());
            let page = begun(&title, &html! { h1 { (title) } p { (no) } });
            ("text/html", html! { (page) (PreEscaped("</body></html>\n")) }.into_string())
        }
    };
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    *answer.headers_mut() = beside;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().extend(no.content_range().map(|value| (CONTENT_RANGE, value)));
    answer
}
