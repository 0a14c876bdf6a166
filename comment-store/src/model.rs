//! What a topic looks like, as a pure function of the set of comments that ever came in.
//!
//! Every server that has the same set computes the same, whatever the order of arrival. The store keeps the same result
//! up to date comment by comment; `store check` and the tests compare it with this.
//!
//! 1. Signed comments with the same signed part are twins: one **group**. An unsigned comment is alone.
//! 2. An edit or a deletion **applies** to the group of each signed comment that it names, by either id, if the keys are
//!    the same. It applies to no edit and to no deletion. So a deletion cannot be taken back, and an edit is not removed
//!    by itself.
//! 3. A group is **deleted** when a deletion applies to it. Its comments lose their bytes, and so do the edits that apply
//!    to it: they are the text that the author took back.
//! 4. The **folder** holds everything that has its bytes, under its legacy id (of several with the same one the smallest
//!    id).
//! 5. The **thread** shows each group once, under its smallest id: deleted, or with the greatest (`Date`, id) of the edits
//!    that apply to it, if that one has its bytes.

use std::collections::{BTreeMap, BTreeSet};

use proto::{AnyId, CommentId, LegacyId, record::AuthorKey};

use crate::incoming::{Group, Incoming, Kind};

/// What there is to know about a comment, whether or not it still has its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// Its id.
    pub id: CommentId,
    /// Its id in the comntr network.
    pub legacy_id: LegacyId,
    /// Its date.
    pub date_s: u64,
    /// What it is to the others.
    pub kind: Kind,
}

impl From<&Incoming> for Fact {
    fn from(comment: &Incoming) -> Self {
        Self { id: comment.id, legacy_id: comment.legacy_id, date_s: comment.date_s, kind: comment.kind }
    }
}

/// How a comment of the thread is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// As it was written.
    Original,
    /// With the text of this edit.
    Edited(CommentId),
    /// As deleted.
    Deleted,
}

/// What a topic looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visible {
    /// The thread.
    pub thread: BTreeMap<CommentId, Showing>,
    /// The folder.
    pub folder: BTreeMap<LegacyId, CommentId>,
    /// Everything that has its bytes.
    pub live: BTreeSet<CommentId>,
}

impl Visible {
    /// How many comments the thread has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.thread.values().filter(|showing| **showing != Showing::Deleted).count() as u64
    }

    /// The XOR of the names in the folder.
    #[must_use]
    pub fn xor(&self) -> [u8; 20] {
        let fold = |mut xor: [u8; 20], name: &LegacyId| {
            xor.iter_mut().zip(name.0).for_each(|(byte, other)| *byte ^= other);
            xor
        };
        self.folder.keys().fold([0; 20], fold)
    }
}

/// The groups of a topic by the ids of their members.
#[derive(Debug, Default)]
struct Groups {
    heads: BTreeMap<Group, CommentId>,
    by_id: BTreeMap<CommentId, (AuthorKey, Group)>,
    by_legacy_id: BTreeMap<LegacyId, Vec<(AuthorKey, Group)>>,
}

impl Groups {
    fn of(facts: &BTreeMap<CommentId, Fact>) -> Self {
        let mut groups = Self::default();
        for fact in facts.values() {
            if let Kind::Signed(key, group) = fact.kind {
                // In the order of ids, so the first is the smallest.
                groups.heads.entry(group).or_insert(fact.id);
                groups.by_id.insert(fact.id, (key, group));
                groups.by_legacy_id.entry(fact.legacy_id).or_default().push((key, group));
            }
        }
        groups
    }

    /// The groups that an effect of this author applies to.
    fn applied(&self, author: AuthorKey, target: &AnyId) -> BTreeSet<Group> {
        let named = match target {
            AnyId::Comment(id) => self.by_id.get(id).map(std::slice::from_ref).unwrap_or_default(),
            AnyId::Legacy(id) => self.by_legacy_id.get(id).map(Vec::as_slice).unwrap_or_default(),
        };
        named.iter().filter(|(key, _)| *key == author).map(|(_, group)| *group).collect()
    }
}

/// What a topic with these comments looks like.
#[must_use]
pub fn visible(facts: impl IntoIterator<Item = Fact>) -> Visible {
    let facts: BTreeMap<CommentId, Fact> = facts.into_iter().map(|fact| (fact.id, fact)).collect();
    let groups = Groups::of(&facts);
    let mut deleted = BTreeSet::new();
    let mut edits: BTreeMap<Group, Vec<(u64, CommentId)>> = BTreeMap::new();
    for fact in facts.values() {
        match fact.kind {
            Kind::Deletes(key, target) => deleted.extend(groups.applied(key, &target)),
            Kind::Edits(key, target) => {
                let applied = groups.applied(key, &target);
                applied.into_iter().for_each(|group| edits.entry(group).or_default().push((fact.date_s, fact.id)));
            }
            Kind::Unsigned | Kind::Signed(..) => {}
        }
    }
    let is_live = |fact: &Fact| match fact.kind {
        Kind::Unsigned | Kind::Deletes(..) => true,
        Kind::Signed(_, group) => !deleted.contains(&group),
        Kind::Edits(key, target) => groups.applied(key, &target).is_disjoint(&deleted),
    };
    let live: BTreeSet<CommentId> = facts.values().filter(|fact| is_live(fact)).map(|fact| fact.id).collect();
    let showing = |group: &Group| match edits.get(group).and_then(|edits| edits.iter().max()) {
        _ if deleted.contains(group) => Showing::Deleted,
        Some((_, edit)) if live.contains(edit) => Showing::Edited(*edit),
        _ => Showing::Original,
    };
    let mut visible = Visible::default();
    visible.thread.extend(groups.heads.iter().map(|(group, head)| (*head, showing(group))));
    for fact in facts.values() {
        if fact.kind == Kind::Unsigned {
            visible.thread.insert(fact.id, Showing::Original);
        }
        if live.contains(&fact.id) {
            visible.folder.entry(fact.legacy_id).or_insert(fact.id);
        }
    }
    visible.live = live;
    visible
}
