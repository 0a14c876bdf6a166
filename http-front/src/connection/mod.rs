//! Below HTTP: connections are taken in, waited for, and seen out. Asked by `main`; asks [`crate::front`] for answers.
//!
//! HTTP/1.1 is [`patience`], HTTP/2 is [`h2`]; [`opening`] tells them apart.

pub(crate) mod door;
pub(crate) mod h2;
pub(crate) mod link;
pub(crate) mod opening;
mod outflow;
pub(crate) mod patience;
pub(crate) mod refusal;
mod timer;
