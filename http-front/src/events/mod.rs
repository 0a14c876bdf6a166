//! Live events: `GET /<topic>/events` tells of new, edited and deleted comments as they arrive, as server-sent events.
//!
//! Asked by visitors. Woken by the hints of `post-worker`, and by the version board when hints are lost; asks `get-worker`
//! what is new, once for all readers of a topic. Keeps, for topics that somebody reads: who, and what was told last.
//!
//! * [`place`]: where a reader is: `<epoch>-<seq>`. [`text`]: what an event looks like.
//! * [`channel`]: the readers of one topic, and the moment at which one who catches up joins them. [`recent`]: what it
//!   told last, so that most need not catch up.
//! * [`hub`]: all channels; what wakes them, and what reads for them. [`stream`]: the body of one reader's answer.
//! * [`answer`]: the route.

mod answer;
mod channel;
pub(crate) mod hub;
mod measures;
mod place;
mod recent;
mod stream;
mod text;
