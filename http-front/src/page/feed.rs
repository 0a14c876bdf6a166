//! The newest comments of a thread as an Atom feed (RFC 4287), which readers of news follow.

use std::{borrow::Cow, io};

use proto::{Seq, Topic};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::document::Comment;

/// RFC 4287 wants a date where the author gave none that can be read.
const UNKNOWN_DATE: &str = "1970-01-01T00:00:00Z";
/// A title is the beginning of the text, so long at most.
const TITLE_CHARACTERS: usize = 80;

type Xml = Writer<Vec<u8>>;

/// A comment that is told.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) comment: &'a Comment,
    /// When the text was changed last.
    pub(crate) edited: Option<String>,
}

impl Entry<'_> {
    fn published(&self) -> &str {
        self.comment.date().unwrap_or(UNKNOWN_DATE)
    }

    fn updated(&self) -> &str {
        self.edited.as_deref().unwrap_or(self.published())
    }

    fn text(&self) -> &str {
        self.comment.text.as_deref().unwrap_or_default()
    }
}

/// Writes the feed of these entries, newest first.
pub(crate) fn write(topic: Topic, entries: &[Entry<'_>], base: &str) -> String {
    let mut xml = Writer::new(Vec::new());
    document(&mut xml, topic, entries, base).expect("writing to memory does not fail");
    String::from_utf8(xml.into_inner()).expect("it was written as text")
}

fn document(xml: &mut Xml, topic: Topic, entries: &[Entry<'_>], base: &str) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    let feed = xml.create_element("feed").with_attribute(("xmlns", "http://www.w3.org/2005/Atom"));
    feed.write_inner_content(|xml| {
        element(xml, "id", &format!("urn:rookery:topic:{topic}"))?;
        element(xml, "title", &format!("Comments on {topic}"))?;
        // Dates of this form sort as texts do.
        element(xml, "updated", entries.iter().map(Entry::updated).max().unwrap_or(UNKNOWN_DATE))?;
        element(xml, "generator", "Rookery")?;
        link(xml, "self", "application/atom+xml", &format!("{base}/{topic}/feed"))?;
        link(xml, "alternate", "text/html", &format!("{base}/t/{topic}"))?;
        entries.iter().try_for_each(|one| entry(xml, topic, one, base))
    })?;
    Ok(())
}

fn entry(xml: &mut Xml, topic: Topic, entry: &Entry<'_>, base: &str) -> io::Result<()> {
    let comment = entry.comment;
    xml.create_element("entry").write_inner_content(|xml| {
        element(xml, "id", &format!("ipfs://{}", comment.id))?;
        element(xml, "title", &title(entry.text()))?;
        element(xml, "published", entry.published())?;
        element(xml, "updated", entry.updated())?;
        xml.create_element("author").write_inner_content(|xml| element(xml, "name", &comment.author()))?;
        link(xml, "alternate", "text/html", &place(topic, comment, base))?;
        let content = xml.create_element("content").with_attribute(("type", "text"));
        content.write_text_content(BytesText::new(&allowed(entry.text())))?;
        Ok(())
    })?;
    Ok(())
}

/// The page that begins with a comment: where it stands in the thread moves when others are deleted, but not its number.
fn place(topic: Topic, comment: &Comment, base: &str) -> String {
    let before = Seq(comment.seq.0.saturating_sub(1));
    format!("{base}/t/{topic}?after={before}#{}", comment.legacy_id)
}

/// The first line that says something, cut at a word if it can be.
fn title(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let Some((cut, _)) = line.char_indices().nth(TITLE_CHARACTERS) else { return line.to_owned() };
    let end = line[..cut].rfind(char::is_whitespace).filter(|end| *end > 0).unwrap_or(cut);
    format!("{}…", line[..end].trim_end())
}

fn element(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(&allowed(text)))?;
    Ok(())
}

fn link(xml: &mut Xml, rel: &str, kind: &str, href: &str) -> io::Result<()> {
    let attributes = [("rel", rel), ("type", kind), ("href", href)];
    xml.create_element("link").with_attributes(attributes).write_empty()?;
    Ok(())
}

/// A text without the characters that XML 1.0 forbids, escaped or not; a mark stands in their place.
fn allowed(text: &str) -> Cow<'_, str> {
    let is_allowed = |character: char| matches!(character, '\t' | '\n' | ' '..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().all(is_allowed) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.replace(|character| !is_allowed(character), "\u{fffd}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::{CommentId, LegacyId};
    use roxmltree::{Document, Node};

    use super::{super::document::Signature, *};

    const TOPIC: Topic = Topic([0xab; 20]);
    const BASE: &str = "https://comments.example";
    const ATOM: &str = "http://www.w3.org/2005/Atom";

    fn comment(number: u8, headers: &[(&str, &str)], text: &str) -> Comment {
        Comment {
            id: CommentId([number; 32]),
            legacy_id: LegacyId([number; 20]),
            seq: Seq(number.into()),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            text: Some(text.to_owned()),
            signature: Signature::Valid,
            edited_by: None,
        }
    }

    fn children<'a>(node: &Node<'a, 'a>, name: &str) -> Vec<Node<'a, 'a>> {
        node.children().filter(|child| child.has_tag_name((ATOM, name))).collect()
    }

    fn text(node: &Node<'_, '_>, name: &str) -> String {
        let [child] = children(node, name)[..] else { panic!("exactly one {name}") };
        child.text().unwrap_or_default().to_owned()
    }

    /// What RFC 4287 demands of a feed (section 4.1.1) and of an entry (section 4.1.2), as its RELAX NG schema has it.
    fn assert_valid(feed: &Node<'_, '_>) {
        assert!(feed.has_tag_name((ATOM, "feed")));
        assert_shape(feed, &["id", "title", "updated", "generator", "link", "entry"]);
        let ids: Vec<_> = children(feed, "entry").iter().map(|entry| text(entry, "id")).collect();
        for entry in children(feed, "entry") {
            assert_shape(&entry, &["id", "title", "published", "updated", "author", "link", "content"]);
            let [author] = children(&entry, "author")[..] else { panic!("one author") };
            assert!(!text(&author, "name").trim().is_empty());
            let [content] = children(&entry, "content")[..] else { panic!("one content") };
            assert_eq!(
                (content.attribute("type"), content.children().all(|child| child.is_text())),
                (Some("text"), true)
            );
            assert!(
                super::super::document::is_date(&text(&entry, "published"))
                    || text(&entry, "published") == UNKNOWN_DATE
            );
        }
        assert!(ids.iter().all(|id| ids.iter().filter(|other| *other == id).count() == 1), "{ids:?}");
    }

    fn assert_shape(node: &Node<'_, '_>, may: &[&str]) {
        for child in node.children() {
            assert!(child.is_element() && may.contains(&child.tag_name().name()), "{child:?}");
        }
        assert!(text(node, "id").contains(':') && !text(node, "updated").is_empty());
        text(node, "title");
        let alternates = children(node, "link").into_iter().filter(|link| link.attribute("rel") == Some("alternate"));
        assert_eq!(alternates.count(), 1);
        assert!(
            children(node, "link").iter().all(|link| link.attribute("href").is_some_and(|href| href.starts_with(BASE)))
        );
    }

    #[test]
    fn a_feed_is_golden() {
        let first =
            comment(2, &[("Date", "2026-11-20T16:47:05.101Z"), ("User", "Kim <3")], "One & two\n\n<b>three</b>");
        let second = comment(1, &[], "undated");
        let entries = [
            Entry { comment: &first, edited: Some("2026-11-21T00:00:00Z".to_owned()) },
            Entry { comment: &second, edited: None },
        ];
        let (topic, ids) = (TOPIC, [first.id, second.id]);
        let golden = [
            r#"<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">"#.to_owned(),
            format!("<id>urn:rookery:topic:{topic}</id><title>Comments on {topic}</title>"),
            "<updated>2026-11-21T00:00:00Z</updated><generator>Rookery</generator>".to_owned(),
            format!(r#"<link rel="self" type="application/atom+xml" href="{BASE}/{topic}/feed"/>"#),
            format!(r#"<link rel="alternate" type="text/html" href="{BASE}/t/{topic}"/>"#),
            format!("<entry><id>ipfs://{}</id><title>One &amp; two</title>", ids[0]),
            "<published>2026-11-20T16:47:05.101Z</published><updated>2026-11-21T00:00:00Z</updated>".to_owned(),
            "<author><name>Kim &lt;3</name></author>".to_owned(),
            format!(r#"<link rel="alternate" type="text/html" href="{BASE}/t/{topic}?after=1#{}"/>"#, first.legacy_id),
            r#"<content type="text">One &amp; two"#.to_owned(),
            "\n\n&lt;b&gt;three&lt;/b&gt;</content></entry>".to_owned(),
            format!("<entry><id>ipfs://{}</id><title>undated</title>", ids[1]),
            "<published>1970-01-01T00:00:00Z</published><updated>1970-01-01T00:00:00Z</updated>".to_owned(),
            "<author><name>Anonymous</name></author>".to_owned(),
            format!(r#"<link rel="alternate" type="text/html" href="{BASE}/t/{topic}?after=0#{}"/>"#, second.legacy_id),
            r#"<content type="text">undated</content></entry></feed>"#.to_owned(),
        ];
        let feed = write(TOPIC, &entries, BASE);
        assert_eq!(feed, golden.concat());
        assert_valid(&Document::parse(&feed).unwrap().root_element());
    }

    #[test]
    fn the_feed_of_a_thread_without_comments_is_one_too() {
        assert_valid(&Document::parse(&write(TOPIC, &[], BASE)).unwrap().root_element());
    }

    #[test]
    fn a_title_is_the_first_line_and_not_too_long() {
        let rows = [
            ("\n  first \nsecond", "first".to_owned()),
            (&"word ".repeat(40), format!("{}…", ["word"; 16].join(" "))),
            (&"é".repeat(100), format!("{}…", "é".repeat(80))),
        ];
        for (text, expected) in rows {
            assert_eq!(title(text), expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_people_write_the_feed_is_valid(
            texts in proptest::collection::vec("(\\PC|[\u{0}-\u{a0}\u{fffe}\u{ffff}<>&\\]\"]){1,60}", 1..5),
            name in "[^\n]{0,20}",
        ) {
            let numbered = texts.iter().zip(1..);
            let comments: Vec<_> =
                numbered.map(|(text, number)| comment(number, &[("User", &name), ("Date", &name)], text)).collect();
            let entries: Vec<_> = comments.iter().map(|comment| Entry { comment, edited: None }).collect();
            let feed = write(TOPIC, &entries, BASE);
            let document = Document::parse(&feed).unwrap();
            assert_valid(&document.root_element());
            for (entry, text) in children(&document.root_element(), "entry").iter().zip(&texts) {
                let shown = self::text(entry, "content");
                prop_assert_eq!(shown.chars().count(), text.chars().count());
            }
        }
    }
}
