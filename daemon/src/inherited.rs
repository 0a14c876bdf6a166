//! What a supervised box inherits: a socket for its heartbeats, and listeners that outlive it.

use std::{
    collections::BTreeMap,
    env,
    net::TcpListener,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use proto::supervision::{BEAT_FD_VARIABLE, LISTEN_VARIABLE};

/// What this process inherited; empty when it was started by hand.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Where heartbeats go.
    pub beat: Option<OwnedFd>,
    /// Listeners by purpose.
    pub listeners: BTreeMap<String, TcpListener>,
}

impl Inherited {
    /// Takes what the environment names. To be called once, at boot, before anything else opens a descriptor.
    #[must_use]
    pub fn take() -> Self {
        let beat = env::var(BEAT_FD_VARIABLE).ok().and_then(|text| text.parse().ok()).and_then(own);
        let listeners = env::var(LISTEN_VARIABLE).unwrap_or_default();
        let listeners = parse_listeners(&listeners).filter_map(|(purpose, fd)| Some((purpose, own(fd)?.into())));
        Self { beat, listeners: listeners.collect() }
    }
}

/// `http=5,rpc=6`.
fn parse_listeners(text: &str) -> impl Iterator<Item = (String, RawFd)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(purpose, fd)| Some((purpose.to_owned(), fd.parse().ok()?)))
}

fn own(fd: RawFd) -> Option<OwnedFd> {
    if fd <= 2 {
        return None;
    }
    // SAFETY: the supervisor put this number into our environment for us alone, and nothing has opened or closed a
    // descriptor since; F_GETFD below finds out whether it is open at all.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    if fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).is_err() {
        // Closed: a stale variable from somebody else's environment. Dropping would close a number that is not ours.
        std::mem::forget(fd);
        return None;
    }
    Some(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_named_by_purpose() {
        let listeners: Vec<_> = parse_listeners("http=5,rpc=6,junk").collect();
        assert_eq!(listeners, [("http".to_owned(), 5), ("rpc".to_owned(), 6)]);
    }

    #[test]
    fn a_closed_descriptor_is_not_inherited() {
        assert!(own(987).is_none());
        assert!(own(1).is_none());
    }
}
