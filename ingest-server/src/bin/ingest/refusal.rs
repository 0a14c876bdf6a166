//! Why a file was not stored or not got, what to do about it, and what the program's exit code says of it.

use std::{io, time::Duration};

use ingest_server::wire::{BadAnswer, BadToken};

/// Why a file was not stored, or not got.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody is there.
    #[error("cannot reach {address}; is `[ingest-server]` enabled there, and are host and port right")]
    Unreachable {
        /// Host and port.
        address: String,
        #[source]
        cause: io::Error,
    },
    /// Somebody is there, but says nothing.
    #[error("{address} did not greet within {} s; it is busy with somebody else, or no ingest server", .waited.as_secs_f32())]
    Silent { address: String, waited: Duration },
    /// Somebody is there who is no ingest server, or says no.
    #[error(transparent)]
    Greeting(#[from] BadToken),
    /// The file, or standard input.
    #[error("cannot read {name}")]
    Unreadable {
        name: String,
        #[source]
        cause: io::Error,
    },
    /// What was got has no place.
    #[error("cannot write {name}")]
    Unwritable {
        name: String,
        #[source]
        cause: io::Error,
    },
    /// Standard input was used up by a try that failed.
    #[error("{0} can be read only once, so it is not sent again; put it in a file to have it tried again")]
    Once(String, #[source] Box<Refusal>),
    /// The connection ended where it should not.
    #[error("the connection broke after {moved_bytes} bytes")]
    Broken {
        moved_bytes: u64,
        #[source]
        cause: io::Error,
    },
    /// No byte moved.
    #[error("no byte moved for {} s after {moved_bytes} bytes; --idle-wait sets how long that may be", .waited.as_secs_f32())]
    Idle { moved_bytes: u64, waited: Duration },
    /// Everything together took too long.
    #[error("not done after {} s; --total-wait sets how long that may be", .0.as_secs_f32())]
    Late(Duration),
    /// Everything was sent, and then nothing happened.
    #[error(
        "no CID came within {} s after the end of the file; the server may still be storing it (--answer-wait), \
         and the original servers never answer for bytes that are no UTF-8", .0.as_secs_f32()
    )]
    NoAnswer(Duration),
    /// The server's own words.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The server does not do what is wanted.
    #[error("the server offers no TLS, so nothing was sent to it; set `tls = true` in its [ingest-server]")]
    NoTls,
    /// The server is another one, or TLS failed.
    #[error("the server is not the one with this fingerprint, so nothing was sent to it")]
    Tls(#[source] rustls::Error),
    /// A line that is no CID.
    #[error(transparent)]
    Answer(#[from] BadAnswer),
    /// The CID of something else.
    #[error("the server answered {got}, but these bytes are {expected}; nothing is known to be stored")]
    WrongCid { got: String, expected: String },
    /// The bytes of something else.
    #[error("what came is {found}, not {wanted}; it was not kept (--no-check keeps files of unusual chunk sizes)")]
    WrongBytes { wanted: String, found: String },
}

impl Refusal {
    /// Whether the same may go well a little later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Broken { .. } | Self::Idle { .. } => true,
            // The original server mixes what a client that hung up has left into the next file.
            Self::NoAnswer(_) | Self::WrongCid { .. } => true,
            // Too many connections, or a daemon that is being restarted; a refusal of the file itself costs a few tries.
            Self::Greeting(BadToken::Refused(_)) => true,
            Self::Refused(why) => why.contains("again") || why.contains("later"),
            Self::Answer(_) | Self::Greeting(BadToken::Nonsense(_)) | Self::Late(_) => false,
            Self::NoTls | Self::Tls(_) => false,
            Self::Unreadable { .. } | Self::Unwritable { .. } | Self::Once(..) | Self::WrongBytes { .. } => false,
        }
    }

    /// What kind of failure it is, for scripts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Silent { .. } | Self::Idle { .. } | Self::Late(_) | Self::NoAnswer(_) => "timeout",
            Self::Greeting(BadToken::Refused(_)) | Self::Refused(_) => "refused",
            Self::Greeting(BadToken::Nonsense(_)) | Self::Answer(_) | Self::NoTls => "protocol",
            Self::Tls(_) => "tls",
            Self::Unreadable { .. } | Self::Unwritable { .. } => "file",
            Self::Once(_, why) => why.kind(),
            Self::Broken { .. } => "broken",
            Self::WrongCid { .. } | Self::WrongBytes { .. } => "mismatch",
        }
    }

    /// The sentence, with its causes.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(why) = cause {
            text = format!("{text}: {why}");
            cause = why.source();
        }
        text
    }

    fn verdict(&self) -> Verdict {
        match self.kind() {
            "unreachable" => Verdict::Unreachable,
            "mismatch" => Verdict::Mismatch,
            _ => Verdict::Failed,
        }
    }
}

/// What all files together came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All are well.
    Well,
    /// Wrong usage.
    Misused,
    /// Not a single one reached a server.
    Unreachable,
    /// Some are not.
    Failed,
    /// A CID was not that of the bytes.
    Mismatch,
}

impl Verdict {
    /// Of one file.
    #[must_use]
    pub fn of<T>(result: &Result<T, Refusal>) -> Self {
        result.as_ref().map_or_else(Refusal::verdict, |_| Self::Well)
    }

    /// Of this and another.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (same, also) if same == also => same,
            (Self::Mismatch, _) | (_, Self::Mismatch) => Self::Mismatch,
            _ => Self::Failed,
        }
    }

    /// As the shell sees it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failed => 1,
            Self::Misused => 2,
            Self::Unreachable => 3,
            Self::Mismatch => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Refusal {
        Refusal::Unreachable { address: "here:1".into(), cause: io::ErrorKind::ConnectionRefused.into() }
    }

    #[test]
    fn the_exit_code_says_the_worst_that_happened() {
        let all = |verdicts: &[Verdict]| verdicts.iter().copied().reduce(Verdict::and).unwrap().exit_code();
        assert_eq!(all(&[Verdict::Well, Verdict::Well]), 0);
        assert_eq!(all(&[Verdict::Well, Verdict::Failed]), 1);
        assert_eq!(all(&[Verdict::Unreachable, Verdict::Unreachable]), 3);
        assert_eq!(all(&[Verdict::Unreachable, Verdict::Well]), 1);
        assert_eq!(all(&[Verdict::Well, Verdict::Mismatch, Verdict::Failed]), 4);
    }

    #[test]
    fn a_cause_is_told_with_its_sentence() {
        let said = unreachable().in_full();
        assert!(said.starts_with("cannot reach here:1") && said.ends_with("connection refused"), "{said}");
    }

    #[test]
    fn what_the_server_says_may_pass_is_tried_again_and_what_it_will_not_have_is_not() {
        assert!(Refusal::Refused("the IPFS daemon is being restarted, try again".into()).may_pass());
        assert!(!Refusal::Refused("the file is over 100 bytes".into()).may_pass());
        assert!(unreachable().may_pass());
        let once = Refusal::Once("-".into(), Box::new(unreachable()));
        assert!(!once.may_pass() && Verdict::of::<()>(&Err(once)) == Verdict::Unreachable);
    }
}
