//! Below HTTP: connections are taken in, waited for, and seen out. Asked by `main`; asks [`crate::front`] for answers.

pub(crate) mod door;
pub(crate) mod link;
pub(crate) mod patience;
pub(crate) mod refusal;
