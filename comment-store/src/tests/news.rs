//! Whoever saw a page and applies the news after it has what a page read now shows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proto::{CommentId, Seq};

use super::{
    converge::{Act, act, perform},
    *,
};
use crate::{Event, Incoming, Reader, Shown};

/// How a comment looks to a visitor: its place, its text, and the edit that the text is from.
type Look = (Seq, Option<Vec<u8>>, Option<CommentId>);

/// What a visitor's browser has: a thread, and up to where it has heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Visitor {
    thread: BTreeMap<CommentId, Look>,
    heard: Seq,
}

fn look(shown: &Shown<'_>) -> Look {
    (shown.seq, shown.blob.map(<[u8]>::to_vec), shown.edit.map(|edit| edit.id))
}

impl Visitor {
    fn loads(reader: &Reader) -> Self {
        let snapshot = reader.snapshot().unwrap();
        let page = snapshot.page(&topic(1), None, usize::MAX, usize::MAX).unwrap();
        let heard = snapshot.topic(&topic(1)).unwrap().unwrap_or_default().last_seq;
        Self { thread: page.comments.iter().map(|shown| (shown.id, look(shown))).collect(), heard }
    }

    /// Hears one answer of at most so many changes, and what kinds they were.
    fn hears(&mut self, reader: &Reader, limit: usize) -> Vec<Event> {
        let snapshot = reader.snapshot().unwrap();
        let page = snapshot.news(&topic(1), self.heard, limit, usize::MAX).unwrap();
        let mut events = Vec::new();
        for news in &page.news {
            assert!(news.seq > self.heard, "told out of order");
            if let Some(gone) = news.replaces {
                self.thread.remove(&gone);
            }
            self.thread.insert(news.comment.id, look(&news.comment));
            events.push(news.event);
        }
        let last = snapshot.topic(&topic(1)).unwrap().unwrap_or_default().last_seq;
        self.heard = page.next.unwrap_or(last);
        events
    }

    fn hears_all(&mut self, reader: &Reader, limit: usize) -> Vec<Event> {
        let last = |reader: &Reader| reader.snapshot().unwrap().topic(&topic(1)).unwrap().unwrap_or_default().last_seq;
        let mut events = Vec::new();
        while self.heard < last(reader) {
            events.extend(self.hears(reader, limit));
        }
        events
    }
}

/// Visitors come after every arrival; each hears a bit now and then, and the rest in the end.
fn check(comments: &[Incoming], limits: &[usize]) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let reader = writer.reader();
    let mut visitors = vec![Visitor::loads(&reader)];
    let mut limits = limits.iter().copied().cycle();
    for comment in comments {
        post(&mut writer, std::slice::from_ref(comment));
        for visitor in &mut visitors {
            let limit = limits.next().unwrap();
            if limit > 0 {
                visitor.hears(&reader, limit);
            }
        }
        visitors.push(Visitor::loads(&reader));
    }
    let fresh = Visitor::loads(&reader);
    for mut visitor in visitors {
        visitor.hears_all(&reader, 2);
        assert_eq!(visitor, fresh);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_page_and_the_news_after_it_are_what_a_page_is_now(
        (acts, order) in prop::collection::vec(act(), 1..20).prop_flat_map(|acts: Vec<Act>| {
            let order = Just((0..acts.len()).collect::<Vec<_>>()).prop_shuffle();
            (Just(acts), order)
        }),
        limits in prop::collection::vec(0..4usize, 1..7).prop_filter("somebody listens", |limits| limits.iter().any(|limit| *limit > 0)),
    ) {
        let comments = perform(&acts, false);
        let shuffled: Vec<_> = order.iter().filter_map(|at| comments.get(*at).cloned()).collect();
        check(&comments, &limits);
        check(&shuffled, &limits);
    }
}

fn events(comments: &[Incoming]) -> Vec<Event> {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let reader = writer.reader();
    let mut visitor = Visitor::loads(&reader);
    let mut events = Vec::new();
    for comment in comments {
        post(&mut writer, std::slice::from_ref(comment));
        events.extend(visitor.hears_all(&reader, 9));
    }
    events
}

#[test]
fn a_comment_its_edit_and_its_deletion_are_each_told_once() {
    let one = from_server(topic(1), comment(1, "one"));
    let better = from_server(topic(1), edit(1, AnyId::Comment(one.id), 1, "better"));
    let gone = from_server(topic(1), deletion(1, AnyId::Legacy(one.legacy_id)));
    assert_eq!(events(&[one, better, gone]), [Event::Comment, Event::Edit, Event::Deletion]);
}

#[test]
fn what_has_no_effect_is_not_told() {
    let one = from_server(topic(1), comment(1, "one"));
    let target = AnyId::Comment(one.id);
    let late = from_server(topic(1), edit(1, target, 9, "better"));
    let comments = [
        one.clone(),
        late,
        from_server(topic(1), edit(1, target, 1, "an older edit that comes later")),
        from_server(topic(1), edit(2, target, 10, "by a stranger")),
        from_server(topic(1), deletion(2, target)),
        from_server(topic(1), deletion(1, target)),
        from_server(topic(1), edit(1, target, 11, "of what is deleted")),
        from_server(topic(1), Draft::new().header("Deletes", &target.to_string()).signed(&key(1), "again")),
    ];
    assert_eq!(events(&comments), [Event::Comment, Event::Edit, Event::Deletion]);
}

#[test]
fn an_edit_that_was_there_first_is_told_with_its_comment() {
    let one = from_server(topic(1), comment(1, "one"));
    let better = from_server(topic(1), edit(1, AnyId::Comment(one.id), 1, "better"));
    assert_eq!(events(&[better, one]), [Event::Comment]);
}

#[test]
fn a_twin_that_is_shown_in_place_of_another_names_it() {
    let mut twins: Vec<_> = (0..4).map(|number| from_server(topic(1), twin(&comment(1, "one"), number))).collect();
    twins.sort_by_key(|twin| std::cmp::Reverse(twin.id));
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    for twin in &twins {
        post(&mut writer, std::slice::from_ref(twin));
    }
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let page = snapshot.news(&topic(1), Seq(0), 9, usize::MAX).unwrap();
    let replaced: Vec<_> = page.news.iter().map(|news| news.replaces).collect();
    assert_eq!(replaced, [None, Some(twins[0].id), Some(twins[1].id), Some(twins[2].id)]);
    assert!(page.news.iter().all(|news| news.comment.id == twins[3].id), "each is told as it is now");
}

#[test]
fn much_news_is_cut_by_bytes_and_never_between_the_changes_of_one_arrival() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let long = "x".repeat(1_000);
    for number in 0..5 {
        post_one(&mut writer, topic(1), unsigned(&format!("{number} {long}")));
    }
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let (mut after, mut sizes) = (Seq(0), Vec::new());
    loop {
        let page = snapshot.news(&topic(1), after, 9, 2_500).unwrap();
        sizes.push(page.news.len());
        let Some(next) = page.next else { break };
        after = next;
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(snapshot.news(&topic(1), Seq(0), 9, 10).unwrap().news.len(), 1, "the first always fits");
    assert_eq!(snapshot.news(&topic(2), Seq(0), 9, 10).unwrap().news, []);
}
