//! A comment on its way into the store: its bytes and everything that is computed from them.

use bytes::Bytes;
use proto::{
    AnyId, CommentId, LegacyId, Topic,
    posts::Origin,
    record::{AuthorKey, Effect, Limits, Record, RecordError},
};
use sha2::{Digest as _, Sha256};

/// Names the comments that have the same signed part: the SHA-256 of it.
///
/// A postmark, or another signature by the same key, makes another blob with another id out of the same comment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Group(pub [u8; 32]);

/// What a comment is to the others of its topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A comment that nobody can edit or delete.
    Unsigned,
    /// A comment with an author.
    Signed(AuthorKey, Group),
    /// It takes the place of a comment of the same key.
    Edits(AuthorKey, AnyId),
    /// It removes a comment of the same key.
    Deletes(AuthorKey, AnyId),
}

impl Kind {
    /// What a record is.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Self {
        match (record.signed, record.effect) {
            (None, _) => Self::Unsigned,
            (Some(signed), Effect::Comment) => Self::Signed(signed.key, Group(Sha256::digest(signed.part).into())),
            (Some(signed), Effect::Edits(target)) => Self::Edits(signed.key, target),
            (Some(signed), Effect::Deletes(target)) => Self::Deletes(signed.key, target),
        }
    }
}

/// A comment on its way into the store. Making one does all the hashing, away from the writer.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The page.
    pub topic: Topic,
    /// Who brings it.
    pub origin: Origin,
    /// Its canonical bytes.
    pub blob: Bytes,
    /// Its id.
    pub id: CommentId,
    /// Its id in the comntr network.
    pub legacy_id: LegacyId,
    /// When its author says it was written: seconds since 1970, or 0.
    pub date_s: u64,
    /// What it is to the others.
    pub kind: Kind,
}

impl Incoming {
    /// Reads and checks a blob: its form, its signature, its page.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub fn read(topic: Topic, origin: Origin, blob: Bytes, limits: Limits) -> Result<Self, RecordError> {
        let (date_s, kind) = checked(&topic, &blob, limits)?;
        let (id, legacy_id) = (CommentId::of(&blob), LegacyId::of(&blob));
        Ok(Self { topic, origin, blob, id, legacy_id, date_s, kind })
    }

    /// Whether it has a signature, which then is valid.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.kind != Kind::Unsigned
    }
}

fn checked(topic: &Topic, blob: &[u8], limits: Limits) -> Result<(u64, Kind), RecordError> {
    let record = Record::parse(blob, limits)?;
    record.check_topic(topic)?;
    record.verify()?;
    Ok((record.date_s, Kind::of(&record)))
}
