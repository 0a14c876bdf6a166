//! A page that is kept up to date by news is the page.

use std::collections::BTreeMap;

use proto::threads::{Event, News, ReadNews};

use super::*;

impl Rig {
    async fn news(&self, after: Seq, limit: u16) -> News {
        self.ask(ReadNews { topic: TOPIC, after, limit }).await.unwrap()
    }

    /// The comments of the whole thread by their places.
    async fn thread(&self) -> (Seq, BTreeMap<u64, Value>) {
        let (page, json) = self.page(None, PAGE_LIMIT).await;
        let comments = json["comments"].as_array().unwrap().iter();
        (page.last_seq, comments.map(|comment| (comment["seq"].as_u64().unwrap(), comment.clone())).collect())
    }
}

fn apply(thread: &mut BTreeMap<u64, Value>, news: &News) {
    for (change, comment) in news.iter() {
        let comment: Value = serde_json::from_slice(&comment).unwrap();
        if let Some(gone) = change.replaces {
            thread.retain(|_, other| other["id"] != json!(gone));
        }
        thread.insert(comment["seq"].as_u64().unwrap(), comment);
    }
}

#[tokio::test]
async fn a_page_from_any_moment_and_its_news_are_the_page_of_now() {
    let mut rig = Rig::new();
    let mut pages = vec![rig.thread().await];
    let first = rig.post(signed("first"));
    pages.push(rig.thread().await);
    rig.post(naming("Edits", &first, "better"));
    pages.push(rig.thread().await);
    let second = rig.post(unsigned("second"));
    pages.push(rig.thread().await);
    let third = rig.post(signed("third"));
    pages.push(rig.thread().await);
    rig.post(naming("Deletes", &third, "gone"));
    // The twin of the first takes its place, or not, as their ids are.
    for number in 0..4 {
        pages.push(rig.thread().await);
        rig.post([format!("Postmark: {number}\n").as_bytes(), &signed("first")].concat());
    }
    let (last, now) = rig.thread().await;
    for (mut heard, mut thread) in pages {
        while heard < last {
            let news = rig.news(heard, 2).await;
            apply(&mut thread, &news);
            assert!(news.changes.len() <= 2 && news.next.is_none_or(|next| next > heard));
            heard = news.next.unwrap_or(news.last_seq);
        }
        assert_eq!(thread, now);
    }
    assert!(now.contains_key(&second.seq.0));
}

#[tokio::test]
async fn each_change_has_its_arrival_its_kind_and_the_comment_as_a_page_has_it() {
    let mut rig = Rig::new();
    let one = rig.post(signed("one"));
    let edit = rig.post(naming("Edits", &one, "two"));
    let news = rig.news(Seq(0), 10).await;
    let events: Vec<_> = news.changes.iter().map(|change| (change.seq, change.event)).collect();
    assert_eq!(events, [(one.seq, Event::Comment), (edit.seq, Event::Edit)]);
    assert_eq!((news.epoch, news.last_seq, news.count, news.next), (one.epoch, edit.seq, 1, None));
    let (_, json) = rig.page(None, 25).await;
    for (_, comment) in news.iter() {
        assert_eq!(serde_json::from_slice::<Value>(&comment).unwrap(), json["comments"][0]);
    }
    let quiet = rig.news(edit.seq, 10).await;
    assert_eq!((quiet.changes.len(), quiet.last_seq, quiet.next), (0, edit.seq, None));
}

#[tokio::test]
async fn much_news_is_cut_by_bytes_and_goes_on() {
    let mut rig = Rig::new();
    // Every quote becomes two bytes: what fits into the limit as blobs does not fit as JSON.
    let long = "\"".repeat(16_000);
    for number in 0..40 {
        rig.post(unsigned(&format!("{number} {long}")));
    }
    let (mut after, mut seen) = (Seq(0), Vec::new());
    loop {
        let news = rig.news(after, PAGE_LIMIT).await;
        assert!(news.comments.len() <= PAGE_BYTES);
        seen.extend(news.changes.iter().map(|change| change.seq.0));
        let Some(next) = news.next else { break };
        after = next;
    }
    assert_eq!(seen, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_is_new_where_nobody_has_commented() {
    let rig = Rig::new();
    let news = rig.ask(ReadNews { topic: NOWHERE, after: Seq(0), limit: 10 }).await.unwrap();
    assert_eq!((news.last_seq, news.count, news.folder, news.changes.len()), (Seq(0), 0, None, 0));
}
