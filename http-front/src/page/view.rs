//! How a thread looks as a page that needs no JavaScript. Everything that a stranger wrote passes maud's escaping.

use maud::{DOCTYPE, Markup, html};
use proto::{Seq, Topic};

use super::{
    document::{Comment, Document},
    text,
    tree::{self, Branch},
};
use crate::request::query::{DEFAULT_LIMIT, PageQuery};

/// The whole page. `base` is the address of this server.
pub(crate) fn thread(document: &Document, page: PageQuery, base: &str) -> Markup {
    let (topic, heading) = (document.topic, heading(document.count));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (heading) " · Rookery" }
                link rel="canonical" href={ (base) (address(&topic, page.after, page.limit)) };
                link rel="alternate" type="application/atom+xml" title="Newest comments" href={ "/" (topic) "/feed" };
                link rel="stylesheet" href="/site/style.css";
            }
            body {
                main.page {
                    header { h1 { (heading) } p { a href={ "/#" (topic) } { "Write a comment" } " · "
                        a href={ "/" (topic) "/feed" } { "Feed" } } }
                    (branches(&topic, &tree::grow(&topic, &document.comments)))
                    (turning(document, page))
                }
            }
        }
    }
}

fn heading(count: u64) -> String {
    match count {
        0 => "No comments yet".to_owned(),
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
fn turning(document: &Document, page: PageQuery) -> Markup {
    if page.after.is_none() && document.next.is_none() {
        return html! {};
    }
    html! {
        nav.paging aria-label="Pages" {
            @if page.after.is_some() {
                a rel="first" href=(address(&document.topic, None, page.limit)) { "From the beginning" }
            }
            @if document.next.is_some() {
                a rel="next" href=(address(&document.topic, document.next, page.limit)) { "Later comments" }
            }
        }
    }
}

fn branches(topic: &Topic, branches: &[Branch<'_>]) -> Markup {
    html! {
        @if !branches.is_empty() {
            ol.comments {
                @for branch in branches {
                    li { (comment(topic, branch)) (self::branches(topic, &branch.replies)) }
                }
            }
        }
    }
}

fn comment(topic: &Topic, branch: &Branch<'_>) -> Markup {
    let comment = branch.comment;
    html! {
        article.comment id=(comment.legacy_id) data-comment=(comment.id) {
            @match &comment.text {
                Some(text) => {
                    (byline(comment))
                    @if let Some(parent) = branch.answers {
                        p.answers { "in reply to " a href={ "/" (topic) "/" (parent) } { "another comment" } }
                    }
                    div.text dir="auto" { (text::shown(text)) }
                }
                None => p.deleted { "This comment was deleted by its author." },
            }
        }
    }
}

fn byline(comment: &Comment) -> Markup {
    html! {
        header.byline {
            bdi.author { (comment.author()) }
            @match comment.key() {
                // Names can be taken by anybody; keys cannot.
                Some(key) => span.key title={ "signed with the key " (key) } { (short(key)) },
                None => span.unsigned { "unsigned" },
            }
            a href={ "#" (comment.legacy_id) } {
                @match comment.date() {
                    Some(date) => time datetime=(date) { (date[..10]) " " (date[11..16]) " UTC" },
                    None => "undated",
                }
            }
            @if comment.edited_by.is_some() { span.edited { "edited" } }
        }
    }
}

fn short(key: &str) -> &str {
    key.get(..8).unwrap_or(key)
}
