//! What came of a step: an answer, a refusal, or a source that failed.
//!
//! Used by every step of a visit.

use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};

use super::Reply;
use crate::Refusal;

/// Why a step did not come to its end.
#[derive(Debug)]
pub(super) enum Stop<F> {
    /// The answer is known before the end: a redirect, or nothing new.
    Early(Box<Reply>),
    /// The answer is no.
    No(Box<Refusal>),
    /// The source failed.
    Fault(F),
}

impl<F> From<Refusal> for Stop<F> {
    fn from(no: Refusal) -> Self {
        Self::No(Box::new(no))
    }
}

impl<F> From<Reply> for Stop<F> {
    fn from(reply: Reply) -> Self {
        Self::Early(Box::new(reply))
    }
}

/// An answer that leads elsewhere. An address that cannot stand in a header is refused.
pub(super) fn redirect(status: StatusCode, to: &str) -> Result<Reply, Refusal> {
    let Ok(location) = HeaderValue::try_from(to) else { return Err(Refusal::Location) };
    let text = format!("{} {}: {to}\n", status.as_u16(), status.canonical_reason().unwrap_or_default().to_lowercase());
    let mut answer = Response::new(text.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(LOCATION, location);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(Reply::Whole(answer))
}
