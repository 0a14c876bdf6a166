//! What a new comment does to those that are there: twins, edits, deletions.
//!
//! The result is a pure function of the set of comments (see [`crate::model`]); this is that function, one comment at a
//! time. The table of names says at once who is concerned, so the cost does not grow with the topic.

use proto::{AnyId, CommentId, LegacyId, Seq, Topic, record::AuthorKey};

use crate::{
    File, StoreError,
    batch::Batch,
    incoming::{Group, Incoming, Kind},
    keys,
    row::{Row, Standing},
};

impl Batch<'_> {
    /// Takes in a comment that is not known yet.
    pub(crate) fn append(&mut self, comment: &Incoming) -> Result<Seq, StoreError> {
        self.whole.last_seq.0 += 1;
        let seq = self.whole.last_seq;
        self.summary(&comment.topic)?.last_seq = seq;
        self.store.tables.arrivals.put(&mut self.txn, &seq.0.to_be_bytes(), &comment.topic.0)?;
        self.put_names(comment, seq)?;
        match comment.kind {
            Kind::Unsigned => {
                self.summary(&comment.topic)?.count += 1;
                self.keep(comment, seq, &Row::new(comment, Standing::Shown))?;
            }
            Kind::Signed(key, group) => self.join(comment, seq, key, group)?,
            Kind::Edits(key, target) | Kind::Deletes(key, target) => self.take_effect(comment, seq, key, &target)?,
        }
        Ok(seq)
    }

    fn put_names(&mut self, comment: &Incoming, seq: Seq) -> Result<(), StoreError> {
        let names = self.store.tables.names;
        names.put(&mut self.txn, &keys::by_id(&comment.topic, &comment.id), &seq.0.to_be_bytes())?;
        let key = keys::by_legacy_id(&comment.topic, &comment.legacy_id);
        let mut places = names.get(&self.txn, &key)?.unwrap_or_default().to_vec();
        places.extend(seq.0.to_be_bytes());
        names.put(&mut self.txn, &key, &places)?;
        Ok(())
    }

    /// Puts a row, with its blob if it is to have one.
    fn keep(&mut self, comment: &Incoming, seq: Seq, row: &Row) -> Result<(), StoreError> {
        if !row.standing.is_live() {
            return self.put_row(&comment.topic, seq, row, &[]);
        }
        self.put_row(&comment.topic, seq, row, &comment.blob)?;
        let key = keys::date(row.date_s, &row.id, &comment.topic);
        self.store.tables.dates.put(&mut self.txn, &key, &seq.0.to_be_bytes())?;
        let others = self.file_of(&comment.topic, &row.legacy_id, Some(seq))?;
        let own = File { id: row.id, blob_bytes: comment.blob.len() as u64 };
        let now = others.map_or(own, |other| other.min(own));
        self.note_file(&comment.topic, &row.legacy_id, others, Some(now))
    }

    /// A comment joins the others with the same signed part: the smallest id keeps the place in the thread.
    fn join(&mut self, comment: &Incoming, seq: Seq, key: AuthorKey, group: Group) -> Result<(), StoreError> {
        let topic = comment.topic;
        let mut row = Row::new(comment, Standing::Shown);
        match self.place(&keys::head(&topic, &group))? {
            None => {
                self.put_head(&topic, &group, seq)?;
                self.summary(&topic)?.count += 1;
            }
            Some(head) => self.rank(&topic, &group, (seq, &mut row), head)?,
        }
        self.keep(comment, seq, &row)?;
        for (effect_seq, effect) in self.effects_naming(&topic, &row, key)? {
            self.apply(&topic, &group, effect_seq, &effect)?;
        }
        Ok(())
    }

    /// Decides between a newcomer and the head of its group.
    fn rank(
        &mut self,
        topic: &Topic,
        group: &Group,
        (seq, row): (Seq, &mut Row),
        head_seq: Seq,
    ) -> Result<(), StoreError> {
        let (mut head, blob) = self.row(topic, head_seq)?;
        let blob = blob.to_vec();
        let (listed, unlisted) = match head.standing.is_live() {
            true => (Standing::Shown, Standing::Hidden),
            false => (Standing::Deleted, Standing::Gone),
        };
        if row.id > head.id {
            row.standing = unlisted;
            return self.put_twin(topic, group, &row.id, seq);
        }
        (row.standing, row.edit) = (listed, head.edit);
        (head.standing, head.edit) = (unlisted, Seq(0));
        self.put_row(topic, head_seq, &head, &blob)?;
        self.put_twin(topic, group, &head.id, head_seq)?;
        self.put_head(topic, group, seq)
    }

    /// An edit or a deletion comes in: it is kept in any case, and does its work if its target is there.
    fn take_effect(&mut self, comment: &Incoming, seq: Seq, key: AuthorKey, target: &AnyId) -> Result<(), StoreError> {
        let row = Row::new(comment, Standing::Hidden);
        self.keep(comment, seq, &row)?;
        let name = keys::naming_from(&comment.topic, target, &comment.id);
        self.store.tables.names.put(&mut self.txn, &name, &seq.0.to_be_bytes())?;
        for place in self.places_of(&comment.topic, target)? {
            // Only comments can be edited and deleted, and only by their author.
            if let Kind::Signed(author, group) = self.row(&comment.topic, place)?.0.kind
                && author == key
            {
                self.apply(&comment.topic, &group, seq, &row)?;
            }
        }
        Ok(())
    }

    /// Applies an edit or a deletion to a group of the same author.
    fn apply(&mut self, topic: &Topic, group: &Group, seq: Seq, effect: &Row) -> Result<(), StoreError> {
        let Some(head_seq) = self.place(&keys::head(topic, group))? else { return Ok(()) };
        let (mut head, blob) = self.row(topic, head_seq)?;
        match effect.kind {
            Kind::Deletes(..) if head.standing.is_live() => self.delete(topic, group, head_seq),
            // The edit of a deleted comment is text that its author took back.
            Kind::Edits(..) if !head.standing.is_live() => self.remove(topic, seq),
            Kind::Edits(..) if self.is_newer(topic, effect, head.edit)? => {
                head.edit = seq;
                let blob = blob.to_vec();
                self.put_row(topic, head_seq, &head, &blob)
            }
            _ => Ok(()),
        }
    }

    fn is_newer(&self, topic: &Topic, edit: &Row, present: Seq) -> Result<bool, StoreError> {
        Ok(present == Seq(0) || self.row(topic, present)?.0.edit_order() < edit.edit_order())
    }

    /// Removes a group: all its comments, and all their edits.
    fn delete(&mut self, topic: &Topic, group: &Group, head: Seq) -> Result<(), StoreError> {
        self.summary(topic)?.count -= 1;
        let mut members = self.places_under(&keys::twins(topic, group))?;
        members.push(head);
        for seq in members {
            let row = self.row(topic, seq)?.0;
            self.remove(topic, seq)?;
            let Some(author) = row.key() else { continue };
            for (effect_seq, effect) in self.effects_naming(topic, &row, author)? {
                if matches!(effect.kind, Kind::Edits(..)) {
                    self.remove(topic, effect_seq)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the blob away; the row stays as the tombstone.
    fn remove(&mut self, topic: &Topic, seq: Seq) -> Result<(), StoreError> {
        let (mut row, _) = self.row(topic, seq)?;
        if !row.standing.is_live() {
            return Ok(());
        }
        let before = self.file_of(topic, &row.legacy_id, None)?;
        (row.standing, row.edit) = (row.standing.removed(), Seq(0));
        self.put_row(topic, seq, &row, &[])?;
        self.store.tables.dates.delete(&mut self.txn, &keys::date(row.date_s, &row.id, topic))?;
        let now = self.file_of(topic, &row.legacy_id, Some(seq))?;
        self.note_file(topic, &row.legacy_id, before, now)
    }

    /// The file of this name: of several comments with the same legacy id the one with the smallest id.
    fn file_of(&self, topic: &Topic, name: &LegacyId, except: Option<Seq>) -> Result<Option<File>, StoreError> {
        let mut smallest: Option<File> = None;
        for seq in self.places_of(topic, &AnyId::Legacy(*name))? {
            if Some(seq) == except {
                continue;
            }
            let (row, blob) = self.row(topic, seq)?;
            let file = File { id: row.id, blob_bytes: blob.len() as u64 };
            if row.standing.is_live() {
                smallest = Some(smallest.map_or(file, |other| other.min(file)));
            }
        }
        Ok(smallest)
    }

    fn note_file(
        &mut self,
        topic: &Topic,
        name: &LegacyId,
        before: Option<File>,
        now: Option<File>,
    ) -> Result<(), StoreError> {
        self.folders.entry(*topic).or_default().note(*name, before.map(|file| file.id), now);
        let step = match (before, now) {
            (None, Some(_)) => 1,
            (Some(_), None) => u64::MAX,
            _ => return Ok(()),
        };
        let summary = self.summary(topic)?;
        summary.toggle(name);
        summary.files = summary.files.wrapping_add(step);
        self.whole.stored = self.whole.stored.wrapping_add(step);
        Ok(())
    }

    /// All comments that have this id.
    pub(crate) fn places_of(&self, topic: &Topic, id: &AnyId) -> Result<Vec<Seq>, StoreError> {
        self.store.places(&self.txn, topic, id)
    }

    fn places_under(&self, prefix: &[u8]) -> Result<Vec<Seq>, StoreError> {
        let mut places = Vec::new();
        for entry in self.store.tables.names.prefix_iter(&self.txn, prefix)? {
            places.extend(keys::places(entry?.1));
        }
        Ok(places)
    }

    /// The edits and deletions by this author that name this comment by either id.
    fn effects_naming(&self, topic: &Topic, row: &Row, author: AuthorKey) -> Result<Vec<(Seq, Row)>, StoreError> {
        let mut effects = Vec::new();
        for name in [AnyId::Comment(row.id), AnyId::Legacy(row.legacy_id)] {
            for seq in self.places_under(&keys::naming(topic, &name))? {
                let effect = self.row(topic, seq)?.0;
                if effect.key() == Some(author) {
                    effects.push((seq, effect));
                }
            }
        }
        Ok(effects)
    }

    fn put_row(&mut self, topic: &Topic, seq: Seq, row: &Row, blob: &[u8]) -> Result<(), StoreError> {
        Ok(self.store.tables.comments.put(&mut self.txn, &keys::row(topic, seq), &row.encode(blob))?)
    }

    fn put_head(&mut self, topic: &Topic, group: &Group, seq: Seq) -> Result<(), StoreError> {
        Ok(self.store.tables.names.put(&mut self.txn, &keys::head(topic, group), &seq.0.to_be_bytes())?)
    }

    fn put_twin(&mut self, topic: &Topic, group: &Group, id: &CommentId, seq: Seq) -> Result<(), StoreError> {
        Ok(self.store.tables.names.put(&mut self.txn, &keys::twin(topic, group, id), &seq.0.to_be_bytes())?)
    }
}
