//! Why a command was not carried out, as Kubo's clients are told.
//!
//! Asked by every command.

use std::{error::Error, fmt};

use hyper::StatusCode;
use serde::Serialize;

use crate::store::{CollectError, StoreError};

/// The answer no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In Kubo's words where clients look at them.
    pub message: String,
    kind: RefusalKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RefusalKind {
    /// The command was understood but failed: 500 and JSON.
    Failed,
    /// As that, because time ran out.
    TimedOut,
    /// The client asked for what cannot be: 400 and JSON.
    Client,
    /// The request could not be understood: 400 and plain text.
    Unreadable,
    /// There is no such command: 404 and plain text.
    Unknown,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "Message")]
    message: &'a str,
    #[serde(rename = "Code")]
    code: u8,
    #[serde(rename = "Type")]
    kind: &'static str,
}

impl Refusal {
    /// The command failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: RefusalKind::Failed }
    }

    /// The client asked for what cannot be.
    pub fn client(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: RefusalKind::Client }
    }

    /// The request could not be understood.
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: RefusalKind::Unreadable }
    }

    /// What was asked for did not come in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self { message: "context deadline exceeded".to_owned(), kind: RefusalKind::TimedOut }
    }

    /// Whether what was asked for did not come in time.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.kind == RefusalKind::TimedOut
    }

    /// No such command.
    #[must_use]
    pub fn unknown() -> Self {
        Self { message: "404 page not found".to_owned(), kind: RefusalKind::Unknown }
    }

    /// An option that this daemon does not have, though Kubo does.
    #[must_use]
    pub fn unsupported(option: &str, value: &str) -> Self {
        Self::client(format!("option {option:?} with value {value:?} is not supported by this daemon; leave it out"))
    }

    /// Says what was being done.
    #[must_use]
    pub fn while_doing(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// An error with all its causes.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            message = format!("{message}: {next}");
            cause = next.source();
        }
        Self::failed(message)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self.kind {
            RefusalKind::Failed | RefusalKind::TimedOut => StatusCode::INTERNAL_SERVER_ERROR,
            RefusalKind::Client | RefusalKind::Unreadable => StatusCode::BAD_REQUEST,
            RefusalKind::Unknown => StatusCode::NOT_FOUND,
        }
    }

    pub(crate) const fn content_type(&self) -> &'static str {
        match self.kind {
            RefusalKind::Failed | RefusalKind::TimedOut | RefusalKind::Client => "application/json",
            RefusalKind::Unreadable | RefusalKind::Unknown => "text/plain; charset=utf-8",
        }
    }

    pub(crate) fn body(&self) -> String {
        let code = match self.kind {
            RefusalKind::Failed | RefusalKind::TimedOut => 0,
            RefusalKind::Client => 1,
            RefusalKind::Unreadable | RefusalKind::Unknown => return format!("{}\n", self.message),
        };
        let body = Body { message: &self.message, code, kind: "error" };
        serde_json::to_string(&body).expect("strings and a number can be serialised") + "\n"
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Refusal {}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::from_error(&error)
    }
}

impl From<CollectError> for Refusal {
    fn from(error: CollectError) -> Self {
        Self::from_error(&error)
    }
}

macro_rules! from_errors_of_the_peer {
    ($($error:ident)*) => { $(
        impl From<swarm::$error> for Refusal {
            fn from(error: swarm::$error) -> Self {
                Self::from_error(&error)
            }
        }
    )* };
}

from_errors_of_the_peer! { ConnectError DhtError Gone PubsubError StreamError }

impl From<unixfs::ReadError> for Refusal {
    fn from(error: unixfs::ReadError) -> Self {
        Self::from_error(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_as_kubo_tells_it() {
        let refusal = Refusal::failed("this dag node is a directory");
        assert_eq!(refusal.body(), "{\"Message\":\"this dag node is a directory\",\"Code\":0,\"Type\":\"error\"}\n");
        assert_eq!(refusal.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn causes_are_told_too() {
        let error = StoreError::Read(std::io::Error::other("bad sector"));
        assert_eq!(Refusal::from(error).message, "cannot read a block; check the disk: bad sector");
    }
}
