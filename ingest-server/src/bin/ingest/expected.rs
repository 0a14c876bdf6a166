//! The CIDs that a server may answer, computed while the bytes pass. Asked by `upload` and `download`.
//!
//! A server may be configured for any of the usual profiles, and does not say for which; so all that can give the form
//! of its answer are tried.

use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread::{Scope, ScopedJoinHandle},
};

use bytes::Bytes;
use proto::Cid;
use unixfs::{FileBuilder, HashOnly, Profile};

/// Pieces that wait to be hashed: at most 4 MiB.
const PIECES_WAITING: usize = 4;

/// The profiles that servers use: what `ipfs add` does first.
pub const PROFILES: [Profile; 3] = [Profile::V0_2015, Profile::V1_2025, Profile::KuboCidV1];

/// The profiles that can have made a CID of this form.
#[must_use]
pub fn profiles_of(cid: &Cid) -> Vec<Profile> {
    PROFILES.into_iter().filter(|profile| profile.options().cid_version == cid.0.version()).collect()
}

/// The CID of the same bytes, by profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(Vec<(Profile, Cid)>);

impl Expected {
    /// The profile that gives this CID; none when it is the CID of other bytes.
    #[must_use]
    pub fn profile_of(&self, cid: &Cid) -> Option<Profile> {
        // The same hash may be written as either version.
        let same = |mine: &Cid| mine.0.hash() == cid.0.hash() && mine.0.codec() == cid.0.codec();
        self.0.iter().find(|(_, mine)| same(mine)).map(|(profile, _)| *profile)
    }

    /// The CIDs, for whoever has to be told that theirs is wrong.
    #[must_use]
    pub fn in_words(&self) -> String {
        let named = |(profile, cid): &(Profile, Cid)| format!("{cid} ({})", profile.name());
        self.0.iter().map(named).collect::<Vec<_>>().join(" or ")
    }

    /// Whether all is known here that can give a CID of this form.
    #[must_use]
    pub fn judges(&self, cid: &Cid) -> bool {
        profiles_of(cid).iter().all(|profile| self.0.iter().any(|(known, _)| known == profile))
    }
}

/// Hashes on a thread of its own, so that reading and sending go on meanwhile.
pub struct Hashing<'scope> {
    pieces: SyncSender<Bytes>,
    thread: ScopedJoinHandle<'scope, Expected>,
}

impl<'scope> Hashing<'scope> {
    /// Begins, for these profiles.
    pub fn begin(scope: &'scope Scope<'scope, '_>, profiles: &[Profile]) -> Self {
        let (pieces, waiting) = sync_channel::<Bytes>(PIECES_WAITING);
        let mut builders: Vec<_> =
            profiles.iter().map(|profile| (*profile, FileBuilder::new(profile.options(), HashOnly))).collect();
        let thread = scope.spawn(move || {
            for piece in waiting {
                builders.iter_mut().for_each(|(_, builder)| infallible(builder.push(piece.clone())));
            }
            Expected(
                builders
                    .into_iter()
                    .map(|(profile, builder)| (profile, Cid(infallible(builder.finish()).cid)))
                    .collect(),
            )
        });
        Self { pieces, thread }
    }

    /// Adds the next bytes; waits when hashing is behind.
    ///
    /// # Panics
    ///
    /// When the hashing thread is gone, which it is only after a panic of its own.
    pub fn push(&self, piece: Bytes) {
        self.pieces.send(piece).expect("the hashing thread lives as long as the sender");
    }

    /// The CIDs.
    ///
    /// # Panics
    ///
    /// As [`Self::push`].
    #[must_use]
    pub fn finish(self) -> Expected {
        drop(self.pieces);
        self.thread.join().expect("hashing does not panic")
    }
}

fn infallible<T>(result: Result<T, std::convert::Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_V0: &str = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH";

    fn expected(bytes: &'static [u8], profiles: &[Profile]) -> Expected {
        std::thread::scope(|scope| {
            let hashing = Hashing::begin(scope, profiles);
            hashing.push(Bytes::from_static(bytes));
            hashing.finish()
        })
    }

    #[test]
    fn the_cid_of_an_empty_file_is_the_one_that_ipfs_add_prints() {
        let empty = expected(b"", &PROFILES);
        assert_eq!(empty.profile_of(&EMPTY_V0.parse().unwrap()), Some(Profile::V0_2015));
    }

    #[test]
    fn either_profile_is_accepted_and_no_other_bytes() {
        let hello = expected(b"hello world", &PROFILES);
        let raw = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
        assert_eq!(hello.profile_of(&raw), Some(Profile::V1_2025));
        assert_eq!(expected(b"hello worle", &PROFILES).profile_of(&raw), None);
    }

    #[test]
    fn a_cid_is_the_same_in_either_version() {
        let cid: Cid = EMPTY_V0.parse().unwrap();
        let as_v1 = Cid(unixfs::Cid::new_v1(cid.0.codec(), *cid.0.hash()));
        assert_eq!(expected(b"", &[Profile::V0_2015]).profile_of(&as_v1), Some(Profile::V0_2015));
    }

    #[test]
    fn what_was_expected_is_said_with_the_profile() {
        let said = expected(b"", &[Profile::V0_2015]).in_words();
        assert_eq!(said, format!("{EMPTY_V0} (unixfs-v0-2015)"));
    }
}
