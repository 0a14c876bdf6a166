//! A request becomes an answer. Decides who answers it; what every answer has in common is added here, once.

use std::{sync::Arc, time::Duration};

use daemon::{board::BoardReader, seldom::Seldom};
use hyper::{
    HeaderMap, Method, Request,
    body::{Body as _, Incoming},
    http::request::Parts,
};
use proto::RequestId;
use tokio::time::Instant;

use crate::{
    answer::{self, Answer, Answered},
    cache::Cache,
    connection::link::Link,
    crowd::{self, Crowd, Wish},
    events::hub::Hub,
    health::tree::Tree,
    ipfs,
    measures::Measures,
    openapi,
    origin::{self, Origin, Origins},
    problem::Problem,
    request::body::BodyLimits,
    routes::Route,
    sides::Sides,
    site::Place,
};

/// What the route of a request is called that has none.
const NOWHERE: &str = "none";

/// All that requests share.
pub(crate) struct Front<S: Sides> {
    pub(crate) reads: S::Reads,
    pub(crate) writes: S::Writes,
    pub(crate) blocks: S::Blocks,
    /// By which everything kept is seen to be old.
    pub(crate) board: BoardReader,
    /// Those who are told as it happens.
    pub(crate) events: Hub<S::Reads>,
    pub(crate) tree: Tree,
    pub(crate) measures: Measures,
    pub(crate) cache: Cache,
    pub(crate) limits: Limits,
    /// Whose word about a visitor is believed.
    pub(crate) origins: Origins,
    /// Who may ask how much.
    pub(crate) crowd: Crowd,
    /// How many blocks and archives are sent at a time.
    pub(crate) turns: ipfs::Turns,
}

/// What is allowed of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Its body.
    pub(crate) body: BodyLimits,
    /// How long a box may take to answer.
    pub(crate) answer_wait: Duration,
}

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) id: RequestId,
    pub(crate) method: Method,
    pub(crate) uri: hyper::Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) origin: Origin,
}

impl<S: Sides> Front<S> {
    /// Answers a request that came over `link`.
    pub(crate) async fn visit(self: Arc<Self>, link: Arc<Link>, request: Request<Incoming>) -> Answer {
        let began = Instant::now();
        let serving = link.serving();
        let (parts, body) = request.into_parts();
        let origin = self.origins.of(link.peer().ip(), &parts.headers);
        let clear = origin::check_host(parts.version, &parts.uri, &parts.headers);
        let Parts { method, uri, headers, .. } = parts;
        let visit = Visit { id: daemon::request_id(), method, uri, headers, origin };
        link.set_linger(!body.is_end_stream());
        let route = clear.and_then(|()| Route::find(visit.uri.path()));
        let name = route.as_ref().map_or(NOWHERE, Route::name);
        let varies = matches!(route, Ok(Route::Root | Route::Topic(_)));
        let mut answer = match self.dispatch(route, &visit, body, &link).await {
            Ok(answer) => answer,
            Err(problem) => problem.answer(visit.id),
        };
        answer::adorn(answer.headers_mut(), visit.id);
        if varies {
            answer::vary_by_form(answer.headers_mut());
        }
        self.record(&visit, name, &answer, began.elapsed());
        answer.map(|body| body.served_with(serving))
    }

    async fn dispatch(
        self: &Arc<Self>,
        route: Result<Route, Problem>,
        visit: &Visit,
        body: Incoming,
        link: &Link,
    ) -> Answered {
        let place = self.admit(&route, visit)?;
        if visit.method == Method::OPTIONS {
            let allow = route.as_ref().map_or(answer::METHODS, Route::allow);
            return Ok(answer::preflight(&visit.headers, allow));
        }
        let route = route?;
        route.check_method(&visit.method)?;
        Ok(self.answer(route, visit, body, link).await?.map(|body| body.holding(place)))
    }

    /// Lets the visitor ask, unless there is too much of him, or of all.
    fn admit(&self, route: &Result<Route, Problem>, visit: &Visit) -> Result<crowd::Place, Problem> {
        // Who watches over the server must not take a crowd for its death.
        if matches!(route, Ok(Route::Live | Route::Ready)) {
            return Ok(crowd::Place::uncounted());
        }
        let posts = visit.method == Method::POST && !matches!(route, Ok(Route::Counts));
        let wish = if posts { Wish::Post } else { Wish::Read };
        self.crowd.ask(visit.origin.client, wish).map_err(|later| {
            self.measures.sent_away(later.limit);
            Problem::too_many(later)
        })
    }

    async fn answer(self: &Arc<Self>, route: Route, visit: &Visit, body: Incoming, link: &Link) -> Answered {
        match route {
            Route::Topic(topic) if visit.method != Method::POST => self.thread(topic, visit).await,
            // In a box: each connection has room for the largest answer that is not.
            other => Box::pin(self.rarer(other, visit, body, link)).await,
        }
    }

    async fn rarer(self: &Arc<Self>, route: Route, visit: &Visit, body: Incoming, link: &Link) -> Answered {
        match route {
            Route::Topic(topic) => self.post(topic, visit, body, link).await,
            Route::Comment(topic, id) => self.comment(topic, id, visit).await,
            Route::Root => self.root(visit).await,
            Route::Ipfs => self.ipfs(visit).await,
            Route::ThreadPage(topic) => self.thread_page(topic, visit).await,
            Route::Feed(topic) => self.feed(topic, visit).await,
            Route::Events(topic) => self.events(topic, visit).await,
            Route::Site(place) => place.answer(&visit.headers).await,
            Route::Frame => Place::frame().answer(&visit.headers).await,
            Route::FrameScript => Place::script().answer(&visit.headers).await,
            Route::Changes => self.changes(visit).await,
            Route::Counts => self.counts(visit, body, link).await,
            Route::Live => Ok(self.live()),
            Route::Ready => self.ready(),
            Route::Metrics => self.metrics(visit).await,
            Route::Version => Ok(self.version()),
            Route::OpenApi => openapi::answer(&visit.headers).await,
        }
    }

    fn record(&self, visit: &Visit, route: &'static str, answer: &Answer, took: Duration) {
        static FAILED: Seldom = Seldom::new();
        let status = answer.status();
        self.measures.answered(route, &visit.method, status, took);
        if status.is_server_error()
            && let Some(left_out) = FAILED.pass()
        {
            tracing::warn!(request = %visit.id, route, status = status.as_u16(), left_out, "request failed");
        }
        tracing::debug!(
            request = %visit.id, method = %visit.method, path = visit.uri.path(), status = status.as_u16(),
            took_us = took.as_micros(), "answered"
        );
    }
}

/// The reply of a box, with both layers of failure as problems: no answer came, or the answer was no.
pub(crate) fn settle<T, E: Into<Problem>>(
    reply: Result<Result<T, E>, daemon::bus::AskError>,
    whom: &str,
) -> Result<T, Problem> {
    reply.map_err(|error| Problem::unanswered(&error, whom))?.map_err(Into::into)
}
