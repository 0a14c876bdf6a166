//! Whatever the order of arrival, a topic looks the same: as [`crate::model`] says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::{CommentId, LegacyId};

use super::*;
use crate::{
    Incoming, Snapshot, Writer,
    model::{Fact, Showing, Visible, visible},
};

/// What somebody does, naming what was done before by its number.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Unsigned(u8),
    Comment { author: u8, text: u8 },
    Twin { of: usize, postmark: u8 },
    Edit { author: u8, target: usize, by_legacy_id: bool, second: u8 },
    Delete { author: u8, target: usize, by_legacy_id: bool, text: u8 },
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let author = 1..3u8;
    prop_oneof![
        1 => any::<u8>().prop_map(Act::Unsigned),
        3 => (author.clone(), 0..4u8).prop_map(|(author, text)| Act::Comment { author, text }),
        3 => (any::<usize>(), 0..3u8).prop_map(|(of, postmark)| Act::Twin { of, postmark }),
        4 => (author.clone(), any::<usize>(), any::<bool>(), 0..4u8)
            .prop_map(|(author, target, by_legacy_id, second)| Act::Edit { author, target, by_legacy_id, second }),
        2 => (author, any::<usize>(), any::<bool>(), any::<u8>())
            .prop_map(|(author, target, by_legacy_id, text)| Act::Delete { author, target, by_legacy_id, text }),
    ]
}

/// Legacy ids of a few values, as if SHA-1 were that weak: whoever makes it collide must not make servers differ.
fn weaken(comment: Incoming, weak: bool) -> Incoming {
    let legacy_id = if weak { LegacyId([comment.id.0[0] % 4; 20]) } else { comment.legacy_id };
    Incoming { legacy_id, ..comment }
}

pub(super) fn perform(acts: &[Act], weak: bool) -> Vec<Incoming> {
    let mut done: Vec<Incoming> = Vec::new();
    for act in acts {
        let id = |target: usize, by_legacy_id: bool, done: &[Incoming]| {
            let target = done.get(target % done.len().max(1))?;
            Some(if by_legacy_id { AnyId::Legacy(target.legacy_id) } else { AnyId::Comment(target.id) })
        };
        let blob = match *act {
            Act::Unsigned(text) => Some(unsigned(&text.to_string())),
            Act::Comment { author, text } => Some(comment(author, &text.to_string())),
            Act::Twin { of, postmark } => done.get(of % done.len().max(1)).and_then(|of| {
                let can_be = of.is_signed() && !of.blob.starts_with(b"Postmark");
                can_be.then(|| twin(&of.blob, postmark))
            }),
            Act::Edit { author, target, by_legacy_id, second } => {
                id(target, by_legacy_id, &done).map(|target| edit(author, target, second, "better"))
            }
            Act::Delete { author, target, by_legacy_id, text } => id(target, by_legacy_id, &done).map(|target| {
                Draft::new().header("Deletes", &target.to_string()).signed(&key(author), &format!("x{text}"))
            }),
        };
        done.extend(blob.map(|blob| weaken(from_server(topic(1), blob), weak)));
    }
    done
}

/// What a reader sees of a topic.
fn seen(snapshot: &Snapshot<'_>, topic: &Topic) -> Visible {
    let mut seen = Visible::default();
    let mut after = None;
    loop {
        let page = snapshot.page(topic, after, 2, usize::MAX).unwrap();
        for shown in page.comments {
            let showing = match (shown.blob, shown.edit) {
                (None, _) => Showing::Deleted,
                (Some(_), Some(edit)) => Showing::Edited(edit.id),
                (Some(_), None) => Showing::Original,
            };
            assert_eq!(seen.thread.insert(shown.id, showing), None, "shown twice");
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let files = snapshot.files(topic, None, usize::MAX).unwrap();
    seen.folder = files.files.iter().map(|file| (file.legacy_id, file.id)).collect();
    let dated = snapshot.dated((0, CommentId([0; 32])), usize::MAX).unwrap();
    seen.live = dated.into_iter().filter(|(_, _, of)| of == topic).map(|(_, id, _)| id).collect();
    seen
}

/// Posts comments in batches of these sizes, and follows the folder by what each batch says that it changed.
fn post_in_batches(writer: &mut Writer, comments: &[Incoming], sizes: &[usize]) -> BTreeMap<LegacyId, CommentId> {
    let mut followed = BTreeMap::new();
    let (mut rest, mut sizes) = (comments, sizes.iter().cycle());
    while !rest.is_empty() {
        let (now, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        rest = later;
        let mut batch = writer.batch().unwrap();
        for comment in now {
            batch.insert(comment).unwrap();
        }
        for (name, file) in batch.folder_changes().values().flat_map(|changes| changes.iter()) {
            match file {
                Some(file) => assert_ne!(followed.insert(name, file.id), Some(file.id), "no change"),
                None => assert!(followed.remove(&name).is_some(), "was not there"),
            }
        }
        batch.commit().unwrap();
    }
    followed
}

fn check(comments: &[Incoming], sizes: &[usize]) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let followed = post_in_batches(&mut writer, comments, sizes);
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let expected = visible(comments.iter().map(Fact::from));
    let seen = seen(&snapshot, &topic(1));
    assert_eq!(seen, expected);
    assert_eq!(followed, expected.folder);
    let summary = snapshot.topic(&topic(1)).unwrap().unwrap_or_default();
    assert_eq!((summary.count, summary.files), (expected.count(), expected.folder.len() as u64));
    assert_eq!(summary.xor, expected.xor());
    assert_eq!(snapshot.stored(), summary.files);
    if !comments.iter().any(|comment| comment.legacy_id != LegacyId::of(&comment.blob)) {
        assert_eq!(snapshot.check().unwrap().faults, Vec::<String>::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_leads_to_what_the_model_says(
        (acts, order) in prop::collection::vec(act(), 1..24).prop_flat_map(|acts| {
            let order = Just((0..acts.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(acts), order)
        }),
        sizes in prop::collection::vec(1..6usize, 1..4),
        weak: bool,
    ) {
        let comments = perform(&acts, weak);
        let shuffled: Vec<_> = order.iter().filter_map(|at| comments.get(*at).cloned()).collect();
        check(&comments, &sizes);
        check(&shuffled, &sizes);
    }
}

pub(super) fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, first.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn a_deletion_takes_a_comment_its_twin_and_its_edit_in_every_order() {
    let first = from_server(topic(1), comment(1, "one"));
    let second = from_server(topic(1), twin(&first.blob, 1));
    let better = from_server(topic(1), edit(1, AnyId::Legacy(second.legacy_id), 1, "better"));
    let gone = from_server(topic(1), deletion(1, AnyId::Comment(first.id)));
    let all = [first, second, better, gone.clone()];
    let expected = visible(all.iter().map(Fact::from));
    assert_eq!(expected.live, BTreeSet::from([gone.id]));
    assert_eq!(expected.thread.into_values().collect::<Vec<_>>(), [Showing::Deleted]);
    for order in orders(&all) {
        check(&order, &[2, 1]);
    }
}

#[test]
fn neither_edits_nor_deletions_of_others_do_anything_in_any_order() {
    let one = from_server(topic(1), comment(1, "one"));
    let wrong_edit = from_server(topic(1), edit(2, AnyId::Comment(one.id), 1, "worse"));
    let wrong_deletion = from_server(topic(1), deletion(2, AnyId::Comment(one.id)));
    let of_an_edit = from_server(topic(1), deletion(2, AnyId::Comment(wrong_edit.id)));
    let all = [one.clone(), wrong_edit, wrong_deletion, of_an_edit];
    let expected = visible(all.iter().map(Fact::from));
    assert_eq!(expected.thread, BTreeMap::from([(one.id, Showing::Original)]));
    assert_eq!(expected.live.len(), 4);
    for order in orders(&all) {
        check(&order, &[1]);
    }
}

#[test]
fn the_latest_edit_is_shown_in_every_order() {
    let one = from_server(topic(1), comment(1, "one"));
    let target = AnyId::Comment(one.id);
    let edits = [1, 3, 2].map(|second| from_server(topic(1), edit(1, target, second, "better")));
    let all = [vec![one.clone()], edits.to_vec()].concat();
    let expected = visible(all.iter().map(Fact::from));
    assert_eq!(expected.thread, BTreeMap::from([(one.id, Showing::Edited(edits[1].id))]));
    for order in orders(&all) {
        check(&order, &[4]);
    }
}

#[test]
fn the_same_bytes_on_two_pages_are_two_comments() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let blob = comment(1, "here and there");
    let here = post_one(&mut writer, topic(1), blob.clone());
    let there = post_one(&mut writer, topic(2), blob);
    assert_eq!(here.id, there.id);
    assert_ne!(here.seq, there.seq);
    let gone = deletion(1, AnyId::Comment(here.id));
    post_one(&mut writer, topic(2), gone);
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(seen(&snapshot, &topic(1)).thread[&here.id], Showing::Original);
    assert_eq!(seen(&snapshot, &topic(2)).thread[&here.id], Showing::Deleted);
}
