//! Those who only read: the page without JavaScript and the feed, through all boxes.

use proto::{AnyId, record::Draft};
use rookery_tests::{
    comments::{self, Author},
    tree::Tree,
};

#[test]
fn a_feed_tells_the_newest_first_and_when_it_was_edited() {
    let tree = Tree::start();
    let (mut web, topic, author) = (tree.web(), comments::topic("feed"), Author::number(1));
    let path = format!("/{topic}/feed");
    assert!(!web.get(&path).expect(200).text().contains("<entry>"), "whoever follows a page may be there first");

    let first = comments::post(&mut web, &topic, &author.says(&topic, 1, "first words"));
    for second in 2..60 {
        comments::post(&mut web, &topic, &comments::unsigned(&topic, second, &format!("remark {second}")));
    }
    let feed = web.get(&path).expect(200);
    assert_eq!(feed.header("content-type"), "application/atom+xml; charset=utf-8");
    let told: Vec<_> = contents(&feed.text());
    assert_eq!(told, (10..60).rev().map(|second| format!("remark {second}")).collect::<Vec<_>>(), "50, newest first");
    let again = web.ask("GET", &path, &[("If-None-Match", feed.header("etag"))], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));

    let short = comments::topic("short");
    let other = comments::post(&mut web, &short, &author.says(&short, 1, "said badly"));
    let edit = Draft::new().header("Date", "2026-11-21T00:00:00Z").header("Edits", &other.id.to_string());
    comments::post(&mut web, &short, &author.signs(edit, "said better & <well>"));
    let feed = web.get(&format!("/{short}/feed")).expect(200).text();
    for part in [
        format!("<id>ipfs://{}</id>", other.id),
        "<published>2026-11-20T12:00:01Z</published><updated>2026-11-21T00:00:00Z</updated>".to_owned(),
        r#"<content type="text">said better &amp; &lt;well&gt;</content>"#.to_owned(),
    ] {
        assert!(feed.contains(&part), "no {part} in {feed}");
    }
    comments::post(&mut web, &short, &author.deletes(&short, AnyId::Comment(other.id), 3));
    assert_eq!(contents(&web.get(&format!("/{short}/feed")).expect(200).text()), [""; 0]);
    let _ = web.get(&format!("/{topic}/{}", first.id)).expect(200);
}

fn contents(feed: &str) -> Vec<String> {
    let entries = feed.split(r#"<content type="text">"#).skip(1);
    entries.filter_map(|rest| Some(rest.split_once("</content>")?.0.to_owned())).collect()
}

#[test]
fn the_pages_without_javascript_hold_every_comment_once() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("plain"));
    let ids: Vec<_> = (0..60)
        .map(|n| {
            comments::post(&mut web, &topic, &comments::unsigned(&topic, n, &format!("remark {n}"))).id.to_string()
        })
        .collect();
    let (mut seen, mut next) = (Vec::new(), Some(format!("/t/{topic}?limit=7")));
    while let Some(path) = next.take() {
        let page = web.get(&path).expect(200).text();
        seen.extend(attributes(&page, "data-comment"));
        let links = page.split("<a ").filter(|link| link.starts_with(r#"rel="next""#));
        next = links.flat_map(|link| attributes(link, "href")).next().map(|link| link.replace("&amp;", "&"));
        assert!(seen.len() <= ids.len(), "the pages have no end");
    }
    assert_eq!(seen, ids);
}

fn attributes(html: &str, name: &str) -> Vec<String> {
    let values = html.split(&format!("{name}=\"")).skip(1).map(str::to_owned).collect::<Vec<_>>();
    values.iter().filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}
