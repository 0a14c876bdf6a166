//! `beats`: the supervisor's end of the socket pair into which a child pushes its heartbeats. Nothing is sent back.

use std::{io, os::fd::OwnedFd};

use proto::supervision::Beat;
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};
use tokio::io::unix::AsyncFd;

use crate::descriptor;

/// A longer beat counts as a sign of life, but is not read: what is kept of each child has a limit.
pub const BEAT_BYTES: usize = 96 * 1024;

/// One child's heartbeats.
#[derive(Debug)]
pub struct Beats(AsyncFd<OwnedFd>);

/// What came.
#[derive(Debug, PartialEq)]
pub enum Heard {
    /// A heartbeat.
    Beat(Beat),
    /// Something else: too long, or from another build.
    Noise {
        /// How long it was.
        bytes: usize,
    },
    /// Nothing more will come.
    Closed,
}

impl Beats {
    /// # Errors
    ///
    /// When the runtime cannot watch it.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        descriptor::watch(fd).map(Self)
    }

    /// Waits for the next one.
    ///
    /// # Errors
    ///
    /// When the runtime is ending, or the socket failed.
    pub async fn next(&self) -> io::Result<Heard> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(heard) = ready.try_io(|fd| receive(fd.get_ref())) {
                return heard;
            }
        }
    }

    /// The next one that is already here.
    pub fn take(&self) -> Option<Heard> {
        receive(self.0.get_ref()).ok().filter(|heard| *heard != Heard::Closed)
    }
}

fn receive(fd: &OwnedFd) -> io::Result<Heard> {
    let flags = RecvFlags::DONTWAIT;
    let (_, bytes) = recv(fd, &mut [0_u8; 0], flags | RecvFlags::PEEK | RecvFlags::TRUNC)?;
    let mut packet = vec![0; bytes.min(BEAT_BYTES)];
    match recv(fd, packet.as_mut_slice(), flags) {
        Ok((0, _)) => Ok(Heard::Closed),
        Ok(_) if bytes > BEAT_BYTES => Ok(Heard::Noise { bytes }),
        Ok(_) => Ok(Beat::decode(&packet).map_or(Heard::Noise { bytes }, Heard::Beat)),
        Err(Errno::CONNRESET) => Ok(Heard::Closed),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use proto::supervision::BoxState;
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};

    use super::*;

    fn pair() -> (Beats, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        (Beats::new(ours).unwrap(), theirs)
    }

    fn beat() -> Beat {
        Beat { state: BoxState::Ready, listen: [].into(), metrics: Some("m 1\n".to_owned()), reason: None, alert: None }
    }

    #[tokio::test]
    async fn beats_arrive_one_by_one_and_then_the_end() {
        let (beats, child) = pair();
        send(&child, &beat().encode(), SendFlags::empty()).unwrap();
        send(&child, &beat().encode(), SendFlags::empty()).unwrap();
        drop(child);
        assert_eq!(beats.next().await.unwrap(), Heard::Beat(beat()));
        assert_eq!(beats.take(), Some(Heard::Beat(beat())));
        assert_eq!(beats.take(), None);
        assert_eq!(beats.next().await.unwrap(), Heard::Closed);
    }

    #[tokio::test]
    async fn noise_is_a_sign_of_life_and_no_more() {
        let (beats, child) = pair();
        send(&child, b"not a beat", SendFlags::empty()).unwrap();
        send(&child, &vec![0; BEAT_BYTES + 1], SendFlags::empty()).unwrap();
        assert_eq!(beats.next().await.unwrap(), Heard::Noise { bytes: 10 });
        assert_eq!(beats.next().await.unwrap(), Heard::Noise { bytes: BEAT_BYTES + 1 });
    }
}
