//! The keys of the tables. Numbers are big-endian, so that LMDB's order of bytes is their order.

use proto::{AnyId, CommentId, LegacyId, Seq, Topic};

use crate::incoming::Group;

/// A comment: topic, place in the order of arrival.
pub(crate) fn row(topic: &Topic, seq: Seq) -> [u8; 28] {
    let mut key = [0; 28];
    key[..20].copy_from_slice(&topic.0);
    key[20..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

/// What [`row`] was made of.
pub(crate) fn split_row(key: &[u8]) -> Option<(Topic, Seq)> {
    let (topic, seq) = key.split_first_chunk()?;
    Some((Topic(*topic), Seq(u64::from_be_bytes(seq.try_into().ok()?))))
}

/// The order in which servers compare their sets: date, id, topic.
pub(crate) fn date(date_s: u64, id: &CommentId, topic: &Topic) -> [u8; 60] {
    let mut key = [0; 60];
    key[..8].copy_from_slice(&date_s.to_be_bytes());
    key[8..40].copy_from_slice(&id.0);
    key[40..].copy_from_slice(&topic.0);
    key
}

/// What [`date`] was made of.
pub(crate) fn split_date(key: &[u8]) -> Option<(u64, CommentId, Topic)> {
    let (date, rest) = key.split_first_chunk()?;
    let (id, topic) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*date), CommentId(*id), Topic(topic.try_into().ok()?)))
}

/// The comment with this id: one place.
pub(crate) fn by_id(topic: &Topic, id: &CommentId) -> Vec<u8> {
    name(topic, b'i', &id.0, &[])
}

/// The comments with this legacy id: a list of places, one unless somebody made SHA-1 collide.
pub(crate) fn by_legacy_id(topic: &Topic, id: &LegacyId) -> Vec<u8> {
    name(topic, b'l', &id.0, &[])
}

/// The listed comment of a group: one place.
pub(crate) fn head(topic: &Topic, group: &Group) -> Vec<u8> {
    name(topic, b'g', &group.0, &[])
}

/// The other comments of a group, for iteration.
pub(crate) fn twins(topic: &Topic, group: &Group) -> Vec<u8> {
    name(topic, b'm', &group.0, &[])
}

/// One of the other comments of a group.
pub(crate) fn twin(topic: &Topic, group: &Group, id: &CommentId) -> Vec<u8> {
    name(topic, b'm', &group.0, &id.0)
}

/// The edits and deletions that name a comment so, for iteration.
pub(crate) fn naming(topic: &Topic, target: &AnyId) -> Vec<u8> {
    match target {
        AnyId::Comment(id) => name(topic, b'c', &id.0, &[]),
        AnyId::Legacy(id) => name(topic, b'n', &id.0, &[]),
    }
}

/// One edit or deletion that names a comment so.
pub(crate) fn naming_from(topic: &Topic, target: &AnyId, from: &CommentId) -> Vec<u8> {
    [naming(topic, target).as_slice(), &from.0].concat()
}

fn name(topic: &Topic, tag: u8, hash: &[u8], rest: &[u8]) -> Vec<u8> {
    [topic.0.as_slice(), &[tag], hash, rest].concat()
}

/// A version of a folder node: the commit that wrote it, its path.
pub(crate) fn node(commit: u64, path: &[u8]) -> Vec<u8> {
    [&commit.to_be_bytes(), path].concat()
}

/// A folder node, whatever its version. LMDB has no empty keys, and the path of a root may be empty.
pub(crate) fn path(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}

/// What [`path`] was made of.
pub(crate) fn split_path(key: &[u8]) -> &[u8] {
    key.strip_prefix(b"/").unwrap_or(key)
}

/// A list of places, as it stands in the table of names.
pub(crate) fn places(bytes: &[u8]) -> impl Iterator<Item = Seq> + '_ {
    bytes.as_chunks().0.iter().map(|place| Seq(u64::from_be_bytes(*place)))
}
