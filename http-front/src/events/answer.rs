//! `GET /<topic>/events`.

use daemon::bus::AskError;
use hyper::{
    HeaderMap, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use proto::Topic;
use tokio::time::timeout;

use super::{place::Place, stream::Stream};
use crate::{
    answer::{Answer, Answered},
    comments::READERS,
    front::{Front, Visit},
    problem::Problem,
    sending::Body,
    sides::Sides,
};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Asks a reverse proxy (nginx) to pass events on as they come.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

impl<S: Sides> Front<S> {
    /// Tells what happens on a page from now on, or from where the visitor has heard.
    pub(crate) async fn events(&self, topic: Topic, visit: &Visit) -> Answered {
        let from = Place::asked(&visit.headers, visit.uri.query())?;
        if visit.method == Method::HEAD {
            return Ok(answer(Body::empty()));
        }
        let seat = self.events.seat(topic)?;
        let opened = timeout(self.limits.answer_wait, seat.channel.opened()).await;
        let state = opened.map_err(|_| Problem::unanswered(&AskError::TimedOut, READERS))?;
        let state = state.ok_or_else(Problem::too_many_readers)?;
        Ok(answer(Body::streamed(Stream::begin(seat, &state, from))))
    }
}

fn answer(body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.headers_mut() = HeaderMap::with_capacity(8);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, EVENT_STREAM);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    answer
}
