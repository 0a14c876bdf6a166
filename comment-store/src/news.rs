//! What happened in a topic since a place: for whoever has seen a page and wants to keep it up to date.
//!
//! Each arrival that changed what the thread shows is told once, with the comment that it changed **as it is now**. So
//! whoever applies the news after a page, in order, comes to what a page read now shows, however long it took and
//! wherever it paused; what was shown in between may never be told.
//!
//! A thread shows a signed comment and its twins once, under the smallest id. A newcomer with a smaller id takes the place
//! of the one that was shown: the news names that one, so that it can be taken away.
//!
//! One thing is told only to those who read the page again: an author who made SHA-1 collide can edit two comments with
//! one edit, and by deleting one of the two take back the edit of the other.

use heed::{RoTxn, WithoutTls};
use proto::{AnyId, CommentId, Seq, Topic, record::AuthorKey};

use crate::{
    Shown, Snapshot, StoreError,
    incoming::{Group, Kind},
    keys,
    opened::Opened,
    row::Row,
};

/// So many rows are looked at for one answer, whether or not they are news.
const LOOKS: usize = 4_096;

/// What an arrival did to the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// There is another comment.
    Comment,
    /// A comment has another text.
    Edit,
    /// A comment is deleted.
    Deletion,
}

/// One change of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News<'t> {
    /// The arrival that made the change.
    pub seq: Seq,
    /// What it did.
    pub event: Event,
    /// The comment that it did it to, as it is now.
    pub comment: Shown<'t>,
    /// The comment that is no longer shown, because this one is shown in its place.
    pub replaces: Option<CommentId>,
}

/// Some changes of a thread, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsPage<'t> {
    /// May be fewer than asked for, and none, although there are more: see `next`.
    pub news: Vec<News<'t>>,
    /// Where to go on; none when everything was told that has arrived.
    pub next: Option<Seq>,
}

impl Snapshot<'_> {
    /// What changed in a thread by what arrived after `after`: about `limit` changes, of at most about `room_bytes` bytes
    /// unless the first alone is longer. It can be cut after any arrival.
    ///
    /// # Errors
    ///
    /// When the store failed, or a blob is not what it was.
    pub fn news(&self, topic: &Topic, after: Seq, limit: usize, room_bytes: usize) -> Result<NewsPage<'_>, StoreError> {
        let mut look = Look { txn: &self.txn, store: self.store, topic, looks: 0 };
        let (mut news, mut bytes, mut last) = (Vec::new(), 0, after);
        for entry in self.rows_after(topic, Some(after))? {
            let (seq, value) = entry?;
            if news.len() >= limit || look.looks >= LOOKS {
                return Ok(NewsPage { news, next: Some(last) });
            }
            let (row, _) = self.decode(seq, value)?;
            let before = news.len();
            for change in look.changes(seq, &row)? {
                let comment = self.shown(topic, change.head, self.row_bytes(topic, change.head)?)?;
                bytes += comment.bytes();
                news.push(News { seq, event: change.event, comment, replaces: change.replaces });
            }
            if bytes > room_bytes && before > 0 {
                news.truncate(before);
                return Ok(NewsPage { news, next: Some(last) });
            }
            last = seq;
        }
        Ok(NewsPage { news, next: None })
    }
}

/// What an arrival did to one group.
#[derive(Debug, Clone, Copy)]
struct Change {
    event: Event,
    /// The place of the comment that is shown for the group.
    head: Seq,
    replaces: Option<CommentId>,
}

/// Looks around in one topic, and counts what it costs.
struct Look<'s, 'r> {
    txn: &'s RoTxn<'r, WithoutTls>,
    store: &'s Opened,
    topic: &'s Topic,
    looks: usize,
}

impl Look<'_, '_> {
    fn changes(&mut self, seq: Seq, row: &Row) -> Result<Vec<Change>, StoreError> {
        self.looks += 1;
        match row.kind {
            Kind::Unsigned => Ok(vec![Change { event: Event::Comment, head: seq, replaces: None }]),
            Kind::Signed(key, group) => Ok(self.by_comment(seq, row, key, &group)?.into_iter().collect()),
            Kind::Edits(key, target) => self.by_effect(seq, key, &target, Self::is_shown_edit, Event::Edit),
            Kind::Deletes(key, target) => self.by_effect(seq, key, &target, Self::is_first_deletion, Event::Deletion),
        }
    }

    /// A comment with an author: it is shown, or it is the twin of one that is.
    fn by_comment(&mut self, seq: Seq, row: &Row, key: AuthorKey, group: &Group) -> Result<Option<Change>, StoreError> {
        let head = self.head(group)?;
        let replaces = self.shown_before(seq, head, group)?;
        if replaces.is_none_or(|other| row.id < other) {
            return Ok(Some(Change { event: Event::Comment, head, replaces }));
        }
        // An effect that named this twin had to wait for it.
        let waited = self.effects_naming(row, key)?.iter().any(|(effect, _)| *effect < seq);
        let is_live = self.row(head)?.standing.is_live();
        let event = if is_live { Event::Edit } else { Event::Deletion };
        Ok(waited.then_some(Change { event, head, replaces: None }))
    }

    /// An edit or a deletion: what it did to the groups that it names and that were there before it.
    fn by_effect(
        &mut self,
        seq: Seq,
        key: AuthorKey,
        target: &AnyId,
        did: fn(&mut Self, Seq, AuthorKey, &Row, &Row) -> Result<bool, StoreError>,
        event: Event,
    ) -> Result<Vec<Change>, StoreError> {
        let mut changes: Vec<Change> = Vec::new();
        for place in self.store.places(self.txn, self.topic, target)? {
            let target = self.row(place)?;
            let Kind::Signed(author, group) = target.kind else { continue };
            if place > seq || author != key {
                continue;
            }
            let head = self.head(&group)?;
            let head_row = self.row(head)?;
            if did(self, seq, key, &target, &head_row)? && changes.iter().all(|other| other.head != head) {
                changes.push(Change { event, head, replaces: None });
            }
        }
        Ok(changes)
    }

    /// Of an edit that was replaced the later one tells, or nobody if it never was shown.
    fn is_shown_edit(&mut self, seq: Seq, _: AuthorKey, _: &Row, head: &Row) -> Result<bool, StoreError> {
        Ok(head.edit == seq)
    }

    fn is_first_deletion(&mut self, seq: Seq, key: AuthorKey, target: &Row, _: &Row) -> Result<bool, StoreError> {
        let effects = self.effects_naming(target, key)?;
        Ok(!effects.iter().any(|(other, kind)| *other < seq && matches!(kind, Kind::Deletes(..))))
    }

    fn row(&mut self, seq: Seq) -> Result<Row, StoreError> {
        self.looks += 1;
        Ok(self.store.row(self.txn, self.topic, seq)?.0)
    }

    fn head(&self, group: &Group) -> Result<Seq, StoreError> {
        let head = self.store.tables.place(self.txn, &keys::head(self.topic, group))?;
        head.ok_or_else(|| self.store.damaged("names", "with the place of a comment"))
    }

    /// The comment of a group that was shown when `seq` arrived: of those before it the one with the smallest id.
    fn shown_before(&mut self, seq: Seq, head: Seq, group: &Group) -> Result<Option<CommentId>, StoreError> {
        if head < seq {
            return Ok(Some(self.row(head)?.id));
        }
        // In the order of their ids.
        for entry in self.store.tables.names.prefix_iter(self.txn, &keys::twins(self.topic, group))? {
            self.looks += 1;
            for place in keys::places(entry?.1) {
                if place < seq {
                    return Ok(Some(self.row(place)?.id));
                }
            }
        }
        Ok(None)
    }

    /// The edits and deletions by this author that name this comment by either id.
    fn effects_naming(&mut self, row: &Row, author: AuthorKey) -> Result<Vec<(Seq, Kind)>, StoreError> {
        let mut effects = Vec::new();
        for name in [AnyId::Comment(row.id), AnyId::Legacy(row.legacy_id)] {
            for entry in self.store.tables.names.prefix_iter(self.txn, &keys::naming(self.topic, &name))? {
                for seq in keys::places(entry?.1) {
                    let effect = self.row(seq)?;
                    if effect.key() == Some(author) {
                        effects.push((seq, effect.kind));
                    }
                }
            }
        }
        Ok(effects)
    }
}
