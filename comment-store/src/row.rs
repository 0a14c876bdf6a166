//! A row of the table of comments: what is known about a comment, and its blob while it has one.
//!
//! ```text
//! 1  standing    1  kind    32 id    20 legacy id    8 date    8 by    32 key    32 group or target    then the blob
//! ```
//!
//! A row without a blob is the tombstone of a comment that was deleted.

use proto::{AnyId, CommentId, LegacyId, Seq, record::AuthorKey};

use crate::incoming::{Group, Incoming, Kind};

/// Bytes before the blob.
pub(crate) const HEAD_BYTES: usize = 134;

/// Where a comment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is shown in its thread.
    Shown,
    /// It is in the folder only: an edit, a deletion, or a comment that is shown by its twin.
    Hidden,
    /// Its author removed it; its place in the thread is shown, its blob is gone.
    Deleted,
    /// Removed together with another one, which keeps the place; its blob is gone.
    Gone,
}

impl Standing {
    /// Whether it has a blob and is in the folder.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Shown | Self::Hidden)
    }

    /// Whether it has a place in the thread.
    pub(crate) fn is_listed(self) -> bool {
        matches!(self, Self::Shown | Self::Deleted)
    }

    /// What it becomes when it is removed.
    pub(crate) fn removed(self) -> Self {
        if self.is_listed() { Self::Deleted } else { Self::Gone }
    }
}

/// What is known about a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) standing: Standing,
    pub(crate) kind: Kind,
    pub(crate) id: CommentId,
    pub(crate) legacy_id: LegacyId,
    pub(crate) date_s: u64,
    /// Of a listed comment: the greatest of its edits; 0 when there is none.
    pub(crate) edit: Seq,
}

impl Row {
    pub(crate) fn new(comment: &Incoming, standing: Standing) -> Self {
        Self {
            standing,
            kind: comment.kind,
            id: comment.id,
            legacy_id: comment.legacy_id,
            date_s: comment.date_s,
            edit: Seq(0),
        }
    }

    pub(crate) fn key(&self) -> Option<AuthorKey> {
        match self.kind {
            Kind::Unsigned => None,
            Kind::Signed(key, _) | Kind::Edits(key, _) | Kind::Deletes(key, _) => Some(key),
        }
    }

    /// The order of edits: of several the greatest is shown.
    pub(crate) fn edit_order(&self) -> (u64, CommentId) {
        (self.date_s, self.id)
    }

    pub(crate) fn encode(&self, blob: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + blob.len());
        let (kind, key, link) = encode_kind(&self.kind);
        bytes.extend([self.standing as u8, kind]);
        bytes.extend(self.id.0);
        bytes.extend(self.legacy_id.0);
        bytes.extend(self.date_s.to_be_bytes());
        bytes.extend(self.edit.0.to_be_bytes());
        bytes.extend(key);
        bytes.extend(link);
        bytes.extend(blob);
        bytes
    }

    /// The row and its blob; none when the bytes are no row.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, blob) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let row = Self {
            standing: standing_of(head[0])?,
            kind: decode_kind(head[1], array(head, 70), array(head, 102))?,
            id: CommentId(array(head, 2)),
            legacy_id: LegacyId(array(head, 34)),
            date_s: u64::from_be_bytes(array(head, 54)),
            edit: Seq(u64::from_be_bytes(array(head, 62))),
        };
        Some((row, blob))
    }
}

/// The standing alone, for those who pass over rows.
pub(crate) fn standing(bytes: &[u8]) -> Option<Standing> {
    bytes.first().copied().and_then(standing_of)
}

fn standing_of(byte: u8) -> Option<Standing> {
    [Standing::Shown, Standing::Hidden, Standing::Deleted, Standing::Gone].into_iter().find(|one| *one as u8 == byte)
}

fn array<const N: usize>(head: &[u8; HEAD_BYTES], from: usize) -> [u8; N] {
    head[from..from + N].try_into().expect("the fields of the head are within it")
}

fn encode_kind(kind: &Kind) -> (u8, [u8; 32], [u8; 32]) {
    let target = |tags: [u8; 2], key: &AuthorKey, target: &AnyId| match target {
        AnyId::Comment(id) => (tags[0], key.0, id.0),
        AnyId::Legacy(id) => {
            let mut link = [0; 32];
            link[..20].copy_from_slice(&id.0);
            (tags[1], key.0, link)
        }
    };
    match kind {
        Kind::Unsigned => (0, [0; 32], [0; 32]),
        Kind::Signed(key, group) => (1, key.0, group.0),
        Kind::Edits(key, id) => target([2, 3], key, id),
        Kind::Deletes(key, id) => target([4, 5], key, id),
    }
}

fn decode_kind(tag: u8, key: [u8; 32], link: [u8; 32]) -> Option<Kind> {
    let key = AuthorKey(key);
    let legacy = || AnyId::Legacy(LegacyId(link[..20].try_into().expect("20 of 32 bytes")));
    Some(match tag {
        0 => Kind::Unsigned,
        1 => Kind::Signed(key, Group(link)),
        2 => Kind::Edits(key, AnyId::Comment(CommentId(link))),
        3 => Kind::Edits(key, legacy()),
        4 => Kind::Deletes(key, AnyId::Comment(CommentId(link))),
        5 => Kind::Deletes(key, legacy()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        let id = prop_oneof![
            any::<[u8; 32]>().prop_map(|id| AnyId::Comment(CommentId(id))),
            any::<[u8; 20]>().prop_map(|id| AnyId::Legacy(LegacyId(id))),
        ];
        let key = any::<[u8; 32]>().prop_map(AuthorKey);
        prop_oneof![
            Just(Kind::Unsigned),
            (key.clone(), any::<[u8; 32]>()).prop_map(|(key, group)| Kind::Signed(key, Group(group))),
            (key.clone(), id.clone()).prop_map(|(key, id)| Kind::Edits(key, id)),
            (key, id).prop_map(|(key, id)| Kind::Deletes(key, id)),
        ]
    }

    proptest! {
        #[test]
        fn a_row_reads_back_as_itself(
            kind in kinds(), id: [u8; 32], legacy_id: [u8; 20], date_s: u64, edit: u64, blob: Vec<u8>,
        ) {
            let standing = Standing::Hidden;
            let (id, legacy_id) = (CommentId(id), LegacyId(legacy_id));
            let row = Row { standing, kind, id, legacy_id, date_s, edit: Seq(edit) };
            let bytes = row.encode(&blob);
            prop_assert_eq!(Row::decode(&bytes), Some((row, &blob[..])));
        }

        #[test]
        fn any_bytes_are_a_row_or_not(bytes: Vec<u8>) {
            let _ = Row::decode(&bytes);
        }
    }

    #[test]
    fn a_row_on_disk_looks_as_it_always_did() {
        let row = Row {
            standing: Standing::Deleted,
            kind: Kind::Edits(AuthorKey([3; 32]), AnyId::Legacy(LegacyId([4; 20]))),
            id: CommentId([1; 32]),
            legacy_id: LegacyId([2; 20]),
            date_s: 5,
            edit: Seq(6),
        };
        let expected = [
            vec![2, 3],
            vec![1; 32],
            vec![2; 20],
            vec![0, 0, 0, 0, 0, 0, 0, 5],
            vec![0, 0, 0, 0, 0, 0, 0, 6],
            vec![3; 32],
            vec![4; 20],
            vec![0; 12],
            vec![9],
        ];
        assert_eq!(row.encode(&[9]), expected.concat());
    }
}
