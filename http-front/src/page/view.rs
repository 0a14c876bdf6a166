//! How a thread looks as a page that needs no JavaScript. Everything that a stranger wrote passes maud's escaping.

use maud::{DOCTYPE, Markup, html};
use proto::{Seq, Topic};

use super::{
    document::{Comment, Document},
    text,
    tree::{self, Answers, Branch},
};
use crate::request::query::{DEFAULT_LIMIT, PageQuery};

/// The whole page. `base` is the address of this server.
pub(crate) fn thread(document: &Document, page: PageQuery, base: &str) -> Markup {
    let (topic, root) = (document.topic, root(base));
    let home = format!("{root}/{topic}");
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(document, page, base))
            body {
                header.site {
                    a.brand href={ (root) "/" } { img src={ (root) "/site/rook.svg" } alt="" width="24" height="24"; "Rookery" }
                }
                main {
                    div.top {
                        header.title {
                            h1 { "Comments" }
                            p.where { "on the page " code { (topic) } }
                        }
                        p { a href={ (root) "/#" (topic) } { "Write and verify" } " (that needs JavaScript)" }
                    }
                    div.read {
                        div.bar { h2.count { (heading(document.count)) } }
                        (branches(&home, &tree::grow(&topic, &document.comments), "thread"))
                        (turning(document, page, root))
                    }
                    footer.foot { a href={ (home) "/feed" } { "Feed" } }
                }
            }
        }
    }
}

/// The path of this server's address, without a slash at the end: behind a proxy it may stand below others.
fn root(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    rest.find('/').map_or("", |path| &rest[path..])
}

fn head(document: &Document, page: PageQuery, base: &str) -> Markup {
    let (topic, root) = (document.topic, root(base));
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (heading(document.count)) " · Rookery" }
            link rel="canonical" href={ (base) (address(&topic, page.after, page.limit)) };
            link rel="alternate" type="application/atom+xml" title="Newest comments" href={ (root) "/" (topic) "/feed" };
            link rel="icon" type="image/svg+xml" href={ (root) "/site/rook.svg" };
            link rel="stylesheet" href={ (root) "/site/site.css" };
        }
    }
}

fn heading(count: u64) -> String {
    match count {
        0 => "No comments".to_owned(),
        1 => "1 comment".to_owned(),
        _ => format!("{count} comments"),
    }
}

fn address(topic: &Topic, after: Option<Seq>, limit: u16) -> String {
    let after = after.map(|after| format!("after={after}"));
    let limit = (limit != DEFAULT_LIMIT).then(|| format!("limit={limit}"));
    let query: Vec<_> = [after, limit].into_iter().flatten().collect();
    format!("/t/{topic}{}{}", if query.is_empty() { "" } else { "?" }, query.join("&"))
}

/// The links to the pages before and behind this one. The one before is the first: nothing says where others begin.
fn turning(document: &Document, page: PageQuery, root: &str) -> Markup {
    if page.after.is_none() && document.next.is_none() {
        return html! {};
    }
    html! {
        nav.foot aria-label="Pages" {
            @if page.after.is_some() {
                a rel="first" href={ (root) (address(&document.topic, None, page.limit)) } { "From the beginning" }
            }
            @if document.next.is_some() {
                a rel="next" href={ (root) (address(&document.topic, document.next, page.limit)) } { "Later comments" }
            }
        }
    }
}

fn branches(home: &str, branches: &[Branch<'_>], class: &str) -> Markup {
    html! {
        @if !branches.is_empty() {
            ol class=(class) {
                @for branch in branches {
                    li.branch { (comment(home, branch)) (self::branches(home, &branch.replies, "replies")) }
                }
            }
        }
    }
}

fn comment(home: &str, branch: &Branch<'_>) -> Markup {
    let comment = branch.comment;
    html! {
        article.comment id=(comment.legacy_id) data-comment=(comment.id) {
            @match &comment.text {
                Some(text) => {
                    (byline(comment))
                    (answers(home, branch.answers))
                    div.prose { @for paragraph in text::paragraphs(text) { p dir="auto" { (text::shown(paragraph)) } } }
                }
                None => p.answers { "Deleted by its author" },
            }
        }
    }
}

fn answers(home: &str, answers: Answers<'_>) -> Markup {
    html! {
        @match answers {
            Answers::Above => {},
            Answers::Here(parent) => p.answers {
                "In reply to " a href={ "#" (parent.legacy_id) } { bdi dir="auto" { (parent.author()) } }
            },
            Answers::Elsewhere(parent) => p.answers { "In reply to " a href={ (home) "/" (parent) } { "another comment" } },
        }
    }
}

fn byline(comment: &Comment) -> Markup {
    html! {
        header.byline {
            bdi.name dir="auto" { (comment.author()) }
            @match comment.key() {
                // Names can be taken by anybody; keys cannot.
                Some(key) => code.print title={ "Signed with the key " (key) } { (short(key)) },
                None => span.tag { "unsigned" },
            }
            a.when href={ "#" (comment.legacy_id) } {
                @match comment.date() {
                    Some(date) => time datetime=(date) { (date[..10]) " " (date[11..16]) " UTC" },
                    None => "no date",
                }
            }
            @if comment.edited_by.is_some() { span.tag { "edited" } }
        }
    }
}

fn short(key: &str) -> &str {
    key.get(..8).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Everything that a page is made of.
    const TAGS: [&str; 24] = [
        "!DOCTYPE", "a", "article", "bdi", "body", "code", "div", "footer", "h1", "h2", "head", "header", "html",
        "img", "li", "link", "main", "meta", "nav", "ol", "p", "span", "time", "title",
    ];

    fn tags(html: &str) -> BTreeSet<&str> {
        let begins = html.split('<').skip(1).map(|rest| rest.trim_start_matches('/'));
        begins.map(|rest| rest.split([' ', '>']).next().unwrap_or_default()).collect()
    }

    proptest! {
        #[test]
        fn nothing_that_people_write_becomes_markup(
            written in proptest::collection::vec(("[<>\"'&/=a-z ]{0,30}|\\PC{0,30}", "([<>\"'&/=a-z \n]|\\PC){1,60}", 0_u8..6), 1..6),
        ) {
            let comments: Vec<_> = (0_u8..).zip(&written).map(|(number, (name, text, parent))| json!({
                "id": proto::CommentId([number; 32]), "legacy_id": proto::LegacyId([number; 20]), "seq": number,
                "headers": [["User", name], ["Date", name], ["Public-Key", name],
                    // Only what came before can be answered.
                    ["Parent", proto::CommentId([number.saturating_sub(*parent + 1).min(99); 32])]],
                "text": text, "signature": "valid", "edited_by": null, "deleted": false,
            })).skip(1).collect();
            let json = json!({"topic": Topic([99; 20]), "count": comments.len(), "next": 7, "comments": comments});
            let document = Document::read(json.to_string().as_bytes()).unwrap();
            let page = thread(&document, PageQuery { after: None, limit: 9 }, "http://host").into_string();
            let tags = tags(&page);
            prop_assert!(tags.iter().all(|tag| TAGS.contains(tag)), "{:?}", tags);
            prop_assert_eq!(page.matches("<article ").count(), comments.len());
            let plain = thread(&Document { comments: Vec::new(), ..document }, PageQuery { after: None, limit: 9 }, "http://host");
            prop_assert_eq!(plain.into_string().matches("<a ").count() + comments.len() + answered(&page) + links(&page), page.matches("<a ").count());
        }
    }

    #[test]
    fn behind_a_proxy_every_link_leads_below_the_configured_address() {
        let comment = json!({
            "id": proto::CommentId([1; 32]), "legacy_id": proto::LegacyId([1; 20]), "seq": 1,
            "headers": [["Parent", proto::CommentId([2; 32])]], "text": "x", "signature": "none", "edited_by": null,
        });
        let json = json!({"topic": Topic([9; 20]), "count": 1, "next": 7, "comments": [comment]});
        let document = Document::read(json.to_string().as_bytes()).unwrap();
        let query = PageQuery { after: Some(Seq(1)), limit: 9 };
        for (base, root) in [("https://known.example/talk", "/talk/"), ("http://host:8780", "/")] {
            let page = thread(&document, query, base).into_string();
            let links = page.split(['"', ' ']).collect::<Vec<_>>();
            let links = links.windows(2).filter(|pair| matches!(pair[0], "href=" | "src=")).map(|pair| pair[1]);
            let links: Vec<_> = links.filter(|link| !link.starts_with('#')).collect();
            assert_eq!(links.len(), 11, "{links:?}");
            assert!(links.iter().all(|link| link.starts_with(root) || link.starts_with(base)), "{links:?}");
        }
    }

    fn answered(page: &str) -> usize {
        page.matches("class=\"answers\"").count()
    }

    fn links(page: &str) -> usize {
        page.matches("rel=\"nofollow ugc noopener\"").count()
    }
}
